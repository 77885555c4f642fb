from pathlib import Path

import pytest

from data_builders.rgbt_folder.pair_finder import PairFinder, read_lines
from mdjax.types import MdjaxError
from tests.data_builders.raw_pairs import write

RAW = Path("raw")


def _make(**paths):
    """Pairs by name; a double underscore stands for a folder."""
    return PairFinder(
        RAW, {name.replace("__", "/"): [RAW / path for path in of] for name, of in paths.items()}
    )


@pytest.fixture
def flat():
    return _make(
        a=["visible/a.jpg", "thermal/a.png"],
        b=["visible/b_co.jpg", "thermal/b_ir.png"],
        c_jpg=["visible/c_jpg.rf.1.jpg", "thermal/c_jpg.rf.2.jpg"],
    )


@pytest.fixture
def nested():
    return _make(
        s1__0=["visible/s1/0.png", "thermal/s1/0.png"],
        s2__0=["visible/s2/0.png", "thermal/s2/0.png"],
        s2__1=["visible/s2/1.png", "thermal/s2/1.png"],
    )


@pytest.mark.parametrize(
    "line",
    [
        "a",
        "a.jpg",
        "a.PNG",
        "visible/a",
        "./thermal/a.png",
        "visible\\a.jpg",
        "D:\\sets\\roof\\visible\\a.jpg",
        "/sets/roof/visible/a.jpg",
        "RGB/a.jpg\tLabel/a.png",
        "RGB/a.jpg Label/a_mask.png",
        "a.jpg,1",
    ],
)
def test_line_names_a_pair_in_any_way(flat, line):
    assert flat.find(line) == "a"


@pytest.mark.parametrize("line", ["b", "b_co", "b_ir.png", "visible/b_co.jpg"])
def test_word_for_a_camera_may_be_there(flat, line):
    assert flat.find(line) == "b"


@pytest.mark.parametrize("line", ["c_jpg", "c", "c_jpg.rf.1.jpg", "c_jpg.rf.2", "c_jpg.rf.3.jpg"])
def test_hash_may_be_there(flat, line):
    assert flat.find(line) == "c_jpg"


@pytest.mark.parametrize("line", ["z", "a1", "visible", "z/b2", ""])
def test_unknown_line_names_nothing(flat, line):
    assert flat.find(line) is None


@pytest.mark.parametrize("line", ["s2/0", "visible/s2/0.png", "x/y/s2/0.png"])
def test_folders_of_a_name_count(nested, line):
    assert nested.find(line) == "s2/0"


def test_folder_may_be_omitted_where_the_name_is_the_only_one(nested):
    assert nested.find("1") == "s2/1"
    with pytest.raises(MdjaxError, match=r"is the name of 2 pairs \(s1/0, s2/0...\); write the f"):
        nested.find("0.png")
    assert nested.find("s3/1") is None


def test_exact_name_comes_first():
    """Also where another name is the same without its word for a camera."""
    finder = _make(a=["visible/a.png"], a_t=["visible/a_t.png"])
    assert (finder.find("a"), finder.find("a_t"), finder.find("visible/a.png")) == ("a", "a_t", "a")


def test_name_may_contain_spaces_and_commas():
    finder = PairFinder(RAW, {"old road, 1": [RAW / "visible/old road, 1.png"]})
    assert finder.find("old road, 1.png") == "old road, 1"


def test_lines_are_read_whatever_the_system_that_wrote_them(tmp_path):
    path = write(tmp_path / "train.txt", "\ufeffa.jpg\r\n\r\n s1/b \r\nstraße o\u0308\r\n")
    assert read_lines(path) == ["a", "s1/b", "straße \u00f6"]
