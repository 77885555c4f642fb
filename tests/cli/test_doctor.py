"""The doctor sees what is there, names what is not, and never crashes."""

import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mdjax.cli import doctor


def write_dataset(data_dir: Path, *, num_shards: int = 2) -> Path:
    """A prepared data set as TFDS describes it, with empty shards of 3 records each."""
    folder = data_dir / "mfnet" / "original" / "1.0.0"
    folder.mkdir(parents=True)
    split = {
        "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
        "name": "train",
        "numBytes": "1500000",
        "shardLengths": ["3"] * num_shards,
    }
    info = {"name": "mfnet", "fileFormat": "array_record", "splits": [split]}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    for shard in range(num_shards):
        (folder / f"mfnet-train.array_record-{shard:05d}-of-{num_shards:05d}").touch()
    return folder


def run_and_find(name: str, data_dir: Path, run_dir: Path) -> doctor.Check:
    checks = doctor.run_doctor(data_dir, run_dir)
    return next(check for check in checks if check.name == name)


def test_working_installation_is_ready(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_dataset(tmp_path)
    args = ["--data-dir", str(tmp_path), "--run-dir", str(tmp_path / "runs")]
    assert doctor.run_doctor_command(args) == 0
    output = capsys.readouterr().out
    assert "✗" not in output
    assert "Ready" in output


def test_json_is_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["--data-dir", str(tmp_path), "--run-dir", str(tmp_path), "--json"]
    doctor.run_doctor_command(args)
    report = json.loads(capsys.readouterr().out)
    assert report["is_ready"] is True
    names = [check["name"] for check in report["checks"]]
    assert {"devices", "convolution", "data", "run folder"} <= set(names)
    assert all(check["remedy"] for check in report["checks"] if check["status"] != "ok")


def test_prepared_data_set_is_counted(tmp_path: Path) -> None:
    """Two shards of 3 records; 1,500,000 bytes are 1.43 MiB, rounded up to 2."""
    write_dataset(tmp_path)
    check = run_and_find("data mfnet/original:1.0.0", tmp_path, tmp_path)
    assert (check.status, check.detail) == ("ok", "train 6; 2 MiB")


def test_lost_shard_is_named(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path)
    (folder / "mfnet-train.array_record-00001-of-00002").unlink()
    check = run_and_find("data mfnet/original:1.0.0", tmp_path, tmp_path)
    assert check.status == "broken"
    assert "mfnet-train.array_record-00001-of-00002" in check.detail
    assert str(folder) in check.remedy


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"splits": 3}'])
def test_damaged_description_is_named(tmp_path: Path, text: str) -> None:
    folder = write_dataset(tmp_path)
    (folder / "dataset_info.json").write_text(text)
    check = run_and_find("data mfnet/original:1.0.0", tmp_path, tmp_path)
    assert check.status == "broken"
    assert "dataset_info.json" in check.detail


def test_empty_data_folder_says_how_data_sets_are_prepared(tmp_path: Path) -> None:
    check = run_and_find("data", tmp_path, tmp_path)
    assert check.status == "absent"
    assert check.detail == f"nothing is prepared in {tmp_path}; the demo does not need it"
    assert check.remedy.startswith("mdjax prepare --help")


def test_any_prepared_data_set_will_do(tmp_path: Path) -> None:
    write_dataset(tmp_path).parents[1].rename(tmp_path / "other")
    checks = doctor.run_doctor(tmp_path, tmp_path)
    names = [check.name for check in checks if check.name.startswith("data")]
    assert names == ["data other/original:1.0.0"]


def test_broken_data_set_is_no_empty_folder(tmp_path: Path) -> None:
    (write_dataset(tmp_path) / "dataset_info.json").write_text("")
    checks = doctor.run_doctor(tmp_path, tmp_path)
    statuses = [check.status for check in checks if check.name.startswith("data")]
    assert statuses == ["broken"]


def test_run_folder_that_cannot_be_written_is_broken(tmp_path: Path) -> None:
    file = tmp_path / "runs"
    file.touch()
    check = run_and_find("run folder", tmp_path, file)
    assert check.status == "broken"
    assert check.remedy


def test_looking_leaves_nothing_behind(tmp_path: Path) -> None:
    doctor.run_doctor(tmp_path / "data", tmp_path / "runs")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["onnxruntime", "openvino", "torch", "wandb"])
def test_optional_packages_are_told_with_what_they_are_for(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def get_version(package: str) -> str:
        if package not in installed:
            raise importlib.metadata.PackageNotFoundError(package)
        return "1.2.3"

    monkeypatch.setattr(importlib.metadata, "version", get_version)
    installed = {name}
    there = run_and_find(name, tmp_path, tmp_path)
    assert (there.status, there.remedy) == ("ok", "")
    assert there.detail.startswith("1.2.3, for ")
    installed = set()
    absent = run_and_find(name, tmp_path, tmp_path)
    assert absent.status == "absent"
    assert absent.detail.startswith("not installed; only for ")
    assert absent.remedy.startswith("pip install ")


@pytest.mark.parametrize(
    ("requirements", "status", "expected"),
    [
        (["numpy>=2.0", "absent-one>=1.0; extra == 'dev'"], "ok", "numpy "),
        (["numpy>=999.1"], "broken", "is older than 999.1"),
        (["mdjax-absent-one>=1.0"], "broken", "mdjax-absent-one is missing"),
    ],
)
def test_requirements_are_compared_with_what_is_installed(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    requirements: list[str],
    status: str,
    expected: str,
) -> None:
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: requirements)
    check = run_and_find("packages", tmp_path, tmp_path)
    assert check.status == status
    assert expected in check.detail


def test_library_that_does_not_load_is_a_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(name: str) -> Callable[..., Any]:
        raise ImportError(f"lib{name}.so: cannot open shared object file")

    monkeypatch.setattr("importlib.import_module", refuse)
    args = ["--data-dir", str(tmp_path), "--run-dir", str(tmp_path), "--json"]
    assert doctor.run_doctor_command(args) == 1
    report = json.loads(capsys.readouterr().out)
    broken = [check for check in report["checks"] if check["status"] == "broken"]
    assert [check["name"] for check in broken] == ["imports"]
    assert "libjax.so" in broken[0]["detail"]
