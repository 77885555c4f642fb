"""`mdjax prepare` of annotated pairs as a person types it."""

import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mdjax.cli import prepare
from mdjax.cli.main import EXIT_BAD_INPUT
from mdjax.cli.prepare import run_prepare
from mdjax.data.source import open_split
from mdjax.types import MdjaxError
from tests.cli.running import run
from tests.data.factories import encode_png
from tests.data_builders.published.raw_published import write_flir_aligned, write_llvip
from tests.data_builders.raw_pairs import (
    make_thermal_u16,
    write,
    write_annotations,
    write_kaist_pairs,
    write_list,
    write_msrs,
    write_rgbt,
)
from tests.data_builders.reading import read_metadata, read_records

PUBLISHED = ("llvip", "flir-aligned", "m3fd", "fmb", "pst900", "cvc14", "flir-adas-v2")
NAMES = ("set00/V000/I00001", "set03/V001/I00007")


def _run(capsys: pytest.CaptureFixture[str], *arguments: Any) -> list[list[str]]:
    """Words of each line that the command printed."""
    assert run_prepare([str(argument) for argument in arguments]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    return [[cell for cell in row if cell not in "│┃"] for row in rows]


@pytest.fixture
def kaist(tmp_path: Path) -> list[Any]:
    """A command that prepares a training and a test split."""
    raw_dir = write_kaist_pairs(tmp_path / "raw", NAMES)
    lines = ["person 2 3 4 5 2", "cyclist 2 3 4 5 0"]
    annotations = write_annotations(tmp_path / "annotations", dict.fromkeys(NAMES, lines))
    command: list[Any] = ["kaist", "--raw", raw_dir, "--data-dir", tmp_path / "data"]
    for split, name in zip(("train", "test"), NAMES, strict=True):
        command += [f"--{split}-list", write_list(tmp_path / f"{split}.txt", [name])]
        command += [f"--{split}-annotations", annotations]
    return command


def test_kaist_prints_rules_and_counts(
    kaist: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = _run(capsys, *kaist)
    assert ["day", "images", "1", "0"] in rows
    assert ["night", "images", "0", "1"] in rows
    assert ["person:", "positive", "boxes", "0", "1"] in rows
    assert ["person:", "ignored", "boxes", "1", "0"] in rows
    assert ["cyclist:", "positive", "boxes", "1", "0"] in rows
    assert ["cyclist:", "ignored", "boxes", "0", "1"] in rows
    notes = [" ".join(row) for row in rows if row[:1] == ["Note:"]]
    assert "Note: test: positive: person; ignored: people, person?, cyclist," in notes[3]


def test_kaist_takes_a_rule_of_ones_own(
    kaist: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = ("--train-rule.positive", "person", "--train-rule.dropped", "cyclist", "dog")
    rows = _run(capsys, *kaist, *rule, "--train-rule.ignored-when-heavy", "--name", "strict")
    assert ["person:", "positive", "boxes", "1", "1"] in rows
    assert ["cyclist:", "dropped", "boxes", "1", "0"] in rows
    assert list(tmp_path.glob("data/kaist/strict/*/dataset_info.json"))


def test_kaist_prepares_a_validation_split_by_the_rule_of_training(
    kaist: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kaist = [*kaist[:-4], "--val-list", write_list(tmp_path / "val.txt", NAMES[1:])]
    rows = _run(capsys, *kaist)
    assert ["person:", "ignored", "boxes", "1", "1"] in rows


def test_kaist_list_without_annotations_is_refused(kaist: list[Any]) -> None:
    with pytest.raises(MdjaxError, match=r"--test-list needs --test-annotations DIR"):
        run_prepare([str(argument) for argument in kaist[:-2]])


def test_msrs_takes_classes_and_a_validation_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw_dir = write_msrs(tmp_path / "raw", ("1D", "2N", "3D"), ("4N",))
    options = ("--classes", "person", "car", "--val-every", 3)
    rows = _run(capsys, "msrs", "--raw", raw_dir, "--data-dir", tmp_path / "data", *options)
    assert ["images", "2", "1", "1"] in rows
    assert ["car:", "positive", "boxes", "2", "1", "1"] in rows


def test_rgbt_folder_takes_the_range_of_16_bits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw_dir = write_rgbt(tmp_path / "raw", {"test": ("a",)})
    write(raw_dir / "labels/a.txt", "0 .5 .5 .5 .5\n")
    write(raw_dir / "thermal/a.png", encode_png(make_thermal_u16(1)))
    command = ("rgbt-folder", "--raw", raw_dir, "--data-dir", tmp_path / "data")
    rows = _run(capsys, *command, "--thermal-range-counts", 7000, 9000)
    assert ["deer:", "positive", "boxes", "1"] in rows
    (folder,) = tmp_path.glob("data/rgbt_folder/default/[0-9]*")
    assert read_metadata(folder)["thermal_range_counts"] == [7000, 9000]
    assert len(read_records(folder, "test")) == 1


def test_warnings_are_printed_last_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw_dir = write_rgbt(tmp_path / "raw", {"test": ("a",)})
    write(raw_dir / "labels/a.txt", "")
    command = ("rgbt-folder", "--raw", raw_dir, "--data-dir", tmp_path / "data")
    text = "Warning: test: there is no positive box; nothing can be scored there."
    assert " ".join(_run(capsys, *command)[-1]) == text
    (folder,) = tmp_path.glob("data/rgbt_folder/default/[0-9]*")
    assert read_metadata(folder)["notes"] == [text]


@pytest.mark.parametrize("annotation", ["labels", "masks"])
def test_command_that_trains_on_an_own_folder_is_named_and_works(
    annotation: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    raw_dir = write_rgbt(tmp_path / "raw", {"train": ("a", "b"), "test": ("c",)})
    for name in "abc":
        if annotation == "labels":
            write(raw_dir / f"labels/{name}.txt", "1 0.5 0.5 0.4 0.5\n")
        else:
            write(raw_dir / f"masks/{name}.png", encode_png(np.ones((12, 16), np.uint8)))
    monkeypatch.chdir(tmp_path)
    rows = _run(capsys, "rgbt-folder", "--raw", raw_dir, "--name", "forest")
    text = " ".join(word for row in rows for word in row)
    command, _, remark = text.partition("Train on it: mdjax ")[2].partition(" (")
    assert bool(remark) == (annotation == "labels")
    configs: list[Any] = []

    def take(config: Any, *_: Any, **__: Any) -> Any:
        configs.append(config)
        return SimpleNamespace(format_table=lambda: "")

    monkeypatch.setattr("mdjax.cli.train.train", take)
    assert run(*shlex.split(command)) == 0
    (config,) = configs
    split = open_split(config.dataset, "train", config.data_dir)
    expected = ("boar",) if annotation == "labels" else ("deer", "boar")
    assert config.task.get_class_names(split) == expected


def test_many_equal_faults_are_one_line_and_listed_in_a_file(tmp_path: Path) -> None:
    """20,000 annotations of a class that classes.txt lacks: four lines."""
    raw_dir = write_rgbt(tmp_path / "raw", {"test": ("a",)})
    annotation = {"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4]}
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 16, "height": 12}],
        "categories": [{"id": 2, "name": "wolf"}],
        "annotations": [annotation] * 20_000,
    }
    write(raw_dir / "annotations.json", json.dumps(content))
    with pytest.raises(MdjaxError) as error:
        run_prepare(["rgbt-folder", "--raw", str(raw_dir), "--data-dir", str(tmp_path / "data")])
    first, kind, _, last = str(error.value).splitlines()
    assert "20,000 problems" in first
    assert "20,000 times: category 'wolf' is unknown; add it to classes.txt, which has" in kind
    assert "(annotations.json, annotation 0; annotations.json, annotation 1; " in kind
    path = tmp_path / "data" / "raw_problems.txt"
    assert last == f"All of them, one per line: {path}"
    assert len(path.read_text().splitlines()) == 20_001
    assert list((tmp_path / "data").iterdir()) == [path]


@pytest.mark.parametrize(
    "name", ["kaist", "msrs", "llvip", "flir-aligned", "m3fd", "fmb", "pst900", "rgbt-folder"]
)
def test_help_names_the_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run_prepare([name, "--help"])
    assert stop.value.code in (None, 0)
    text = capsys.readouterr().out
    for option in ("--raw", "--data-dir", "--name", "--overwrite"):
        assert option in text


@pytest.mark.parametrize("name", ["mfnet", "synthetic"])
def test_help_of_data_sets_without_names_has_the_shared_options(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run_prepare([name, "--help"])
    text = capsys.readouterr().out
    assert "Folder of prepared data sets. (default: data)" in text
    assert "Replace what was prepared before. (default: False)" in text
    assert "--name" not in text


def test_each_data_set_has_a_line_in_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run_prepare(["--help"])
    text = capsys.readouterr().out
    for name in PUBLISHED:
        assert re.search(rf"• {name} +Check ", text)


def test_missing_folder_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("prepare", "msrs") == EXIT_BAD_INPUT
    assert "Missing from mdjax prepare msrs:\n    --raw PATH\n" in capsys.readouterr().err


def _write_faulty_rgbt(folder: Path) -> Path:
    """One faulty pair, and one whose box is clipped."""
    raw_dir = write_rgbt(folder, {"test": ("a", "b", "c")})
    for name, line in (("a", "0 0 .5 .5 .5"), ("b", "9 .5 .5 .5 .5"), ("c", "0 .5 .5 .5 .5")):
        write(raw_dir / f"labels/{name}.txt", f"{line}\n")
    return raw_dir


def test_faulty_pairs_are_left_out_counted_and_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw_dir = _write_faulty_rgbt(tmp_path / "raw")
    command = ("rgbt-folder", "--raw", raw_dir, "--data-dir", tmp_path / "data", "--skip-faulty")
    lines = [" ".join(row) for row in _run(capsys, *command)]
    assert "images 2" in lines
    assert "Warning: 1 of 3 pairs left out as faulty (b);" in " ".join(lines[-3:])
    path = tmp_path / "data" / "raw_left_out.txt"
    start = lines.index("Left out 1 faulty pair:")
    assert lines[start + 1].startswith("labels/b.txt, line 1: class 9 is unknown")
    assert lines[start + 2] == f"All of them, one per line: {path}"
    assert path.read_text().startswith("b\tlabels/b.txt, line 1: class 9 is unknown")
    assert len(path.read_text().splitlines()) == 1


@pytest.mark.parametrize("skips", [True, False])
def test_report_holds_all_that_was_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], skips: bool
) -> None:
    raw_dir = _write_faulty_rgbt(tmp_path / "raw")
    (raw_dir / "depth").mkdir()
    write(raw_dir / "depth/a.png", encode_png(np.ones((2, 2), np.uint8)))
    path = tmp_path / "reports" / "report.json"
    command = ["rgbt-folder", "--raw", raw_dir, "--data-dir", tmp_path / "data", "--report", path]
    if skips:
        _run(capsys, *command, "--skip-faulty")
    else:
        with pytest.raises(MdjaxError, match="1 problem with the RGB-thermal files"):
            run_prepare([str(argument) for argument in command])
    report = json.loads(path.read_text())
    assert report["is_prepared"] is skips
    assert report["dataset"] == ("rgbt_folder/default" if skips else None)
    assert report["left_out"] == (["b"] if skips else [])
    assert report["num_faults"] == 1
    (fault,) = (entry for entry in report["findings"] if entry["severity"] == "fault")
    assert fault == {
        "severity": "fault",
        "place": "labels/b.txt, line 1",
        "what": "class 9 is unknown, classes.txt names 0..1",
        "remedy": "add lines to it, or correct the number",
        "pairs": ["b"],
        "text": "labels/b.txt, line 1: class 9 is unknown, classes.txt names 0..1; add lines to "
        "it, or correct the number.",
    }
    others = {entry["severity"]: entry["text"] for entry in report["findings"][1:]}
    assert "depth/" in others["warning"]
    assert ("clipped" in others.get("note", "")) is skips


def test_report_is_written_of_what_has_no_files_at_all(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    command = ["msrs", "--raw", str(tmp_path / "raw"), "--report", str(path)]
    with pytest.raises(MdjaxError, match="there is no such folder"):
        run_prepare([*command, "--data-dir", str(tmp_path / "data")])
    (fault,) = json.loads(path.read_text())["findings"]
    assert fault["what"] == "there is no such folder"
    assert fault["place"] == str(tmp_path / "raw")


def test_report_that_cannot_be_written_hides_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as on a disk that is full by then; what can be known is refused at once."""
    write(tmp_path / "file", "")
    command = ["msrs", "--raw", str(tmp_path / "raw"), "--report"]
    with pytest.raises(MdjaxError, match="file is not a folder; give another folder"):
        run_prepare([*command, str(tmp_path / "file" / "report.json")])
    with pytest.raises(MdjaxError, match=r"--report .*: is a folder; give the name of a file"):
        run_prepare([*command, str(tmp_path)])

    def fail(*_: Any, **__: Any) -> None:
        raise MdjaxError("No space left on device")

    monkeypatch.setattr(prepare, "write_report", fail)
    with pytest.raises(MdjaxError, match="there is no such folder") as error:
        run_prepare([*command, str(tmp_path / "report.json")])
    assert "The report could not be written (No space" in str(error.value).splitlines()[-1]


def test_contact_sheet_lies_beside_the_records_or_where_it_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw_dir = write_msrs(tmp_path / "raw", ("1D", "2N", "3D"), ("4N",))
    command = ("msrs", "--raw", raw_dir, "--val-every", 0, "--data-dir", tmp_path / "data")
    _run(capsys, *command)
    path = tmp_path / "data/msrs/default/contact_sheet.png"
    assert path.read_bytes().startswith(b"\x89PNG")
    rows = _run(capsys, *command, "--contact-sheet", tmp_path / "sheet.png")
    assert f"Look at some pairs: {tmp_path / 'sheet.png'}" in [" ".join(row) for row in rows]
    assert (tmp_path / "sheet.png").read_bytes() == path.read_bytes()
    assert len(open_split("msrs", "train", tmp_path / "data")) == 3


def test_contact_sheet_of_another_format_is_refused_at_once(tmp_path: Path) -> None:
    command = ["prepare", "msrs", "--raw", "nowhere", "--contact-sheet", str(tmp_path / "a.jpg")]
    with pytest.raises(
        MdjaxError, match=r"--contact-sheet .*a\.jpg: give a name that ends in .png"
    ):
        run_prepare(command[1:])


def test_contact_sheet_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that was asked for is an error; without it the data set is prepared all the same."""
    raw_dir = write_msrs(tmp_path / "raw", ("1D", "2N", "3D"), ("4N",))
    command = ("msrs", "--raw", raw_dir, "--val-every", 0, "--data-dir", tmp_path / "data")
    (tmp_path / "data/msrs/default/contact_sheet.png").mkdir(parents=True)
    lines = [" ".join(row) for row in _run(capsys, *command)]
    assert any(line.startswith("Note: there is no contact sheet: ") for line in lines)
    sheets = tmp_path / "new" / "sheets"
    _run(capsys, *command, "--contact-sheet", sheets / "a.png")
    assert (sheets / "a.png").is_file()
    (sheets / "b.png").mkdir()
    with pytest.raises(MdjaxError, match=r"b\.png: is a folder; give the name of a file"):
        run_prepare([str(x) for x in (*command, "--contact-sheet", sheets / "b.png")])


def test_progress_is_shown_of_checking_and_of_writing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdjax.cli.prepare.shows_progress", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    raw_dir = write_msrs(tmp_path / "raw", ("1D", "2N", "3D"), ("4N",))
    run_prepare(["msrs", "--raw", str(raw_dir), "--val-every", "0", "--data-dir", str(tmp_path)])
    shown = capsys.readouterr().err
    for step in ("Checking MSRS", "Writing msrs (train)", "Writing msrs (test)"):
        assert step in shown


def test_command_that_trains_on_a_published_set_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw_dir = write_llvip(tmp_path / "raw", {"train": ("010001",), "test": ("190001",)})
    rows = _run(capsys, "llvip", "--raw", raw_dir, "--data-dir", tmp_path / "data")
    assert ["night", "images", "1", "1"] in rows
    text = " ".join(word for row in rows for word in row)
    command = "mdjax train msrs-small-teacher runs/teacher --dataset llvip/default --data-dir "
    assert f"Train on it: {command}{tmp_path}" in text
    assert "--task.classes" not in text


def test_dropped_classes_of_a_published_set_are_not_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"train": ("FLIR_00002",), "test": ("FLIR_08864",)}
    raw_dir = write_flir_aligned(tmp_path / "raw", names)
    rows = _run(capsys, "flir-aligned", "--raw", raw_dir, "--data-dir", tmp_path / "data")
    assert ["dog:", "dropped", "boxes", "1", "1"] in rows
    text = " ".join(word for row in rows for word in row)
    assert "--task.classes car (without --task.classes, only person)" in text
