"""What reads the files of a data set: raw folders, prepared sets, KAIST's text files."""

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image

from data_builders.kaist.labels import TEST_RULE
from data_builders.kaist.layout import KaistSplit, check_raw_kaist
from data_builders.mfnet.layout import check_raw_mfnet
from data_builders.msrs.layout import check_raw_msrs
from data_builders.rgbt_folder import PrepareRgbtFolder
from data_builders.rgbt_folder.layout import check_raw_rgbt_folder
from mdjax.cli.score_detections import score_kaist_files
from mdjax.data.folds import Folds
from mdjax.data.source import hash_records
from mdjax.predict.pairs import find_pairs, raise_problems, read_pair
from mdjax.predict.video_pair import Frame, VideoFiles, VideoPair
from mdjax.runs.splits import open_splits
from tests.data.factories import encode_png, write_raw_mfnet
from tests.data_builders.raw_pairs import (
    make_image_u8,
    write,
    write_annotations,
    write_kaist_pairs,
    write_list,
    write_rgbt,
)
from tests.data_builders.raw_pairs import write_msrs as write_raw_msrs
from tests.fuzz.fuzzer import Target
from tests.predict.video_files import write_frames

_NAMES = {"train": ("a", "b"), "test": ("c",)}
_KAIST_NAMES = ("set00/V000/I00001", "set00/V000/I00003", "set03/V000/I00001")


def explain_raw(name: str) -> str | None:
    """A person's own file may say anything that is right by its format."""
    if name.endswith((".txt", ".json", ".xml", ".yaml")):
        return "text of the user's that is right by its format: nobody knows that it was another"
    if name.endswith(".jpg"):
        return "a JPEG whose decoder repairs it: the format has no checksum"
    return None


def summarise(checked: Any) -> Any:
    """All that a prepared data set would hold: pixels, and what is said of them."""
    pairs = [
        (split, pair.name, pair.is_night, str(pair.objects), _decode(pair))
        for split, of_split in checked.pairs.items()
        for pair in of_split
    ]
    return pairs, checked.warnings, checked.notes


def _decode(pair: Any) -> list[np.ndarray | None]:
    """Decode each image file of a pair."""
    paths = [getattr(pair, field.name) for field in dataclasses.fields(pair)]
    paths = [path for value in paths for path in (value if isinstance(value, tuple) else [value])]
    return [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in paths if isinstance(path, Path)]


def write_yolo(folder: Path) -> None:
    """Boxes of YOLO."""
    write_rgbt(folder, _NAMES)
    write(folder / "night.txt", "a\n")
    for name in "abc":
        write(folder / f"labels/{name}.txt", "0 .5 .5 .5 .5\n1 .2 .2 .1 .1\n")


def write_coco(folder: Path) -> None:
    """Boxes of COCO."""
    write_rgbt(folder, _NAMES)
    content = {
        "images": [
            {"id": i, "file_name": f"{name}.jpg", "width": 16, "height": 12}
            for i, name in enumerate("abc")
        ],
        "annotations": [
            {"image_id": i, "category_id": 8, "bbox": [4, 3, 8, 6], "iscrowd": 0} for i in range(3)
        ],
        "categories": [{"id": 8, "name": "boar"}],
    }
    write(folder / "annotations.json", json.dumps(content))


def write_polygons(folder: Path) -> None:
    """Polygons of YOLO, and the class names in YAML."""
    write_rgbt(folder, _NAMES)
    (folder / "classes.txt").unlink()
    write(folder / "data.yaml", "nc: 2\nnames:\n  0: deer\n  1: boar\n")
    for name in "ab":
        write(folder / f"labels/{name}.txt", "1.0e+00 .2 .3 .6 .3 .6 .7 .2 .7\n")
    write(folder / "labels/c.txt", "")


def write_voc(folder: Path) -> None:
    """Boxes of Pascal VOC."""
    write_rgbt(folder, _NAMES)
    corners = "<xmin>5</xmin><ymin>4</ymin><xmax>12</xmax><ymax>9</ymax>"
    item = f"<object><name>boar</name><bndbox>{corners}</bndbox></object>"
    size = "<size><width>16</width><height>12</height></size>"
    for name in "abc":
        write(folder / f"annotations/{name}.xml", f"<annotation>{size}{item}</annotation>")


def write_labelme(folder: Path) -> None:
    """Shapes of labelme, beside the images."""
    write_rgbt(folder, _NAMES)
    shapes = [
        {"label": "boar", "shape_type": "rectangle", "points": [[4, 3], [12, 9]]},
        {"label": "deer", "shape_type": "circle", "points": [[8, 6], [9, 7]]},
    ]
    for name in "abc":
        content = {"shapes": shapes, "imageHeight": 12, "imageWidth": 16}
        write(folder / f"visible/{name}.json", json.dumps(content))


def write_masks(folder: Path) -> None:
    """Label maps."""
    write_rgbt(folder, _NAMES)
    for name in "abc":
        write(folder / f"masks/{name}.png", encode_png(np.eye(12, 16, dtype=np.uint8)))


def write_palettes(folder: Path) -> None:
    """Label maps with a palette."""
    write_rgbt(folder, _NAMES)
    (folder / "masks").mkdir()
    for name in "abc":
        image = PIL.Image.fromarray(np.eye(12, 16, dtype=np.uint8))
        image.putpalette([0, 0, 0, 192, 128, 64])
        image.save(folder / f"masks/{name}.png")


def write_colours(folder: Path) -> None:
    """Label maps in colours."""
    write_rgbt(folder, _NAMES)
    write(folder / "labelmap.txt", "deer:0,0,0::\nboar:9,8,7::\n")
    mask_bgr_u8 = np.eye(12, 16, dtype=np.uint8)[..., None] * np.array([7, 8, 9], np.uint8)
    for name in "abc":
        write(folder / f"masks/{name}.png", encode_png(mask_bgr_u8))


def write_mfnet(folder: Path) -> None:
    """MFNet in its official layout."""
    write_raw_mfnet(folder)


def write_msrs(folder: Path) -> None:
    """MSRS, with boxes."""
    write_raw_msrs(folder, ("1D", "2N"), ("3N",))


def write_kaist(folder: Path) -> None:
    """Images, a list, annotations, and detections of somebody's detector."""
    write_kaist_pairs(folder, _KAIST_NAMES)
    write_annotations(folder / "boxes", {name: ["person 2 3 4 5 0"] for name in _KAIST_NAMES})
    write_list(folder / "list.txt", _KAIST_NAMES)
    rows = [f"{i + 1},2,3,4,{60 + i},0.{9 - i}\n" for i in range(len(_KAIST_NAMES))]
    write(folder / "detections.txt", "".join(rows))


def read_kaist(folder: Path) -> Any:
    """As `mdjax prepare kaist`."""
    split = KaistSplit(folder / "list.txt", folder / "boxes", TEST_RULE)
    return summarise(check_raw_kaist(folder, {"test": split}))


def read_kaist_scores(folder: Path) -> Any:
    """As `mdjax score-detections kaist`."""
    scores = score_kaist_files(folder / "boxes", folder / "list.txt", folder / "detections.txt")
    return str(scores)


def write_prepared(folder: Path) -> None:
    """A prepared data set of boxes."""
    write_yolo(folder / "raw")
    PrepareRgbtFolder(raw=folder / "raw", data_dir=folder / "data", name="roof").prepare()


def read_prepared(folder: Path) -> Any:
    """All records of all splits."""
    splits = open_splits("rgbt_folder/roof", folder / "data", Folds())
    sources = [splits.train, *splits.scored.values()]
    return [
        (str(source.metadata), hash_records(map(source.__getitem__, range(len(source)))))
        for source in sources
    ]


def write_predicted(folder: Path) -> None:
    """Images to predict on."""
    for name in "ab":
        write(folder / f"visible/{name}.png", encode_png(make_image_u8(1)))
        write(folder / f"thermal/{name}.png", encode_png(make_image_u8(2)[..., 0]))


def read_predicted(folder: Path) -> Any:
    """As `mdjax predict`."""
    pairs = find_pairs(folder / "visible", folder / "thermal")
    return [tuple(read_pair(pair)) for pair in pairs]


def write_videos(folder: Path) -> None:
    """A video pair to predict on."""
    frames = [make_image_u8(number) for number in range(3)]
    write_frames(folder / "visible.avi", frames, fourcc="MJPG")
    write_frames(folder / "thermal.mp4", [frame[..., 0] for frame in frames], fourcc="mp4v")


def read_videos(folder: Path) -> Any:
    """As `mdjax predict`, up to more frames than there are."""
    with VideoPair(VideoFiles(folder / "visible.avi", folder / "thermal.mp4")) as pair:
        raise_problems(pair.find_problems())
        frames = [pair.take_images(frame) for frame in itertools.islice(_read_all(pair), 10)]
        return frames, pair.describe_end()


def _read_all(pair: VideoPair) -> Iterator[Frame]:
    while (frame := pair.read()) is not None:
        yield frame


def explain_video(name: str) -> str | None:
    """Decoders show what is left of a damaged frame."""
    return f"pixels: videos such as {Path(name).suffix} files have no checksum"


def _check(check: Callable[..., Any], **options: Any) -> Callable[[Path], Any]:
    return lambda folder: summarise(check(folder, **options))


TARGETS = (
    Target("folder with YOLO", write_yolo, _check(check_raw_rgbt_folder), explain=explain_raw),
    Target("folder with COCO", write_coco, _check(check_raw_rgbt_folder), explain=explain_raw),
    Target("labelme", write_labelme, _check(check_raw_rgbt_folder), explain=explain_raw),
    Target("folder with masks", write_masks, _check(check_raw_rgbt_folder), explain=explain_raw),
    Target("polygons", write_polygons, _check(check_raw_rgbt_folder), explain=explain_raw),
    Target("folder with VOC", write_voc, _check(check_raw_rgbt_folder), explain=explain_raw),
    Target("palettes", write_palettes, _check(check_raw_rgbt_folder), explain=explain_raw),
    Target("masks in colours", write_colours, _check(check_raw_rgbt_folder), explain=explain_raw),
    Target("MFNet", write_mfnet, _check(check_raw_mfnet), explain=explain_raw),
    Target("MSRS", write_msrs, _check(check_raw_msrs, val_every=0), explain=explain_raw),
    Target("KAIST", write_kaist, read_kaist, explain=explain_raw),
    Target(
        "KAIST's scores",
        write_kaist,
        read_kaist_scores,
        ("list.txt", "detections.txt", "boxes/*/*/*.txt", "boxes/*.txt"),
        explain=explain_raw,
    ),
    Target("prepared data set", write_prepared, read_prepared, ("data/**/*",), is_named=True),
    Target("images for predict", write_predicted, read_predicted, explain=explain_raw),
    Target("videos for predict", write_videos, read_videos, explain=explain_video),
)
