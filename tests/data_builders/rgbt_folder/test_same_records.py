"""Real pairs of MSRS, rewritten in every format of boxes, give the records of `prepare msrs`."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

import numpy as np
import pytest

from data_builders.msrs import PrepareMsrs
from data_builders.rgbt_folder import PrepareRgbtFolder
from tests.data_builders.raw_pairs import write, write_list
from tests.data_builders.reading import read_metadata, read_records

SIZE_HW = (480, 640)
CLASSES = ("person", "bicycle", "car")
NUM_PAIRS = {"train": 8, "test": 4}


class Image(NamedTuple):
    """One image, and its boxes as left, top, right, bottom in pixels."""

    split: str
    name: str
    class_ids: np.ndarray
    boxes_px: np.ndarray


@pytest.fixture(scope="module")
def msrs_dir(real_data_dir, tmp_path_factory):
    """A few pairs of each split in MSRS's own layout, at least one of them without objects."""
    source, folder = real_data_dir / "msrs", tmp_path_factory.mktemp("msrs")
    shutil.copy(source / "classes.txt", folder)
    assert (folder / "classes.txt").read_text().split() == list(CLASSES)
    for part, count in NUM_PAIRS.items():
        files = sorted((source / part / "labels").glob("*.txt"))
        empty = [path for path in files if not path.read_text().strip()]
        chosen = {path.stem for path in (*files[:: len(files) // count][: count - 1], empty[0])}
        for kind in ("vi", "ir", "labels"):
            (folder / part / kind).mkdir(parents=True)
            for path in (source / part / kind).iterdir():
                if path.stem in chosen:
                    shutil.copy(path, folder / part / kind)
    return folder


@pytest.fixture(scope="module")
def images(msrs_dir) -> list[Image]:
    found: list[Image] = []
    for part in NUM_PAIRS:
        for path in sorted((msrs_dir / part / "labels").iterdir()):
            rows = np.array(path.read_text().split(), np.float64).reshape(-1, 5)
            centres, sizes = rows[:, 1:3], rows[:, 3:]
            boxes = np.hstack([centres - sizes / 2, centres + sizes / 2])
            boxes_px = boxes * np.tile(SIZE_HW[::-1], 2)
            found.append(Image(part, path.stem, rows[:, 0].astype(int), boxes_px))
    assert {k for image in found for k in image.class_ids} == {0, 1, 2}
    return found


def _write_yolo(folder: Path, images: list[Image]) -> None:
    """As a numerical library writes a table; without files for images without objects."""
    for image in images:
        starts, ends = np.split(image.boxes_px / np.tile(SIZE_HW[::-1], 2), 2, axis=1)
        columns = (image.class_ids, (starts + ends) / 2, ends - starts)
        if len(image.class_ids):
            (folder / "labels").mkdir(exist_ok=True)
            np.savetxt(folder / f"labels/{image.name}.txt", np.column_stack(columns))
    write(folder / "data.yaml", f"nc: 3\nnames: [{', '.join(CLASSES)}]\n")


def _write_polygons(folder: Path, images: list[Image]) -> None:
    """Four corners of each box, with six decimals."""
    for image in images:
        lines = ""
        for class_id, (left, top, right, bottom) in zip(
            image.class_ids, image.boxes_px / np.tile(SIZE_HW[::-1], 2), strict=True
        ):
            corners = (left, top, right, top, right, bottom, left, bottom)
            lines += f"{class_id} {' '.join(f'{x:.6f}' for x in corners)}\n"
        write(folder / f"labels/{image.split}/{image.name}.txt", lines)
    write(folder / "classes.txt", "\n".join(CLASSES))


def _write_voc(folder: Path, images: list[Image], convert: Callable[[np.ndarray], Any]) -> None:
    for image in images:
        objects = ""
        for class_id, box_px in zip(image.class_ids, image.boxes_px, strict=True):
            tags = zip(("xmin", "ymin", "xmax", "ymax"), convert(box_px), strict=True)
            box = "".join(f"<{tag}>{value}</{tag}>" for tag, value in tags)
            name = f"<name>{escape(CLASSES[class_id])}</name>"
            objects += f"<object>{name}<difficult>0</difficult><bndbox>{box}</bndbox></object>"
        size = "<size><width>640</width><height>480</height><depth>3</depth></size>"
        text = f"<annotation><filename>{image.name}</filename>{size}{objects}</annotation>"
        write(folder / f"Annotations/{image.name}.xml", text)


def _write_voc_pixels(folder: Path, images: list[Image]) -> None:
    """Pixels counted from 1, the last one included."""
    _write_voc(folder, images, lambda box_px: np.add(np.round(box_px), (1, 1, 0, 0)).astype(int))
    write(folder / "classes.txt", "\n".join(CLASSES))


def _write_voc_edges(folder: Path, images: list[Image]) -> None:
    """Edges from 0 with two decimals, and the classes in a list of colours."""
    _write_voc(folder, images, lambda box_px: [f"{value:.2f}" for value in box_px])
    lines = [f"{name}:{k},0,0::" for k, name in enumerate(("background", *CLASSES))]
    write(folder / "labelmap.txt", "\n".join(lines))


def _write_coco(folder: Path, images: list[Image], *, has_polygons: bool = False) -> None:
    """The classes in the categories, whose ids begin anywhere."""
    annotations: list[dict[str, Any]] = []
    for number, image in enumerate(images):
        for class_id, box_px in zip(image.class_ids.tolist(), image.boxes_px.tolist(), strict=True):
            left, top, right, bottom = box_px
            item = {"image_id": number, "category_id": 10 + class_id, "iscrowd": 0}
            if has_polygons:
                item["segmentation"] = [[left, top, right, top, right, bottom, left, bottom]]
            else:
                item["bbox"] = [left, top, right - left, bottom - top]
            annotations.append(item)
    content = {
        "images": [
            {"id": i, "file_name": f"vi/{image.name}.jpg", "width": 640, "height": 480}
            for i, image in enumerate(images)
        ],
        "categories": [{"id": 10 + k, "name": name} for k, name in enumerate(CLASSES)],
        "annotations": annotations,
    }
    write(folder / "annotations.json", json.dumps(content))


def _write_coco_polygons(folder: Path, images: list[Image]) -> None:
    _write_coco(folder, images, has_polygons=True)


def _write_labelme(folder: Path, images: list[Image]) -> None:
    """Beside the images, and no file for images without objects."""
    for image in images:
        shapes = [
            {"label": CLASSES[class_id], "shape_type": "rectangle", "points": [box[:2], box[2:]]}
            for class_id, box in zip(image.class_ids, image.boxes_px.tolist(), strict=True)
        ]
        content = {"shapes": shapes, "imageHeight": SIZE_HW[0], "imageWidth": SIZE_HW[1]}
        if shapes:
            write(folder / f"visible/{image.name}.json", json.dumps(content))
    write(folder / "classes.txt", "\n".join(CLASSES))


@pytest.fixture(scope="module")
def expected(msrs_dir, tmp_path_factory):
    command = PrepareMsrs(msrs_dir, CLASSES, val_every=0, data_dir=tmp_path_factory.mktemp("data"))
    folder = command.prepare().folder
    return {split: read_records(folder, split) for split in NUM_PAIRS}


@pytest.mark.parametrize(
    ("write_boxes", "tolerance_px"),
    [
        (_write_yolo, 1e-4),
        (_write_polygons, 5e-4),
        (_write_voc_pixels, 0.5001),
        (_write_voc_edges, 0.0051),
        (_write_coco, 1e-4),
        (_write_coco_polygons, 1e-4),
        (_write_labelme, 1e-4),
    ],
)
def test_every_format_gives_the_same_records(
    msrs_dir, images, expected, tmp_path, write_boxes, tolerance_px
):
    raw_dir = tmp_path / "raw"
    for kind, own in (("visible", "vi"), ("thermal", "ir")):
        for part in NUM_PAIRS:
            shutil.copytree(msrs_dir / part / own, raw_dir / kind, dirs_exist_ok=True)
    for part in NUM_PAIRS:
        names = [image.name for image in images if image.split == part]
        write_list(raw_dir / f"{part}.txt", names)
    write_list(raw_dir / "night.txt", [x.name for x in images if x.name.endswith("N")])
    write_boxes(raw_dir, images)
    summary = PrepareRgbtFolder(raw_dir, data_dir=tmp_path / "data").prepare()
    assert read_metadata(summary.folder)["object_class_names"] == list(CLASSES)
    for split, count in NUM_PAIRS.items():
        records = read_records(summary.folder, split)
        assert len(records) == len(expected[split]) == count
        for record, other in zip(records, expected[split], strict=True):
            for key in ("name", "visible", "thermal", "is_night"):
                assert record[key] == other[key]
            objects, others = record["objects"], other["objects"]
            for key in ("label", "is_ignored"):
                np.testing.assert_array_equal(objects[key], others[key])
            np.testing.assert_allclose(
                objects["bbox_xyxy_px"], others["bbox_xyxy_px"], rtol=0, atol=tolerance_px
            )
