import pytest

from data_builders.published.raw_folder import check_raw_folder
from mdjax.types import MdjaxError

ENTRIES = ("visible/", "lists.txt")


def _refuse(raw_dir):
    with pytest.raises(MdjaxError) as error:
        check_raw_folder(raw_dir, ENTRIES)
    return str(error.value).removeprefix(f"{raw_dir}: ")


@pytest.mark.parametrize("entry", ENTRIES)
def test_one_entry_is_enough(entry, tmp_path):
    (tmp_path / entry).mkdir()
    check_raw_folder(tmp_path, ENTRIES)


def test_missing_folder_is_refused(tmp_path):
    message = "there is no such folder; give the one with visible/, lists.txt."
    assert _refuse(tmp_path / "nothing") == message


def test_the_folder_inside_is_named(tmp_path):
    (tmp_path / "LLVIP/visible").mkdir(parents=True)
    assert _refuse(tmp_path) == "has none of visible/, lists.txt, but LLVIP/ has; give that."
    check_raw_folder(tmp_path / "LLVIP", ENTRIES)


def test_what_is_there_instead_is_named(tmp_path):
    text = "has none of visible/, lists.txt, but no folders; give the folder that has them."
    assert _refuse(tmp_path) == text
    for name in "abcd":
        (tmp_path / name).mkdir()
    assert "but a/, b/, c/ and 1 other; give" in _refuse(tmp_path)
