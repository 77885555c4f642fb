"""What commands about kept rows write into their files."""

from dataclasses import replace
from pathlib import Path

import pytest

from mdjax.cli.kept_study import name_command, read_images, reporting
from mdjax.studies.plan import make_plan
from mdjax.studies.study import RowFailure
from mdjax.types import MdjaxError
from tests.studies.test_plan import ROWS, SETTING, change_steps, keep, plan


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("table1 --scale medium", "table1 --scale medium"),
        ("--data-dir /a table1 --runs-dir=/b --num-seeds 2", "table1 --num-seeds 2"),
        ("table1 --results_dir /a --merge /b /c --num-steps 3", "table1 --num-steps 3"),
        ("table1 --pretrained /a --merge /b", "table1"),
        ("table1 --data-dir", "table1"),
        ("kaist --prices /a/list.csv --cross", "kaist --prices list.csv --cross"),
        ("kaist --prices=/a/list.csv", "kaist --prices list.csv"),
    ],
)
def test_command_is_told_without_its_places(typed: str, expected: str) -> None:
    assert name_command("reproduce", typed.split()) == f"mdjax reproduce {expected}"


def test_seeds_that_no_command_asks_for_are_not_mixed_in_either(tmp_path: Path) -> None:
    """A row of two seeds, each of other settings; a command that wants the first one alone."""
    first = plan(tmp_path, {"native": 2})
    keep(first, "native", 0)
    keep(first, "native", 1)
    images = read_images(plan(tmp_path, {"native": 1}), ROWS, ["native", "teacher"])
    assert images == {"native": {0: [], 1: []}, "teacher": {}}

    longer = {**ROWS, "native": lambda runs: change_steps(ROWS["native"](runs))}
    first.kept.get_path("native", 0).unlink()
    options = {"kept": first.kept, "study_dir": tmp_path / "runs"}
    refused = r"seed1_native.json: was trained with other settings"
    with pytest.raises(MdjaxError, match=refused):  # Before anything is trained.
        make_plan(SETTING, longer, {"native": 1}, **options)
    with pytest.raises(MdjaxError, match=refused):  # It came while another was trained.
        read_images(first, longer, ["native"])


def test_row_under_the_name_of_another_is_not_taken_for_it(tmp_path: Path) -> None:
    first = plan(tmp_path, {"native": 2})
    keep(first, "native", 0)
    path = first.kept.get_path("native", 0)
    path.rename(first.kept.get_path("teacher", 0))
    holds = r"seed0_teacher\.json: holds the result of native, seed 0"
    with pytest.raises(MdjaxError, match=holds):
        read_images(replace(first, dataset_fingerprint=None), ROWS, ["teacher"])


def test_failed_rows_are_told_whatever_happens_to_the_table() -> None:
    failures = [RowFailure("native", 0, "no memory")]
    last = "some rows failed:\nnative, seed 0: no memory"
    with pytest.raises(MdjaxError) as failed, reporting(failures):
        pass
    assert str(failed.value) == last
    with pytest.raises(MdjaxError) as failed, reporting(failures):
        raise MdjaxError("table.md: full")
    assert str(failed.value) == f"table.md: full\n{last}"
    with reporting([]):
        pass
    with pytest.raises(OSError, match="full"), reporting([]):
        raise OSError("full")
