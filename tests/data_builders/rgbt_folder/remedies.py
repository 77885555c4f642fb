"""What the tests of remedies share: folders with one fault, and the fault done away with.

A case makes a fault, yields what the message says of it, and then does what the message says.
"""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from data_builders.rgbt_folder.layout import check_raw_rgbt_folder
from tests.data_builders.raw_pairs import get_problems, write, write_rgbt

NAMES = {"train": ("a", "b"), "val": ("c",), "test": ("d",)}
BOX = "1 .5 .5 .5 .5\n"

Case = Generator[str, list[str], None]


def write_raw(folder: Path) -> Path:
    """A folder without faults, with lists and with boxes of YOLO."""
    raw_dir = write_rgbt(folder / "raw", NAMES)
    for name in "abcd":
        write(raw_dir / "labels" / f"{name}.txt", BOX)
    return raw_dir


def sort_into_folders(raw_dir: Path, *kinds: str) -> None:
    for split, names in NAMES.items():
        (raw_dir / f"{split}.txt").unlink(missing_ok=True)
        for kind in kinds:
            (raw_dir / kind / split).mkdir()
            for name in names:
                for path in (raw_dir / kind).glob(f"{name}.*"):
                    path.rename(raw_dir / kind / split / path.name)


def make_coco(names: str = "abcd") -> dict[str, Any]:
    return {
        "images": [
            {"id": i, "file_name": f"{name}.jpg", "width": 16, "height": 12}
            for i, name in enumerate(names)
        ],
        "annotations": [
            {"image_id": i, "category_id": 8, "bbox": [4, 3, 8, 6]} for i in range(len(names))
        ],
        "categories": [{"id": 8, "name": "boar"}, {"id": 9, "name": "wolf"}],
    }


def check_case(raw_dir: Path, make_case: Callable[[Path], Case], **options: Any) -> None:
    """See that every problem is the one that is expected, and that its remedy is accepted."""
    case = make_case(raw_dir)
    expected = next(case)
    problems = get_problems(check_raw_rgbt_folder, raw_dir, **options)
    assert [problem for problem in problems if expected not in problem] == []
    with pytest.raises(StopIteration):
        case.send(problems)
    check_raw_rgbt_folder(raw_dir, **options)
