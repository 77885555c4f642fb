"""What two folders of one place hold; the layouts themselves are tested with `rgbt_folder`."""

from pathlib import Path

from mdjax.io.findings import Findings
from mdjax.io.folder_tree import scan_folders
from mdjax.io.image_folders import find_image_folders, match_image_folders


def test_pairs_of_one_name_in_two_folders_are_a_problem(tmp_path: Path) -> None:
    """Both folders say nothing, so that both pairs are called a."""
    for folder in ("images", "data"):
        (tmp_path / folder).mkdir()
        for word in ("rgb", "ir"):
            (tmp_path / folder / f"a_{word}.png").touch()
    findings = Findings()
    folders = find_image_folders(tmp_path, scan_folders(tmp_path))
    match_image_folders(folders.pairs, findings)
    (problem,) = findings.problems
    assert "images/a_rgb.png" in problem
    assert "data/a_rgb.png" in problem
    assert "of a pair of the same name, a; rename one" in problem
