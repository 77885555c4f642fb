"""The check of annotated pairs: files are read, decoded and compared with each other and the boxes.

Nothing is raised: the caller gets all faults of every file.
"""

import concurrent.futures
import dataclasses
import hashlib
import math
import os
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import rich.console
import rich.progress

from data_builders.checks.annotations import RawPair
from data_builders.checks.fitted_boxes import FittedBoxes, SizeHw, fit_boxes
from data_builders.checks.label_maps import decode_label_map
from data_builders.checks.near_copies import PairHash, compute_difference_hash
from data_builders.checks.registration import (
    MAX_PAIRS,
    PairEdges,
    compute_pair_edges,
    is_same_picture,
)
from data_builders.checks.thermal_values import ThermalValues, measure_thermal
from data_builders.checks.visible_images import decode_visible_or_grey
from mdjax.io.flir import holds_flir_counts
from mdjax.io.images import (
    check_fourth_channel,
    check_orientation,
    check_pair_sizes,
    decode_labels,
    decode_thermal_counts,
    decode_visible,
    decode_visible_thermal,
)
from mdjax.io.png import is_png, read_png_header
from mdjax.io.read_file import read_bytes
from mdjax.types import IGNORED_LABEL, MdjaxError

_MAX_THREADS = 16


@dataclasses.dataclass(frozen=True)
class PairRequirements:
    """What the check needs to know of the whole data set."""

    root: Path
    """Names in messages are relative to it."""
    num_label_classes: int = 0
    may_have_uncounted_pixels: bool = True
    """Whether label maps may hold `IGNORED_LABEL`."""
    thermal_range: tuple[int, int] | None = None


@dataclasses.dataclass
class PairReport:
    """What is in the files of one pair, and what is wrong with them."""

    problems: list[str] = dataclasses.field(default_factory=list)
    checksum: int = 0
    visible_hw: SizeHw = (0, 0)
    thermal: ThermalValues | None = None
    """None where the file cannot be read."""
    num_thermal_channels: int = 1
    is_radiometric_jpeg: bool = False
    """Whether counts of the thermal camera are hidden in its file, which are not read."""
    pixels_hash: bytes | None = None
    """Of the visible image; None where it is of one colour or cannot be read."""
    pair_hash: PairHash | None = None
    """Of what both images show; None where one cannot be read."""
    has_blank_visible: bool = False
    """Whether all pixels of the image have one value."""
    has_blank_thermal: bool = False
    edges: PairEdges | None = None
    """Of a sample of the pairs; None where an image cannot be read."""
    boxes: FittedBoxes = dataclasses.field(default_factory=FittedBoxes)
    class_pixels: tuple[int, ...] = ()
    num_uncounted_pixels: int = 0
    was_grey: bool = False
    """Whether the visible file has one channel, and is not kept as it is."""
    label_conversion: str | None = None
    """From `decode_label_map`; None where the label file is kept as it is."""


def check_pair_files(
    pairs: Mapping[str, RawPair],
    requirements: PairRequirements,
    *,
    title: str,
    show_progress: bool = False,
) -> dict[str, PairReport]:
    """Check pairs on all cores; most of the time goes into unpacking, which frees the GIL."""
    step = math.ceil(len(pairs) / MAX_PAIRS)
    is_sampled = (position % step == 0 for position in range(len(pairs)))
    with concurrent.futures.ThreadPoolExecutor(min(os.cpu_count() or 1, _MAX_THREADS)) as pool:
        reports = rich.progress.track(
            pool.map(
                lambda pair, keeps_edges: check_pair(pair, requirements, keeps_edges=keeps_edges),
                pairs.values(),
                is_sampled,
            ),
            description=f"Checking {title}",
            total=len(pairs),
            console=rich.console.Console(stderr=True),
            transient=True,
            disable=not show_progress,
        )
        return dict(zip(pairs, reports, strict=True))


def check_pair(
    pair: RawPair, requirements: PairRequirements, *, keeps_edges: bool = False
) -> PairReport:
    """Read, check and decode all files of a pair and fit its boxes into the images."""
    report = PairReport(class_pixels=(0,) * requirements.num_label_classes)
    if pair.thermal is None:
        visible, thermal = _read_visible_thermal(pair.visible, requirements, report)
    else:
        visible = _read_visible(pair, requirements, report)
        thermal = _read_thermal(pair.thermal, requirements, report)
    visible_hw, thermal_hw = _get_size(visible), _get_size(thermal)
    if visible_hw and pair.stated_hw and visible_hw != pair.stated_hw:
        report.problems.append(
            f"{pair.name}: the annotations are for an image of {pair.stated_hw[1]}x"
            f"{pair.stated_hw[0]} pixels, the visible image has {visible_hw[1]}x{visible_hw[0]}; "
            "give the image that was annotated, or annotations of this one."
        )
    elif visible is not None and thermal is not None:
        try:
            if pair.view is not None:
                visible = pair.view.cut_visible(visible, pair.name)
                thermal = pair.view.warp_thermal(thermal, pair.name)
                if pair.view.homography is not None:
                    report.num_thermal_channels = 1
            check_pair_sizes(visible.shape[:2], thermal.shape[:2], pair.name)
            _compare_images(visible, thermal, pair, report)
            if keeps_edges:
                report.edges = compute_pair_edges(visible, thermal)
        except MdjaxError as error:
            report.problems.append(str(error))
    if pair.labels is not None:
        _check_labels(pair.labels, pair, visible_hw, requirements, report)
    report.boxes = fit_boxes(pair, visible_hw, thermal_hw)
    report.problems += report.boxes.problems
    return report


def _get_size(image: np.ndarray | None) -> SizeHw | None:
    return None if image is None else (image.shape[0], image.shape[1])


def _read_visible_thermal(
    path: Path, requirements: PairRequirements, report: PairReport
) -> tuple[np.ndarray, np.ndarray] | tuple[None, None]:
    name = _get_name(path, requirements)
    try:
        data = _read_image(path, name, report)
        visible_u8, thermal_u8 = decode_visible_thermal(data, name)
        check_orientation(data, name)
        check_fourth_channel(thermal_u8, name)
    except MdjaxError as error:
        report.problems.append(str(error))
        return None, None
    report.thermal = measure_thermal(thermal_u8, name, requirements.thermal_range)
    return visible_u8, thermal_u8


def _read_visible(
    pair: RawPair, requirements: PairRequirements, report: PairReport
) -> np.ndarray | None:
    name = _get_name(pair.visible, requirements)
    try:
        data = _read_image(pair.visible, name, report)
        if pair.visible_may_be_grey:
            visible_u8, report.was_grey = decode_visible_or_grey(data, name)
        else:
            visible_u8 = decode_visible(data, name)
        check_orientation(data, name)
    except MdjaxError as error:
        report.problems.append(str(error))
        return None
    if report.was_grey:  # The same file by another rule is another record.
        report.checksum = zlib.crc32(visible_u8.tobytes(), report.checksum)
    return visible_u8


def _read_thermal(
    path: Path, requirements: PairRequirements, report: PairReport
) -> np.ndarray | None:
    name = _get_name(path, requirements)
    try:
        data = _read_image(path, name, report)
        counts = decode_thermal_counts(data, name)
        check_orientation(data, name)
    except MdjaxError as error:
        report.problems.append(str(error))
        return None
    if is_png(data):
        report.num_thermal_channels = read_png_header(data, name).num_channels
    elif counts.dtype == np.uint8:
        # TFDS repeats a grey image as often as it is told to, but takes no channels away.
        report.num_thermal_channels = 3
    report.is_radiometric_jpeg = holds_flir_counts(data)
    report.thermal = measure_thermal(counts, name, requirements.thermal_range)
    return counts


def _compare_images(
    visible_u8: np.ndarray, thermal: np.ndarray, pair: RawPair, report: PairReport
) -> None:
    """Note what tells copies and images without content.

    Raises:
        MdjaxError: Both images are one picture. A student that is given the visible image would see
            the full thermal image: its scores would say nothing.
    """
    if is_same_picture(visible_u8, thermal):
        raise MdjaxError(
            f"{pair.name}: the visible image shows the same picture as the thermal one; give the "
            "image of the colour camera, or remove the pair."
        )
    report.visible_hw = (visible_u8.shape[0], visible_u8.shape[1])
    report.has_blank_visible = _is_blank(visible_u8)
    report.has_blank_thermal = _is_blank(thermal)
    if not report.has_blank_visible:  # All images of a covered camera are equal.
        report.pixels_hash = hashlib.blake2b(visible_u8.tobytes(), digest_size=16).digest()
    report.pair_hash = PairHash(
        compute_difference_hash(visible_u8), compute_difference_hash(thermal)
    )


def _is_blank(image: np.ndarray) -> bool:
    # A few pixels tell nearly every image.
    return bool(np.all(image[::16, ::16] == image[0, 0]) and np.all(image == image[0, 0]))


def _check_labels(
    path: Path,
    pair: RawPair,
    visible_hw: SizeHw | None,
    requirements: PairRequirements,
    report: PairReport,
) -> None:
    name, rule = _get_name(path, requirements), pair.label_rule
    try:
        data = _read_image(path, name, report)
        if rule is None:
            labels_u8 = decode_labels(data, name)
        else:
            labels_u8, report.label_conversion = decode_label_map(data, name, rule)
    except MdjaxError as error:
        report.problems.append(str(error))
        return
    if visible_hw and labels_u8.shape != visible_hw:
        report.problems.append(
            f"{name}: is {labels_u8.shape[1]}x{labels_u8.shape[0]}, the visible image is "
            f"{visible_hw[1]}x{visible_hw[0]}; both need the same size."
        )
    elif visible_hw and pair.view is not None:
        try:
            labels_u8 = pair.view.cut_visible(labels_u8, name)
        except MdjaxError:  # Of the visible image this is reported already.
            return
    if report.label_conversion is not None:  # The same file by another rule is another record.
        report.checksum = zlib.crc32(labels_u8.tobytes(), report.checksum)
    pixels_of_id = np.bincount(labels_u8.ravel(), minlength=256)
    num_classes = requirements.num_label_classes
    report.class_pixels = tuple(pixels_of_id[:num_classes].tolist())
    report.num_uncounted_pixels = int(pixels_of_id[IGNORED_LABEL])
    last_id = IGNORED_LABEL - 1 if requirements.may_have_uncounted_pixels else IGNORED_LABEL
    if unknown := [i for i in range(num_classes, last_id + 1) if pixels_of_id[i]]:
        remedy = "fix the map"
        if requirements.may_have_uncounted_pixels:
            remedy += " (255 is not counted), or the list of class names if it is too short"
        if rule is not None and rule.remedy:
            remedy += f"; {rule.remedy}"
        ids = ", ".join(map(str, unknown))
        report.problems.append(f"{name}: class id {ids} is outside 0..{num_classes - 1}; {remedy}.")


def _read_image(path: Path, name: str, report: PairReport) -> bytes:
    """Read a file; a PNG is also unpacked, which finds one whose writer stopped early."""
    data = read_bytes(path, name, "add it, or remove its name from the list")
    if is_png(data):
        read_png_header(data, name, is_thorough=True)
    report.checksum = zlib.crc32(data, report.checksum)
    return data


def _get_name(path: Path, requirements: PairRequirements) -> str:
    is_inside = path.is_relative_to(requirements.root)
    return path.relative_to(requirements.root).as_posix() if is_inside else str(path)
