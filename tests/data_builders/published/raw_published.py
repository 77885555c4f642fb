"""Small folders that follow the published layouts exactly."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from tests.data.factories import encode_png
from tests.data_builders.raw_pairs import SIZE_HW, encode_jpg, make_image_u8, write

Box = tuple[str, int, int, int, int]
"""Label, left, top, right, bottom."""


def write_jpg_pair(visible: Path, thermal: Path, number: int) -> None:
    """Two JPEGs, the thermal one of one channel."""
    write(visible, encode_jpg(make_image_u8(number)))
    write(thermal, encode_jpg(make_image_u8(number + 50, channels=1)))


def write_png_pair(visible: Path, thermal: Path, number: int) -> None:
    """Two PNGs, the thermal one of one channel."""
    write(visible, encode_png(make_image_u8(number)))
    write(thermal, encode_png(make_image_u8(number + 50, channels=1)))


def write_voc(path: Path, boxes: Sequence[Box], size_hw: tuple[int, int] = SIZE_HW) -> None:
    objects = "".join(
        f"<object><name>{label}</name><bndbox><xmin>{left}</xmin><ymin>{top}</ymin>"
        f"<xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
        for label, left, top, right, bottom in boxes
    )
    size = f"<size><width>{size_hw[1]}</width><height>{size_hw[0]}</height></size>"
    write(path, f"<annotation>{size}{objects}</annotation>")


def write_llvip(folder: Path, names: Mapping[str, Sequence[str]]) -> Path:
    """LLVIP's folders; each image has one person from (2, 3) to (8, 12)."""
    for number, (split, name) in enumerate((s, n) for s, part in names.items() for n in part):
        visible, thermal = (folder / x / split / f"{name}.jpg" for x in ("visible", "infrared"))
        write_jpg_pair(visible, thermal, number)
        write_voc(folder / f"Annotations/{name}.xml", [("person", 2, 3, 8, 12)])
    return folder


def write_flir_aligned(folder: Path, names: Mapping[str, Sequence[str]]) -> Path:
    """FLIR-aligned's folders; each image has a car and a dog."""
    lists = {"train": "align_train.txt", "test": "align_validation.txt"}
    for split, part in names.items():
        write(folder / lists[split], "".join(f"{name}_PreviewData\n" for name in part))
        for number, name in enumerate(part, 1000 * len(split)):
            stem = folder / "JPEGImages" / name
            visible, thermal = (Path(f"{stem}{x}") for x in ("_RGB.jpg", "_PreviewData.jpeg"))
            write_jpg_pair(visible, thermal, number)
            boxes = [("car", 1, 2, 9, 8), ("dog", 0, 0, 4, 4)]
            write_voc(folder / f"Annotations/{name}_PreviewData.xml", boxes)
    return folder


def write_m3fd(folder: Path, names: Sequence[str]) -> Path:
    """M3FD's folders; names may have those of scenario and scene in front."""
    for number, (place, _, stem) in enumerate(name.rpartition("/") for name in names):
        root = folder / place
        write_png_pair(root / f"Vis/{stem}.png", root / f"Ir/{stem}.png", number)
        write_voc(root / f"Annotation/{stem}.xml", [("People", 2, 3, 8, 12), ("Lamp", 0, 0, 3, 3)])
    return folder


def write_masks(
    folder: Path, folders: tuple[str, str, str], names: Mapping[str, Sequence[str]], mask: bytes
) -> Path:
    """Folders of visible images, thermal images and masks by split; all masks are alike."""
    for number, (split, name) in enumerate((s, n) for s, part in names.items() for n in part):
        visible, thermal, label = (folder / split / x / f"{name}.png" for x in folders)
        write_png_pair(visible, thermal, number)
        write(label, mask)
    return folder


def encode_tif(image: np.ndarray) -> bytes:
    is_encoded, data = cv2.imencode(".tif", image)
    assert is_encoded
    return data.tobytes()


def write_cvc14_frame(folder: Path, place: str, name: str, number: int) -> None:
    """A grey visible and a thermal TIFF; `place` is such as `Day/*/Train/FramesPos`."""
    for camera, seed in (("Visible", number), ("FIR", number + 50)):
        image = make_image_u8(seed, channels=1)
        write(folder / place.replace("*", camera) / f"{name}.tif", encode_tif(image))


def write_cvc14(folder: Path, names: Mapping[str, Sequence[str]]) -> Path:
    """CVC-14's folders by time and split, such as `Day/*/Train`; each frame has two persons.

    One is mandatory, one optional; in the thermal image they are elsewhere.
    """
    for number, (place, name) in enumerate((p, n) for p, part in names.items() for n in part):
        write_cvc14_frame(folder, f"{place}/FramesPos", name, number)
        lines = {
            "Visible": "6 6 8 10 1 0 0 0 0 1 0\n12 6  4 4 0 0 0 0 0 2 0\n",
            "FIR": "9 6 8 10 1 0 0 0 0 1 0\n",
        }
        for camera, text in lines.items():
            write(folder / place.replace("*", camera) / f"Annotations/{name}.txt", text)
    return folder


def make_flir_frame(video: str, frame: int) -> str:
    return f"video-{video}-frame-{frame:06d}-hash{frame}.jpg"


def write_flir_adas_v2(
    folder: Path,
    frames: Sequence[tuple[str, str, int]],
    boxes: Sequence[tuple[str, tuple[int, int, int, int]]],
    *,
    night: Sequence[str] = (),
) -> Path:
    """The video folders of FLIR ADAS v2, visible 24x20 and thermal 15x12 pixels.

    Args:
        folder: Where they go.
        frames: Visible video, thermal video, and number of each pair.
        boxes: Category and left, top, width, height of each box, which all visible frames have.
        night: Visible videos at night.
    """
    pairs: dict[str, str] = {}
    for number, (visible_video, thermal_video, frame) in enumerate(frames):
        visible, thermal = (make_flir_frame(x, frame) for x in (visible_video, thermal_video))
        pairs[visible] = thermal
        visible_u8 = make_image_u8(number, (20, 24))
        write(folder / "video_rgb_test/data" / visible, encode_jpg(visible_u8))
        thermal_u8 = make_image_u8(number + 50, (12, 15), channels=1)
        write(folder / "video_thermal_test/data" / thermal, encode_jpg(thermal_u8))
    categories = {"person": 1, "bike": 2, "car": 3, "deer": 91}
    coco = {
        "images": [
            {
                "id": number,
                "file_name": f"data/{name}",
                "width": 24,
                "height": 20,
                "extra_info": {"hours": "night" if name.split("-")[1] in night else "day"},
            }
            for number, name in enumerate(pairs)
        ],
        "categories": [{"id": key, "name": name} for name, key in categories.items()],
        "annotations": [
            {"image_id": number, "category_id": categories.get(label, 1000), "bbox": [*box]}
            for number in range(len(pairs))
            for label, box in boxes
        ],
    }
    write(folder / "video_rgb_test/coco.json", json.dumps(coco))
    write(folder / "rgb_to_thermal_vid_map.json", json.dumps(pairs))
    return folder
