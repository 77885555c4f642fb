"""The user's own image pairs: files that belong together, checked and decoded."""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from mdjax.align.common_view import CommonView
from mdjax.io.findings import Findings, group_problems
from mdjax.io.images import (
    ThermalImage,
    check_fourth_channel,
    check_orientation,
    check_pair_sizes,
    convert_to_u8,
    decode_thermal,
    decode_thermal_counts,
    decode_visible,
    decode_visible_thermal,
    stretch_counts,
)
from mdjax.io.png import is_png, read_png_header
from mdjax.io.read_file import read_bytes
from mdjax.models.modalities import VISIBLE, Missing
from mdjax.predict.folders import find_in_folder, find_in_two_folders
from mdjax.types import MdjaxError


@dataclasses.dataclass(frozen=True)
class PairFiles:
    """The files of one image pair; at least one is there."""

    name: str
    visible: Path | None
    """RGB, or a four-channel PNG whose fourth channel is thermal; None where only the thermal image
    is there."""
    thermal: Path | None = None
    """None where there is no second file."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that are there."""
        return tuple(path for path in (self.visible, self.thermal) if path is not None)


class DecodedPair(NamedTuple):
    """Both images of a pair, each at the size it was stored with."""

    visible_u8: UInt8[np.ndarray, "h w 3"]
    """What is predicted is drawn over it; where there is no visible image, the thermal one."""
    thermal: ThermalImage | None
    has_visible: bool = True
    cut: "Cut | None" = None
    """Where `visible_u8` lies in its file; None where it is the whole image."""


class Cut(NamedTuple):
    """The part of a visible image that is predicted."""

    corner_xy_px: tuple[int, int]
    """Its left and top edge."""
    image_size_hw: tuple[int, int]
    """Rows and columns of the whole image."""
    note: str


def find_pairs(
    visible: Path, thermal: Path | None = None, *, missing: Missing = "none"
) -> tuple[PairFiles, ...]:
    """Find the files of one pair or of whole folders, where names without ending are matched.

    Args:
        visible: RGB image, four-channel PNG (RGB + thermal), or a folder of either; or a folder of
            pairs, in any layout that `mdjax prepare rgbt-folder` reads. Folders may hold folders.
        thermal: Thermal image, or the folder with a thermal image for each visible one; None for
            files of four channels, for a folder of pairs, and where there is no thermal camera.
        missing: Image that the network does without. If that is the visible one and `thermal` is
            None, `visible` names the thermal images, or a folder of pairs.

    Returns:
        Pairs in the order of their names. In a folder, a name is the path of the image without its
        ending and without what tells the camera.

    Raises:
        MdjaxError: Files without partner, two files of one name, no images; all in one message.
    """
    is_thermal_alone = missing == VISIBLE and thermal is None

    def create(name: str, path: Path) -> PairFiles:
        return PairFiles(name, None, path) if is_thermal_alone else PairFiles(name, path)

    paths = [visible] if thermal is None else [visible, thermal]
    absent = [path for path in paths if not path.exists()]
    raise_problems([f"{path}: there is no such file or folder." for path in absent])
    if thermal is not None and visible.is_dir() != thermal.is_dir():
        raise MdjaxError(f"{visible}, {thermal}: give two files or two folders, not one of each.")
    if not visible.is_dir():
        alone = create(visible.stem, visible)
        return (alone if thermal is None else dataclasses.replace(alone, thermal=thermal),)
    findings = Findings()
    if thermal is None:
        found = find_in_folder(visible, findings, is_thermal_alone=is_thermal_alone)
    else:
        found = find_in_two_folders(visible, thermal, findings)
    raise_problems(findings.problems)
    return tuple(
        create(name, *paths) if len(paths) == 1 else PairFiles(name, *paths)
        for name, paths in sorted(found.items())
    )


def read_pair(
    files: PairFiles,
    *,
    thermal_range_counts: Sequence[float] | None = None,
    view: CommonView | None = None,
) -> DecodedPair:
    """Read and decode a pair; the thermal image may have its own lower resolution.

    Args:
        files: From `find_pairs`.
        thermal_range_counts: For thermal images of 16 bits: the counts that map to black and white.
        view: What is cut out of both images, as `mdjax prepare rgbt-folder` does.

    Raises:
        MdjaxError: a file is missing, damaged or of the wrong kind, the two images do not show the
            same field of view, or a view is not for images of this size; one line a file.
    """
    if files.thermal is None:
        assert files.visible is not None
        return _read_single(files.visible, thermal_range_counts, view)
    if files.visible is None:
        return _read_thermal_alone(files.thermal, thermal_range_counts, view)
    problems: list[str] = []
    visible_u8 = _try(decode_visible, files.visible, problems)
    decode_counts = partial(_decode_thermal, range_counts=thermal_range_counts, view=view)
    thermal = _try(decode_counts, files.thermal, problems)
    if visible_u8 is None or thermal is None:
        raise MdjaxError("\n".join(problems))
    visible_u8, cut = _cut_visible(visible_u8, view, str(files.visible))
    pair = combine_images(visible_u8, thermal, f"{files.visible}, {files.thermal}")
    return pair._replace(cut=cut)


def combine_images(
    visible_u8: UInt8[np.ndarray, "h w 3"] | None, thermal: ThermalImage | None, name: str
) -> DecodedPair:
    """Make a pair of decoded images, whether from files, videos or memory; one may be None.

    Args:
        visible_u8: RGB.
        thermal: Grey levels.
        name: What a person calls the pair, for messages.

    Raises:
        MdjaxError: The two do not show the same field of view.
    """
    if visible_u8 is None:
        assert thermal is not None
        grey_u8 = np.repeat(convert_to_u8(thermal)[..., None], 3, axis=-1)
        return DecodedPair(grey_u8, thermal, has_visible=False)
    if thermal is not None:
        check_pair_sizes(visible_u8.shape[:2], thermal.shape, name)
    return DecodedPair(visible_u8, thermal)


def raise_problems(problems: Sequence[str]) -> None:
    """Raise all that is wrong with a set of files as one message; do nothing if nothing is.

    Raises:
        MdjaxError: There are problems.
    """
    if len(problems) == 1:
        raise MdjaxError(f"{problems[0]} Nothing was written.")
    if problems:
        lines = "\n".join(f"  {line}" for line in group_problems(problems).lines)
        raise MdjaxError(f"{len(problems)} problems, nothing was written.\n{lines}")


def _decode_thermal(
    data: bytes, name: str, *, range_counts: Sequence[float] | None, view: CommonView | None
) -> ThermalImage:
    """Decode a thermal image, and warp it as it was for training: before counts are cut off."""
    if view is None:
        return decode_thermal(data, name, range_counts)
    if range_counts is None:
        return view.warp_thermal(decode_thermal(data, name), name)
    counts = decode_thermal_counts(data, name)
    return stretch_counts(view.warp_thermal(counts, name), name, range_counts)


def _cut_visible(
    visible_u8: UInt8[np.ndarray, "h w 3"], view: CommonView | None, name: str
) -> tuple[UInt8[np.ndarray, "hh ww 3"], Cut | None]:
    if view is None:
        return visible_u8, None
    height, width = visible_u8.shape[:2]
    left, top, *_ = view.part_xyxy_px
    note = f"the visible image was {view.describe()}"
    return view.cut_visible(visible_u8, name), Cut((left, top), (height, width), note)


def _read_single(
    path: Path, thermal_range_counts: Sequence[float] | None, view: CommonView | None
) -> DecodedPair:
    """Decode a file that stands alone: four channels hold both images, three the visible one."""
    data, name = read_bytes(path, str(path)), str(path)
    if is_png(data) and read_png_header(data, name).num_channels == 4:
        if view is not None:
            raise MdjaxError(
                f"{name}: holds both images, which show the same part already; omit --homography "
                "and --visible-crop, or give each image as a file of its own."
            )
        if thermal_range_counts is not None:
            raise MdjaxError(
                f"{name}: has a thermal channel of 8 bits, but counts of 16 bits are expected; "
                "give the thermal image as a separate file."
            )
        visible_u8, thermal_u8 = decode_visible_thermal(data, name)
        check_fourth_channel(thermal_u8, name)
        return combine_images(visible_u8, thermal_u8, name)
    visible_u8 = decode_visible(data, name)
    check_orientation(data, name)
    visible_u8, cut = _cut_visible(visible_u8, view, name)
    return combine_images(visible_u8, None, name)._replace(cut=cut)


def _read_thermal_alone(
    path: Path, thermal_range_counts: Sequence[float] | None, view: CommonView | None
) -> DecodedPair:
    data, name = read_bytes(path, str(path)), str(path)
    if is_png(data) and read_png_header(data, name).num_channels == 4:
        return _read_single(path, thermal_range_counts, view)
    thermal = _decode_thermal(data, name, range_counts=thermal_range_counts, view=view)
    check_orientation(data, name)
    pair = combine_images(None, thermal, name)
    if view is None or view.homography is None:
        return pair
    # What is found counts in pixels of the visible camera, though its image is missing.
    left, top, *_ = view.part_xyxy_px
    width, height = view.homography.visible_size_wh_px
    size_wh = view.size_hw[::-1]
    return pair._replace(
        visible_u8=cv2.resize(pair.visible_u8, size_wh, interpolation=cv2.INTER_LINEAR),
        cut=Cut((left, top), (height, width), f"the visible image would be {view.describe()}"),
    )


def _try(
    decode: Callable[[bytes, str], np.ndarray], path: Path, problems: list[str]
) -> np.ndarray | None:
    try:
        data = read_bytes(path, str(path))
        image = decode(data, str(path))
        check_orientation(data, str(path))
        return image
    except MdjaxError as error:
        problems.append(str(error))
        return None
