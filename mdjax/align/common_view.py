"""The part of a scene that both cameras see, cut out of both images of a pair."""

import dataclasses
import math
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float64, Shaped

from mdjax.align.homography import CameraHomography, read_homography
from mdjax.align.units import map_points
from mdjax.types import MdjaxError

PartXyxy = tuple[int, int, int, int]
"""Left, top, right and bottom edges in pixels of the visible image, which begins at 0."""

_MIN_SIDE_PX = 16
_MAX_ROWS = 512
# In pixels: the border of a thermal image, and what is rounding.
_TOLERANCE_PX = 1e-3
# Of the visible image's pixels in a row: a thermal image that is nearly as fine gets its size.
_NEARLY_AS_FINE = 0.9


@dataclasses.dataclass(frozen=True)
class CommonView:
    """What becomes of both images of a pair.

    The visible image is cut: its pixels stay as they are. Without a homography the thermal image
    stays too, and shows just this part. With one it is resampled, bilinearly, at about the
    resolution that it has: no pixels are made up.

    Attributes:
        part_xyxy_px: What is cut out of the visible image.
        homography: Of the two cameras; None if thermal images show just this part.
    """

    part_xyxy_px: PartXyxy
    homography: CameraHomography | None = None

    @property
    def size_hw(self) -> tuple[int, int]:
        """Rows and columns of the part."""
        left, top, right, bottom = self.part_xyxy_px
        return bottom - top, right - left

    def cut_visible(
        self, image: Shaped[np.ndarray, "h w *c"], name: str
    ) -> Shaped[np.ndarray, "hh ww *c"]:
        """Cut the part out of a visible image, or of a label map of its size.

        Args:
            image: [h w] or [h w c].
            name: File, for the message.

        Raises:
            MdjaxError: The image has another size than the homography is for, or ends before the
                part does.
        """
        left, top, right, bottom = self.part_xyxy_px
        if self.homography is not None:
            _check_size(image, self.homography.visible_size_wh_px, "visible", name)
        elif right > image.shape[1] or bottom > image.shape[0]:
            raise MdjaxError(
                f"{name}: has {image.shape[1]}x{image.shape[0]} pixels, but --visible-crop {left} "
                f"{top} {right} {bottom} ends at {right}, {bottom}; give a part of the image."
            )
        return np.ascontiguousarray(image[top:bottom, left:right])

    def warp_thermal(
        self, image: Shaped[np.ndarray, "h w"], name: str
    ) -> Shaped[np.ndarray, "hh ww"]:
        """Bring a thermal image to the part; without a homography it is the part already.

        Args:
            image: [h w] of 8 or 16 bits.
            name: File, for the message.

        Raises:
            MdjaxError: The image has another size than the homography is for.
        """
        if self.homography is None:
            return image
        _check_size(image, self.homography.thermal_size_wh_px, "thermal", name)
        matrix, left_top = self.homography.matrix, np.array(self.part_xyxy_px[:2], np.float64)
        density = self._measure_density(matrix)
        # Finer than the visible image, detail would become noise.
        shrunk = _shrink(image, 1 / density) if density > 1 else image
        share = 1.0 if density > _NEARLY_AS_FINE else density
        size_hw = tuple(max(1, round(share * side)) for side in self.size_hw)
        from_shrunk = _make_scaling(
            (image.shape[1] / shrunk.shape[1], image.shape[0] / shrunk.shape[0])
        )
        to_output = _make_scaling((size_hw[1] / self.size_hw[1], size_hw[0] / self.size_hw[0]))
        to_part = np.array([[1, 0, -left_top[0]], [0, 1, -left_top[1]], [0, 0, 1]])
        return cv2.warpPerspective(
            shrunk,
            to_output @ to_part @ matrix @ from_shrunk,
            size_hw[::-1],
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )

    def describe(self) -> str:
        """Say what is done to pairs, for notes."""
        left, top, right, bottom = self.part_xyxy_px
        text = f"cut to {right - left}x{bottom - top} pixels at ({left}, {top})"
        return text if self.homography is None else f"{text}, thermal images warped onto it"

    def _measure_density(self, matrix: np.ndarray) -> float:
        """Pixels of the thermal image in one of the visible image, along an axis."""
        left, top, right, bottom = self.part_xyxy_px
        middle = np.array([[(left + right - 1) / 2, (top + bottom - 1) / 2]])
        place = map_points(np.linalg.inv(matrix), middle)[0]
        depth = float(matrix[2] @ [*place, 1])
        return math.sqrt(depth**3 / float(np.linalg.det(matrix)))


def make_common_view(
    visible_crop: PartXyxy | None = None, homography_path: Path | None = None
) -> CommonView | None:
    """Make the view that two options ask for; None where neither does.

    Args:
        visible_crop: Part of the visible image; with a homography, of it what thermal images show.
        homography_path: File of a homography.

    Raises:
        MdjaxError: The file is not in order, the part is empty, or there is nothing in it that both
            cameras see.

    Example:
        >>> import mdjax
        >>> view = mdjax.make_common_view((200, 0, 1100, 720))
        >>> view.describe()
        'cut to 900x720 pixels at (200, 0)'
    """
    if visible_crop is not None:
        _check_crop(visible_crop)
    if homography_path is None:
        return None if visible_crop is None else CommonView(visible_crop)
    homography = read_homography(homography_path)
    try:
        return CommonView(find_common_part(homography, visible_crop), homography)
    except MdjaxError as error:
        raise MdjaxError(f"{homography_path}: {error}") from error


def find_common_part(
    homography: CameraHomography, visible_crop: PartXyxy | None = None
) -> PartXyxy:
    """Find the largest upright rectangle of the visible image that the thermal image covers.

    Args:
        homography: Of the two cameras.
        visible_crop: The rectangle lies in this one.

    Raises:
        MdjaxError: It has fewer than 16 rows or columns, or `visible_crop` is not in the image.
    """
    width, height = homography.visible_size_wh_px
    left, top, right, bottom = visible_crop or (0, 0, width, height)
    if right > width or bottom > height:
        raise MdjaxError(
            f"--visible-crop {left} {top} {right} {bottom}: ends outside visible images of "
            f"{width}x{height} pixels."
        )
    rows, lefts, rights = _measure_rows(homography.map_edges(), top, bottom)
    lefts, rights = np.maximum(lefts, left), np.minimum(rights, right)
    first, last = np.triu_indices(len(rows), 1)
    # The covered area is convex: between two rows it is at least as wide as in both.
    widths = np.minimum(rights[first], rights[last]) - np.maximum(lefts[first], lefts[last])
    areas = np.maximum(widths, 0) * (rows[last] - rows[first])
    if areas.size:
        best = int(areas.argmax())
        part = (
            math.ceil(max(lefts[first[best]], lefts[last[best]]) - _TOLERANCE_PX),
            math.ceil(rows[first[best]] - _TOLERANCE_PX),
            math.floor(min(rights[first[best]], rights[last[best]]) + _TOLERANCE_PX),
            math.floor(rows[last[best]] + _TOLERANCE_PX),
        )
        if min(part[2] - part[0], part[3] - part[1]) >= _MIN_SIDE_PX:
            return part
    raise MdjaxError(
        f"there is no part of {_MIN_SIDE_PX}x{_MIN_SIDE_PX} pixels of the visible image that both "
        "cameras see."
    )


def _measure_rows(
    corners: Float64[np.ndarray, "4 2"], top: int, bottom: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of pixels' edges that the quadrangle reaches, and from where to where it does."""
    first = max(top, math.ceil(corners[:, 1].min() - _TOLERANCE_PX))
    last = min(bottom, math.floor(corners[:, 1].max() + _TOLERANCE_PX))
    if last <= first:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    rows = np.unique(np.linspace(first, last, min(last - first + 1, _MAX_ROWS)).round())
    lefts, rights = np.full(len(rows), np.inf), np.full(len(rows), -np.inf)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        low, high = min(y0, y1) - _TOLERANCE_PX, max(y0, y1) + _TOLERANCE_PX
        is_crossed = (rows >= low) & (rows <= high)
        if abs(y1 - y0) < _TOLERANCE_PX:
            ends = np.array([[min(x0, x1)], [max(x0, x1)]])
            crossings = np.broadcast_to(ends, (2, len(rows)))
        else:
            share = np.clip((rows - y0) / (y1 - y0), 0, 1)
            crossings = np.broadcast_to(x0 + share * (x1 - x0), (2, len(rows)))
        lefts = np.where(is_crossed, np.minimum(lefts, crossings[0]), lefts)
        rights = np.where(is_crossed, np.maximum(rights, crossings[1]), rights)
    return rows, lefts, rights


def _check_crop(part: PartXyxy) -> None:
    left, top, right, bottom = part
    if min(left, top) < 0 or right - left < _MIN_SIDE_PX or bottom - top < _MIN_SIDE_PX:
        raise MdjaxError(
            f"--visible-crop {left} {top} {right} {bottom}: give left, top, right and bottom edges "
            f"of a part of at least {_MIN_SIDE_PX}x{_MIN_SIDE_PX} pixels, counted from 0."
        )


def _check_size(image: np.ndarray, size_wh_px: tuple[int, int], camera: str, name: str) -> None:
    if image.shape[1::-1] != size_wh_px:
        raise MdjaxError(
            f"{name}: has {image.shape[1]}x{image.shape[0]} pixels, but the homography is "
            f"for {camera} images of {size_wh_px[0]}x{size_wh_px[1]}; give images of this size, or "
            "make a homography for them with `mdjax align`."
        )


def _shrink(image: np.ndarray, share: float) -> np.ndarray:
    size_wh = (max(1, round(image.shape[1] * share)), max(1, round(image.shape[0] * share)))
    return cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA)


def _make_scaling(factors_xy: tuple[float, float]) -> np.ndarray:
    """The map of pixels, whose centres are whole numbers, to those of a larger or smaller image."""
    x, y = factors_xy
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])
