"""The same boxes in every format, for tests; each image has another box, so that a mix-up shows."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from data_builders.checks.annotations import BoxXyxy
from data_builders.checks.dataset import CheckedPairs
from tests.data_builders.raw_pairs import get_objects, write

NAMES = {"train": ("a", "b"), "val": ("c",), "test": ("d",)}
# Left edge of each image's box, in pixels.
LEFT = {"a": 1, "b": 2, "c": 3, "d": 4}


def make_yolo(name: str) -> str:
    """From (left, 3) to (12, 9) of 16x12."""
    left, right = LEFT[name] / 16, 12 / 16
    return f"1 {(left + right) / 2} .5 {right - left} .5\n"


def make_voc(name: str) -> str:
    """The same counted from 1, the last pixel included."""
    box = f"<xmin>{LEFT[name] + 1}</xmin><ymin>4</ymin><xmax>12</xmax><ymax>9</ymax>"
    item = f"<object><name>boar</name><bndbox>{box}</bndbox></object>"
    return f"<annotation><size><width>16</width><height>12</height></size>{item}</annotation>"


def make_coco(names: str = "abcd", file_name: str = "{}.jpg") -> dict[str, Any]:
    return {
        "images": [
            {"id": i, "file_name": file_name.format(name), "width": 16, "height": 12}
            for i, name in enumerate(names)
        ],
        "categories": [{"id": 8, "name": "boar"}, {"id": 5, "name": "deer"}],
        "annotations": [
            {"image_id": i, "category_id": 8, "bbox": [LEFT[name], 3, 12 - LEFT[name], 6]}
            for i, name in enumerate(names)
        ],
    }


def make_labelme(name: str) -> str:
    shape = {"label": "boar", "shape_type": "rectangle", "points": [[LEFT[name], 3], [12, 9]]}
    return json.dumps({"shapes": [shape], "imageHeight": 12, "imageWidth": 16})


def write_texts(raw_dir: Path, make: Callable[[str], str], pattern: str) -> None:
    for split, names in NAMES.items():
        for name in names:
            write(raw_dir / pattern.format(name=name, split=split), make(name))


def get_boxes(checked: CheckedPairs) -> dict[str, list[BoxXyxy]]:
    pairs = [pair for part in checked.pairs.values() for pair in part]
    return {pair.name: [item.box_xyxy for item in get_objects(pair)] for pair in pairs}


EXPECTED: Mapping[str, list[BoxXyxy]] = {name: [(left, 3, 12, 9)] for name, left in LEFT.items()}
