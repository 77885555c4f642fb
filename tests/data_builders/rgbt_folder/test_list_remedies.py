"""What a message about names, lists and folders tells a person to do is accepted."""

from collections.abc import Callable
from pathlib import Path

import pytest

from data_builders.rgbt_folder.layout import check_raw_rgbt_folder
from tests.data_builders.raw_pairs import (
    write,
    write_list,
)
from tests.data_builders.rgbt_folder.remedies import (
    NAMES,
    Case,
    check_case,
    sort_into_folders,
    write_raw,
)


def other_suffixes(raw_dir: Path) -> Case:
    (raw_dir / "visible/a.jpg").rename(raw_dir / "visible/a_vi.jpg")
    (raw_dir / "thermal/a.png").rename(raw_dir / "thermal/a_ir.png")
    write_list(raw_dir / "train.txt", ["b"])
    yield "give both images of a pair the same name"
    (raw_dir / "visible/a_vi.jpg").rename(raw_dir / "visible/a.jpg")
    (raw_dir / "thermal/a_ir.png").rename(raw_dir / "thermal/a.png")


def split_of_another_name(raw_dir: Path) -> Case:
    sort_into_folders(raw_dir, "visible", "thermal", "labels")
    for kind in ("visible", "thermal", "labels"):
        (raw_dir / kind / "train").rename(raw_dir / kind / "frames")
    yield "is not a split; rename it to train, val or test"
    for kind in ("visible", "thermal", "labels"):
        (raw_dir / kind / "frames").rename(raw_dir / kind / "train")


def lists_and_folders(raw_dir: Path) -> Case:
    sort_into_folders(raw_dir, "visible", "thermal", "labels")
    write_list(raw_dir / "train.txt", ["a"])
    yield "keep one kind"
    (raw_dir / "train.txt").unlink()


def no_splits(raw_dir: Path) -> Case:
    for split in NAMES:
        (raw_dir / f"{split}.txt").unlink()
    yield "write their names into train.txt, val.txt, test.txt"
    for split, names in NAMES.items():
        write_list(raw_dir / f"{split}.txt", names)


def unknown_name_in_a_list(raw_dir: Path) -> Case:
    write_list(raw_dir / "train.txt", ["a", "b", "z"])
    yield "train.txt, z: there is no such pair in visible/ and thermal/; correct the name, or"
    write_list(raw_dir / "train.txt", ["a", "b"])


def name_twice_in_a_list(raw_dir: Path) -> Case:
    write_list(raw_dir / "train.txt", ["a", "b", "a"])
    yield "train.txt, a: is listed 2 times; keep one."
    write_list(raw_dir / "train.txt", ["a", "b"])


def list_in_another_encoding(raw_dir: Path) -> Case:
    write(raw_dir / "train.txt", "a\nä\n".encode("latin-1"))
    yield "train.txt: is not UTF-8 text; save it as UTF-8."
    write(raw_dir / "train.txt", "\ufeffa\r\nb\r\n")


def list_with_zero_bytes(raw_dir: Path) -> Case:
    write(raw_dir / "train.txt", "a\nb\n".encode("utf-16-le"))
    yield "train.txt: holds zero bytes, so it is not UTF-8 text; save it as UTF-8."
    write(raw_dir / "train.txt", "a\nb\n")


def names_in_upper_case(raw_dir: Path) -> Case:
    (raw_dir / "classes.txt").rename(raw_dir / "Classes.txt")
    yield "Classes.txt: rename it to classes.txt"
    (raw_dir / "Classes.txt").rename(raw_dir / "classes.txt")


CASES: list[Callable[[Path], Case]] = [
    other_suffixes,
    split_of_another_name,
    lists_and_folders,
    no_splits,
    unknown_name_in_a_list,
    name_twice_in_a_list,
    list_in_another_encoding,
    list_with_zero_bytes,
    names_in_upper_case,
]


@pytest.mark.parametrize("make_case", CASES, ids=lambda case: case.__name__)
def test_remedy_is_accepted(tmp_path: Path, make_case: Callable[[Path], Case]) -> None:
    check_case(write_raw(tmp_path), make_case)


def test_names_of_either_spelling_are_one_name(tmp_path: Path) -> None:
    """An umlaut as one character (NFC) or as a letter and dots (NFD), as file systems differ."""
    raw_dir = write_raw(tmp_path)
    composed, apart = "stra\u00dfe \u00f6", "stra\u00dfe o\u0308"
    (raw_dir / "visible/a.jpg").rename(raw_dir / f"visible/{composed}.jpg")
    (raw_dir / "thermal/a.png").rename(raw_dir / f"thermal/{apart}.png")
    (raw_dir / "labels/a.txt").rename(raw_dir / f"labels/{apart}.txt")
    for name in (composed, apart):
        write_list(raw_dir / "train.txt", [name, "b"])
        write_list(raw_dir / "night.txt", [name])
        pairs = check_raw_rgbt_folder(raw_dir).pairs["train"]
        assert [(pair.name, pair.is_night) for pair in pairs] == [(composed, True), ("b", False)]
