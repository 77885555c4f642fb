"""Files of a run that were damaged: one message with file and remedy, never another result."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from mdjax.io.checkpoint import read_metadata
from mdjax.io.json_file import read_json, write_json
from mdjax.runs.loading import load_network
from mdjax.runs.results import read_result
from mdjax.runs.resuming import require_same_config
from mdjax.runs.stored_config import read_run_config
from mdjax.types import MdjaxError
from tests.conftest import SmallRuns
from tests.runs.small import run_quietly

LAST = Path("checkpoints/last")


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
    with pytest.raises(MdjaxError, match=r"config\.json: was changed after .*\n.*seed: 0 in the"):
        run_quietly(edited, run_dir, resume=True)
    write_json(path, read_metadata(run_dir / LAST)["config"])
    require_same_config(run_dir, small_runs.configs["native"])
    # What touches no number may be edited, such as a data folder that was moved.
    write_json(path, {**values, "data_dir": str(tmp_path / "elsewhere")})
    require_same_config(run_dir, read_run_config(run_dir))
