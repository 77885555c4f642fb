"""The user's own image pairs: files that belong together, checked and decoded."""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from mdjax.align.common_view import CommonView
from mdjax.io.findings import Findings, group_problems
from mdjax.io.images import (
    ThermalImage,
    check_fourth_channel,
    check_orientation,
    decode_image,
    decode_visible,
    decode_visible_thermal,
    take_grey,
)
from mdjax.io.png import is_png, read_png_header
from mdjax.io.read_file import read_bytes
from mdjax.models.modalities import VISIBLE, Missing
from mdjax.predict.decoded import DecodedPair, PairNames, combine_images
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
    decode_thermal = partial(_decode_thermal, holds_counts=thermal_range_counts is not None)
    thermal = _try(decode_thermal, files.thermal, problems)
    if visible_u8 is None or thermal is None:
        raise MdjaxError("\n".join(problems))
    names = PairNames(str(files.visible), str(files.thermal))
    return combine_images(
        visible_u8, thermal, names, thermal_range_counts=thermal_range_counts, view=view
    )


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


def _decode_thermal(data: bytes, name: str, *, holds_counts: bool) -> ThermalImage:
    return take_grey(decode_image(data, name, may_have_16_bits=holds_counts), name, data)


def _read_single(
    path: Path, thermal_range_counts: Sequence[float] | None, view: CommonView | None
) -> DecodedPair:
    """Decode a file that stands alone: four channels hold both images, three the visible one."""
    data, name = read_bytes(path, str(path)), str(path)
    names = PairNames(name, name)
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
        return combine_images(visible_u8, thermal_u8, names)
    visible_u8 = decode_visible(data, name)
    check_orientation(data, name)
    return combine_images(visible_u8, None, names, view=view)


def _read_thermal_alone(
    path: Path, thermal_range_counts: Sequence[float] | None, view: CommonView | None
) -> DecodedPair:
    data, name = read_bytes(path, str(path)), str(path)
    if is_png(data) and read_png_header(data, name).num_channels == 4:
        return _read_single(path, thermal_range_counts, view)
    thermal = _decode_thermal(data, name, holds_counts=thermal_range_counts is not None)
    check_orientation(data, name)
    names = PairNames(name, name)
    return combine_images(
        None, thermal, names, thermal_range_counts=thermal_range_counts, view=view
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
