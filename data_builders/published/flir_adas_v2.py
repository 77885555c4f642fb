"""FLIR ADAS v2: its facts, its layout, the check of a download, its builder and its command.

Teledyne FLIR, "Free ADAS thermal dataset v2", 2022; of its frames, those of videos are pairs:

    rgb_to_thermal_vid_map.json    {visible file name: thermal file name}; some have it beside RAW
    video_rgb_test/coco.json       boxes of visible frames, COCO; extra_info tells the hours
    video_rgb_test/data/video-ID-frame-000000-HASH.jpg
    video_thermal_test/data/video-ID-frame-000000-HASH.jpg    640x512, 8 bits

Frames of `images_*` are not matched to each other. The cameras are mounted side by side and have
other lenses: 52.8 degrees across are visible, 45 thermal. The visible frame is therefore cropped
around its centre to the thermal field of view, by these two angles and the thermal frame's aspect;
no registration is published, so what is left of shift and parallax stays. Boxes are those of
visible frames.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from data_builders.checks.annotations import ClassNames, RawPair
from data_builders.checks.dataset import CheckedPairs, check_pairs
from data_builders.dealing import (
    DEFAULT_FRACTIONS,
    DealBy,
    Dealing,
    deal_pairs,
    make_dealing,
)
from data_builders.formats.coco import (
    CocoImage,
    list_category_names,
    parse_coco_json,
    read_coco_images,
)
from data_builders.pair_builder import AnnotatedPairs
from data_builders.prepared import PreparedSummary
from data_builders.published.classes import PublishedClasses
from data_builders.published.command import PublishedOptions
from data_builders.published.counts import compare_counts
from data_builders.published.raw_folder import check_raw_folder
from mdjax.align.common_view import CommonView, PartXyxy
from mdjax.io.findings import Findings, Problem, name_first
from mdjax.io.read_file import read_text
from mdjax.types import MdjaxError, format_count

NUM_PAIRS = 3_749
CLASSES = PublishedClasses(
    {
        name: name
        for name in (
            *("person", "bike", "car", "motor", "bus", "train", "truck", "light", "hydrant"),
            *("sign", "dog", "skateboard", "stroller", "scooter", "other vehicle"),
        )
    },
    dropped={"deer": "the release counts it, but does not list it among its classes"},
)

VISIBLE_ANGLE_DEG = 52.8
THERMAL_ANGLE_DEG = 45.0
"""Horizontal fields of view, from the readme of the release."""
THERMAL_SIZE_HW = (512, 640)

_TITLE = "FLIR ADAS v2"
_MAP = "rgb_to_thermal_vid_map.json"
_NIGHT = "night"
_VISIBLE, _THERMAL = "video_rgb_test", "video_thermal_test"
_NOT_REGISTERED = (
    "both cameras are not registered: visible frames are cropped to the thermal field of view by "
    "the angles of the lenses alone, so shift and parallax stay; look at some pairs."
)


class FlirAdasV2(AnnotatedPairs):
    """FLIR ADAS v2: thermal frames as they are, cropped visible ones, boxes of fifteen classes."""

    name = "flir_adas_v2"
    homepage = "https://adas-dataset-v2.flirconservator.com/"
    description = """
Pairs of visible and thermal video frames of roads, day and night, not registered, with boxes of
persons, vehicles, lights, signs and others in the visible frames.
"""
    citation = """
@misc{flir2022adas,
  title  = {Free ADAS thermal dataset v2},
  author = {{Teledyne FLIR}},
  year   = {2022}
}
"""


def check_raw_flir_adas_v2(
    raw_dir: Path,
    *,
    dealing: Dealing | None = None,
    skip_faulty: bool = False,
    show_progress: bool = False,
) -> CheckedPairs:
    """Check every pair of video frames with its boxes and report all faults in one message.

    Args:
        raw_dir: Folder with `video_rgb_test/` and `video_thermal_test/`.
        dealing: Makes splits, by video or at random; None for "test" alone, as the release has it.
        skip_faulty: Leave out the pairs that faults concern, see `check_pairs`.
        show_progress: Draw a progress bar on standard error.

    Raises:
        MdjaxError: There are faults; the message has a line for each kind.
    """
    raw_dir = Path(raw_dir)
    check_raw_folder(raw_dir, [f"{_VISIBLE}/", f"{_THERMAL}/"])
    findings = Findings(warnings=[_NOT_REGISTERED])
    try:
        thermal_of_visible = _read_map(raw_dir)
        visible = _read_visible(raw_dir, findings)
    except MdjaxError as error:
        findings.problems.append(str(error))
        return check_pairs(raw_dir, _TITLE, {}, findings, ClassNames(), is_published=True)
    found = [
        _make_pair(raw_dir, visible_name, thermal_name, visible, findings)
        for visible_name, thermal_name in thermal_of_visible.items()
    ]
    compare_counts(_TITLE, {"video": NUM_PAIRS}, {"video": found}, findings)
    if strays := sorted(visible.images.keys() - {_get_stem(name) for name in thermal_of_visible}):
        findings.notes.append(
            f"{_VISIBLE}/coco.json: {format_count(len(strays), 'frame')} without a thermal one, "
            f"omitted ({name_first(strays)})."
        )
    findings.notes += [
        "frames of images_* are not read: their thermal and visible frames are not matched.",
        f"night: frames whose hours are {_NIGHT!r} in {_VISIBLE}/coco.json; all others are day.",
        *CLASSES.describe_dropped(),
    ]
    pairs = {"test": found}
    if dealing is not None and found:
        pairs = deal_pairs(found, dealing, findings)
    return check_pairs(
        raw_dir,
        _TITLE,
        pairs,
        findings,
        ClassNames(CLASSES.class_names),
        is_published=True,
        skip_faulty=skip_faulty,
        show_progress=show_progress,
    )


def compute_centre_crop(image_hw: tuple[int, int]) -> PartXyxy:
    """Compute the part of a visible frame that the thermal camera sees, around the same centre.

    Its share of the width is tan(45° / 2) / tan(52.8° / 2) = 0.834; its aspect is the thermal
    frame's. A frame that is too low for this gives all its rows.

    Args:
        image_hw: Rows and columns of the visible frame.
    """
    height, width = image_hw
    thermal_height, thermal_width = THERMAL_SIZE_HW
    half_angles = (math.radians(x / 2) for x in (THERMAL_ANGLE_DEG, VISIBLE_ANGLE_DEG))
    thermal_tan, visible_tan = map(math.tan, half_angles)
    scale = min(width * thermal_tan / visible_tan / thermal_width, height / thermal_height)
    crop_width, crop_height = round(scale * thermal_width), round(scale * thermal_height)
    left, top = (width - crop_width) // 2, (height - crop_height) // 2
    return (left, top, left + crop_width, top + crop_height)


def _read_map(raw_dir: Path) -> dict[str, str]:
    """Thermal file names by visible ones; some archives have the file beside the folder."""
    paths = [raw_dir / _MAP, raw_dir.parent / _MAP]
    path = next((path for path in paths if path.is_file()), paths[0])
    try:
        content = json.loads(read_text(path, _MAP))
    except ValueError as error:
        raise MdjaxError(f"{_MAP}: is no JSON ({error}); get it again.") from error
    is_map = isinstance(content, dict) and all(isinstance(x, str) for x in content.values())
    if not is_map or not content:
        raise MdjaxError(f"{_MAP}: is no mapping of visible to thermal file names; get it again.")
    return content


class _VisibleFrames(NamedTuple):
    """What is known of visible frames, by file name without ending."""

    images: Mapping[str, CocoImage]
    """Sizes and boxes."""
    night: frozenset[str]


def _read_visible(raw_dir: Path, findings: Findings) -> _VisibleFrames:
    name = f"{_VISIBLE}/coco.json"
    content = parse_coco_json(read_text(raw_dir / name, name), name, findings)
    ids = dict.fromkeys(list_category_names([content]), 0)
    start = len(findings.problems)
    images = read_coco_images(content, ids, findings)
    findings.rename_pairs({path: _make_name(_get_stem(path)) for path in images}, start)
    return _VisibleFrames(
        {_get_stem(path): image for path, image in images.items()},
        frozenset(_get_stem(entry["file_name"]) for entry in content.entries if _is_night(entry)),
    )


def _is_night(entry: Any) -> bool:
    """Whether an image of the file says so; what it lacks is among the findings already."""
    if not isinstance(entry, dict) or not isinstance(entry.get("file_name"), str):
        return False
    extra = entry.get("extra_info")
    return isinstance(extra, dict) and extra.get("hours") == _NIGHT


def _make_pair(
    raw_dir: Path,
    visible_name: str,
    thermal_name: str,
    visible: _VisibleFrames,
    findings: Findings,
) -> RawPair:
    stem = _get_stem(visible_name)
    pair = RawPair(
        name=_make_name(stem),
        visible=raw_dir / _VISIBLE / "data" / PurePosixPath(visible_name).name,
        thermal=raw_dir / _THERMAL / "data" / PurePosixPath(thermal_name).name,
        is_night=stem in visible.night,
        objects=(),
    )
    image = visible.images.get(stem)
    if image is None or image.stated_hw is None:
        if image is None:  # A wrong size is among the findings.
            text = f"{_VISIBLE}/coco.json, {stem}: is not listed; get the file again."
            findings.problems.append(Problem(text, pair.name))
        return pair
    with findings.of_pair(pair.name):
        objects = CLASSES.assign(_TITLE, image.objects, findings)
    return dataclasses.replace(
        pair,
        objects=tuple(objects),
        stated_hw=image.stated_hw,
        view=CommonView(compute_centre_crop(image.stated_hw)),
    )


def _get_stem(name: str) -> str:
    return PurePosixPath(name).stem


def _make_name(stem: str) -> str:
    """The name of a pair: its video as a folder, so that videos are sequences."""
    video, separator, frame = stem.rpartition("-frame-")
    return f"{video}/frame-{frame}" if separator else stem


@dataclass(frozen=True)
class PrepareFlirAdasV2(PublishedOptions):
    """Check FLIR ADAS v2's video frames (boxes of fifteen classes) and package them.

    Attributes:
        raw: Folder with `video_rgb_test/`, `video_thermal_test/` and `rgb_to_thermal_vid_map.json`.
        split_by: Make splits to train on: "sequence" keeps the frames of a video together, "random"
            deals each pair alone. Without it, all pairs are the split "test", as published.
        fractions: Of the pairs, for train, val and test; 0 for no such split.
        split_seed: Another one makes other splits.
    """

    split_by: DealBy | None = None
    fractions: tuple[float, float, float] = DEFAULT_FRACTIONS
    split_seed: int = 0

    def prepare(self, *, show_progress: bool = False) -> PreparedSummary:
        """Write `flir_adas_v2/NAME`; see `PrepareCommand`."""
        checked = check_raw_flir_adas_v2(
            self.raw.resolve(),
            dealing=make_dealing(self.split_by, self.fractions, self.split_seed),
            skip_faulty=self.skip_faulty,
            show_progress=show_progress,
        )
        return self.write(FlirAdasV2, checked, show_progress=show_progress)
