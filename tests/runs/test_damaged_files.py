"""Files of a run that were damaged: one message with file and remedy, never another result."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdjax.io.checkpoint import read_metadata, restore_variables
from mdjax.io.json_file import read_json, write_json
from mdjax.io.metrics_log import read_metrics
from mdjax.io.run_directory import RunDirectory
from mdjax.runs.loading import load_network
from mdjax.runs.provenance import Provenance, check_provenance
from mdjax.runs.results import read_result
from mdjax.runs.resuming import MAY_DIFFER_ON_RESUME, read_run_config, require_same_config
from mdjax.runs.stored_config import find_differences
from mdjax.types import MdjaxError
from tests.conftest import SmallRuns
from tests.runs.small import run_quietly

NUM_MUTATIONS = 60
LAST = Path("checkpoints/last")


def read_checkpoint(run_dir: Path) -> Any:
    return read_metadata(run_dir / LAST), restore_variables(run_dir / LAST)


def read_config(run_dir: Path) -> Any:
    """What is read and may be resumed; settings that touch no numbers may be edited."""
    config = read_run_config(run_dir)
    require_same_config(run_dir, config)
    return config


def read_provenance(run_dir: Path) -> Any:
    """Compared with nothing: what the run began with is named as a difference."""
    with pytest.raises(MdjaxError) as error:
        check_provenance(RunDirectory(run_dir), Provenance("", ""))
    if "began with other" not in str(error.value):
        raise error.value
    return str(error.value)


def read_log(run_dir: Path) -> Any:
    return read_metrics(run_dir / "metrics.jsonl")


def is_same(ours: Any, expected: Any) -> bool:
    if hasattr(expected, "loop"):
        return not find_differences(expected, ours, MAY_DIFFER_ON_RESUME)
    try:
        np.testing.assert_equal(ours, expected)
    except AssertionError:
        return False
    return True


READERS: dict[str, Callable[[Path], Any]] = {
    "config.json": read_config,
    "provenance.json": read_provenance,
    "result.json": lambda run_dir: str(read_result(run_dir)),
    "metrics.jsonl": read_log,
    "checkpoints/last/metadata.json": read_checkpoint,
    "checkpoints/last/leaves.json": read_checkpoint,
    "checkpoints/last/files.json": read_checkpoint,
}


def mutate(good: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(good))
    kind = rng.randrange(4)
    if kind == 0:
        return good[:place]
    if kind == 1:
        return good[:place] + bytes([rng.randrange(256)]) + good[place + 1 :]
    if kind == 2:
        return good[:place] + good[place + rng.randrange(1, 20) :]
    return (
        good[:place] + bytes(rng.randrange(256) for _ in range(rng.randrange(1, 9))) + good[place:]
    )


@pytest.mark.parametrize("name", READERS)
def test_damaged_file_is_one_message_or_changes_nothing(
    small_runs: SmallRuns, tmp_path: Path, name: str
) -> None:
    run_dir = Path(shutil.copytree(small_runs.root / "native", tmp_path / "run"))
    path, read = run_dir / name, READERS[name]
    good, expected = path.read_bytes(), read(run_dir)
    rng = random.Random(0)
    damaged = [b"", b"[]", b"3", b"null", b"{}", b"[" * 100_000, b"\xff\xfe", *good.split(b"\n", 1)]
    damaged += [mutate(good, rng) for _ in range(NUM_MUTATIONS)]
    unnoticed = []
    for content in damaged:
        path.write_bytes(content)
        try:
            found = read(run_dir)
        except MdjaxError as error:
            message = str(error)
            assert Path(name).name in message or name in message or str(run_dir / LAST) in message
            assert len(message.splitlines()) <= 20
            continue
        if not is_same(found, expected):
            unnoticed.append(content)
    if name == "metrics.jsonl":
        # No result depends on this text, in which people search: a digit that becomes another one
        # passes, and so does an end that is missing, as that of a process that was killed.
        unnoticed = [content for content in unnoticed if not is_entries(content)]
    assert unnoticed == []


def is_entries(content: bytes) -> bool:
    return not content or all(line[:8] == b'{"step":' for line in content.split(b"\n")[:-1])


# -- What the messages tell to do is done ------------------------------------------------------


def test_damaged_last_checkpoint_is_replaced_by_the_best(
    small_runs: SmallRuns, tmp_path: Path
) -> None:
    run_dir = Path(shutil.copytree(small_runs.root / "native", tmp_path / "run"))
    for file in (run_dir / LAST / "arrays" / "variables" / "d").iterdir():
        file.unlink()
        file.write_bytes(b"something else")
    config = small_runs.configs["native"]
    with pytest.raises(
        MdjaxError, match="a copy of its folder checkpoints/best as checkpoints/last"
    ):
        run_quietly(config, run_dir, resume=True)
    assert load_network(run_dir, "best").step in (2, 4)
    shutil.rmtree(run_dir / LAST)
    shutil.copytree(run_dir / "checkpoints" / "best", run_dir / LAST)
    result = run_quietly(config, run_dir, resume=True)
    np.testing.assert_equal(dict(result.scores), dict(small_runs.results["native"].scores))


def test_damaged_result_is_deleted_and_made_anew(small_runs: SmallRuns, tmp_path: Path) -> None:
    run_dir = Path(shutil.copytree(small_runs.root / "native", tmp_path / "run"))
    path = run_dir / "result.json"
    good = path.read_text()
    path.write_text(good.replace('"num_steps": 4', '"num_steps": 5'))
    with pytest.raises(MdjaxError, match=r"result\.json: damaged.*Delete it.*--resume"):
        read_result(run_dir)
    path.unlink()
    result = run_quietly(small_runs.configs["native"], run_dir, resume=True)
    assert str(read_result(run_dir)) == str(result).replace(f"tables={result.tables}", "tables={}")


def test_result_of_an_earlier_version_has_no_value_for_later_scores(
    small_runs: SmallRuns, tmp_path: Path
) -> None:
    run_dir = Path(shutil.copytree(small_runs.root / "native", tmp_path / "run"))
    path = run_dir / "result.json"
    values = {name: x for name, x in read_json(path).items() if name != "checksum"}
    for scores in values["scores"].values():
        del scores["mean_accuracy_9_absent_as_0/all"]
    write_json(path, values)
    result = read_result(run_dir)
    assert result is not None
    assert "mean_accuracy_9_absent_as_0/all" not in result.scores["test"]


def test_configuration_that_was_edited_is_put_back(small_runs: SmallRuns, tmp_path: Path) -> None:
    """An edit that touches the numbers is noticed though the command asks for the same."""
    run_dir = Path(shutil.copytree(small_runs.root / "native", tmp_path / "run"))
    path = run_dir / "config.json"
    values = read_json(path)
    write_json(path, {**values, "seed": 7})
    edited = read_run_config(run_dir)
    with pytest.raises(MdjaxError, match=r"config\.json: was changed since .*\n.*seed: 0 in the"):
        run_quietly(edited, run_dir, resume=True)
    write_json(path, read_metadata(run_dir / LAST)["config"])
    require_same_config(run_dir, small_runs.configs["native"])
    # What touches no number may be edited, such as a data folder that was moved.
    write_json(path, {**values, "data_dir": str(tmp_path / "elsewhere")})
    require_same_config(run_dir, read_run_config(run_dir))
