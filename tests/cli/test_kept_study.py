"""What commands about kept rows write into their files."""

import pytest

from mdjax.cli.kept_study import name_command


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
