"""A contact sheet shows the same boxes and masks on both images, whatever their sizes."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mdjax.types import MdjaxError
from mdjax.viz.colours import compute_hues, create_palette
from mdjax.viz.contact_sheet import SheetBoxes, SheetRow, make_contact_sheet

CELL_HW = (300, 400)


def _make_row(
    size_hw: tuple[int, int],
    thermal_hw: tuple[int, int],
    boxes: SheetBoxes | None = None,
    **kinds: np.ndarray,
) -> SheetRow:
    thermal_u8 = np.full(thermal_hw, 40, np.uint8)
    return SheetRow(
        lines=("train, day", "a_name_that_needs_more_than_one_line"),
        visible_u8=np.full((*size_hw, 3), 90, np.uint8),
        thermal_u8=thermal_u8,
        cameras_u8={"16x": thermal_u8, "64x": thermal_u8},
        boxes=boxes,
        **kinds,
    )


def _make_boxes(boxes: list[list[float]], is_ignored: list[bool]) -> SheetBoxes:
    return SheetBoxes(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.zeros(len(boxes), np.int32),
        np.array(is_ignored, bool),
    )


def _read(path: Path) -> np.ndarray:
    image = cv2.imread(str(path))
    assert image is not None
    return image[..., ::-1]


def test_boxes_are_at_the_same_place_of_both_images(tmp_path: Path) -> None:
    """80x60 pixels are enlarged five times: the box from (20, 12) to (40, 36) is 100 wide."""
    row = _make_row((60, 80), (30, 40), _make_boxes([[20, 12, 40, 36]], [False]))
    make_contact_sheet([row], tmp_path / "a.png", object_class_names=("person",))
    image_u8 = _read(tmp_path / "a.png")
    is_red = (image_u8 == compute_hues(1)[0]).all(-1)
    rows, columns = np.nonzero(is_red[: 30 + CELL_HW[0]])
    first = columns[columns < columns.min() + CELL_HW[1]]
    second = columns[columns >= columns.min() + CELL_HW[1]]
    for found in (first, second):
        assert 98 <= found.max() - found.min() <= 104
    assert second.min() - first.min() == CELL_HW[1] + 6
    assert 118 <= rows.max() - rows.min() <= 124


def test_masks_are_laid_over_both_images_and_named(tmp_path: Path) -> None:
    labels_u8 = np.zeros((60, 80), np.uint8)
    labels_u8[:, 40:] = 1
    row = _make_row((60, 80), (60, 80), labels_u8=labels_u8)
    make_contact_sheet([row], tmp_path / "a.png", label_class_names=("no", "car"))
    image_u8 = _read(tmp_path / "a.png")
    colour = np.array(create_palette(2)[1])
    for grey in (90, 40):
        mixed = np.rint(0.55 * grey + 0.45 * colour)
        is_mixed = (np.abs(image_u8 - mixed) <= 1).all(-1)
        assert is_mixed.sum() == CELL_HW[0] * CELL_HW[1] // 2


def test_rows_of_other_sizes_and_without_objects_fit_in(tmp_path: Path) -> None:
    rows = [
        _make_row((60, 80), (60, 80), _make_boxes([], [])),
        _make_row((80, 60), (40, 30), _make_boxes([[0, 0, 60, 80]], [True])),
    ]
    make_contact_sheet(rows, tmp_path / "a.png", object_class_names=("person",))
    image_u8 = _read(tmp_path / "a.png")
    assert image_u8.shape[0] > 2 * CELL_HW[0]
    assert image_u8.shape[1] > 4 * CELL_HW[1]
    # Letters at the left are smoothed, and may have any grey.
    is_ignored = (image_u8 == (200, 200, 200)).all(-1)[:, -3 * CELL_HW[1] :]
    assert is_ignored[30 + CELL_HW[0] :].any()
    assert not is_ignored[30 : 30 + CELL_HW[0]].any()


def test_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MdjaxError, match="cannot be written"):
        make_contact_sheet([_make_row((6, 8), (6, 8))], tmp_path / "none" / "a.png")
