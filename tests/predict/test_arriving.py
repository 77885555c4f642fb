"""What is given of folders that are being filled, look by look."""

from pathlib import Path

from mdjax.predict.arriving import ArrivingPairs
from tests.predict.image_files import make_thermal_u8, make_visible_u8, write_thermal, write_visible
from tests.predict.streams import write_pair


def test_what_was_taken_away_is_not_waited_for(folders: tuple[Path, Path]) -> None:
    """With a clock of its own: the first look, a second one, and one without the pair."""
    now = 0.0
    pairs = ArrivingPairs(*folders, clock=lambda: now)
    write_pair(folders, 0)
    assert pairs.poll() == []
    assert pairs.has_open
    now = 2.0
    (files,) = pairs.poll()
    assert (files.name, pairs.get_idle_seconds()) == ("000", 2.0)
    (folders[0] / "000.png").unlink()
    assert pairs.poll() == []
    assert not pairs.has_open


def test_pair_that_changes_is_looked_at_once_more(folders: tuple[Path, Path]) -> None:
    write_pair(folders, 0)
    pairs = ArrivingPairs(*folders)
    assert pairs.poll() == []
    with (folders[0] / "000.png").open("ab") as stream:
        stream.write(b"more")
    assert pairs.poll() == []
    (files,) = pairs.poll()
    assert pairs.may_change(files)
    pairs.set_done(files)
    assert pairs.poll() == []


def test_done_pairs_are_not_matched_again(folders: tuple[Path, Path]) -> None:
    """A file that comes late and fits one of them is a new one without partner."""
    write_pair(folders, 0)
    pairs = ArrivingPairs(*folders)
    pairs.poll()
    for files in pairs.poll():
        pairs.set_done(files)
    write_pair(folders, 1)
    write_thermal(folders[1] / "000_ir.png", make_thermal_u8(0))
    assert pairs.poll() == []
    assert [files.name for files in pairs.poll()] == ["001"]
    assert pairs.find_without_partner() == [folders[1] / "000_ir.png"]


def test_names_are_matched_over_all_files(folders: tuple[Path, Path]) -> None:
    """Of the files that are not done, only half of the visible ones name the camera."""
    pairs = ArrivingPairs(*folders)
    for number in range(3):
        if number == 2:
            write_visible(folders[0] / "preview.png", make_visible_u8())
        write_visible(folders[0] / f"{number:03d}_rgb.png", make_visible_u8(number))
        write_thermal(folders[1] / f"{number:03d}_ir.png", make_thermal_u8(number))
        assert pairs.poll() == []
        (files,) = pairs.poll()
        assert files.name == f"{number:03d}"
        pairs.set_done(files)
    assert pairs.find_without_partner() == [folders[0] / "preview.png"]


def test_hidden_folders_are_passed_over(tmp_path: Path) -> None:
    write_visible(tmp_path / "a.png", make_visible_u8())
    write_visible(tmp_path / ".thumbnails/a.png", make_visible_u8())
    pairs = ArrivingPairs(tmp_path)
    pairs.poll()
    assert [files.visible for files in pairs.poll()] == [tmp_path / "a.png"]
    both = ArrivingPairs(tmp_path, tmp_path)
    assert both.find_without_partner() == [tmp_path / "a.png"]
