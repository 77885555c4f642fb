"""Pictures of labels: colours by hand, files that read back, layouts to the pixel."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mdjax.types import IGNORED_LABEL, MdjaxError
from mdjax.viz.colours import IGNORED_COLOUR
from mdjax.viz.files import save_label_png, save_rgb_png
from mdjax.viz.heat import overlay_heat
from mdjax.viz.labels import ComparisonRow, colourise_labels, make_comparison_figure, overlay_labels

PALETTE = ((0, 0, 0), (200, 100, 0), (0, 0, 255))
CLASS_NAMES = ("unlabelled", "car", "colour_cone")


def make_row(height_px: int = 30, width_px: int = 40, *, heat: bool = True) -> ComparisonRow:
    labels_u8 = np.zeros((height_px, width_px), np.uint8)
    labels_u8[:, width_px // 2 :] = 2
    return ComparisonRow(
        name="night",
        visible_u8=np.full((height_px, width_px, 3), 90, np.uint8),
        thermal_camera_u8=np.full((height_px, width_px), 40, np.uint8),
        labels_u8=labels_u8,
        predictions_u8={"native": labels_u8, "distilled": np.ones_like(labels_u8)},
        heat=np.eye(3, 4, dtype=np.float32) if heat else None,
    )


def read_rgb(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert image is not None
    return image[..., ::-1]


def test_colourised_labels_have_the_palettes_colours() -> None:
    labels_u8 = np.array([[0, 1], [2, IGNORED_LABEL]], np.uint8)
    expected = [[(0, 0, 0), (200, 100, 0)], [(0, 0, 255), IGNORED_COLOUR]]
    np.testing.assert_array_equal(colourise_labels(labels_u8, PALETTE), expected)


def test_label_without_a_colour_is_named() -> None:
    with pytest.raises(MdjaxError, match="class id 7, but the palette has only 3 colours"):
        colourise_labels(np.full((1, 1), 7, np.uint8), PALETTE)


def test_overlay_mixes_by_alpha_and_leaves_the_rest() -> None:
    """Class 1 at alpha 1/4: 0.75 * 100 + 0.25 * (200, 100, 0) = (125, 100, 75)."""
    visible_u8 = np.full((1, 3, 3), 100, np.uint8)
    labels_u8 = np.array([[0, 1, IGNORED_LABEL]], np.uint8)
    mixed = overlay_labels(visible_u8, labels_u8, PALETTE, alpha=0.25)
    np.testing.assert_array_equal(mixed, [[(100, 100, 100), (125, 100, 75), (100, 100, 100)]])


def test_heat_brightens_the_largest_weight_and_dims_the_rest() -> None:
    """Weight 0 leaves the grey image at 0.6 of its brightness: 0.6 * 100 = 60."""
    heat = np.array([[0.0, 0.25]], np.float32)
    picture = overlay_heat(np.full((2, 4, 3), 100, np.uint8), heat)
    np.testing.assert_array_equal(picture[:, :2], np.full((2, 2, 3), 60))
    assert picture[:, 2:, 0].min() > 200


@pytest.mark.parametrize("value", [0.0, 1e-30])
def test_heat_of_vanishing_weights_stays_a_picture(value: float) -> None:
    heat = np.full((2, 2), value, np.float32)
    assert overlay_heat(np.full((4, 4, 3), 9, np.uint8), heat).shape == (4, 4, 3)


def test_saved_labels_read_back_as_one_channel(tmp_path: Path) -> None:
    labels_u8 = np.arange(12, dtype=np.uint8).reshape(3, 4)
    save_label_png(labels_u8, tmp_path / "labels.png")
    restored = cv2.imread(str(tmp_path / "labels.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(restored, labels_u8)


def test_saved_picture_keeps_the_order_of_its_channels(tmp_path: Path) -> None:
    image_u8 = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    save_rgb_png(image_u8, tmp_path / "picture.png")
    np.testing.assert_array_equal(read_rgb(tmp_path / "picture.png"), image_u8)


def test_picture_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "picture.png"
    row = make_row()
    with pytest.raises(MdjaxError, match=r"picture\.png: the picture cannot be written"):
        save_label_png(row.labels_u8, path)
    with pytest.raises(MdjaxError, match=r"picture\.png: the picture cannot be written"):
        make_comparison_figure([row], path, class_names=CLASS_NAMES, palette=PALETTE)


def test_comparison_shows_every_pixel_of_the_labels(tmp_path: Path) -> None:
    """40 columns are enlarged 280 / 40 = 7 times: the third cell is left black and right blue."""
    path = tmp_path / "comparison.png"
    rows = [make_row(), make_row()]
    make_comparison_figure(rows, path, class_names=CLASS_NAMES, palette=PALETTE)
    picture = read_rgb(path)
    is_blue = np.all(picture == PALETTE[2], axis=-1)
    # Ground truth and the native prediction of two rows, 210 x 140 pixels each, and the legend.
    assert 4 * 210 * 140 <= is_blue.sum() <= 4 * 210 * 140 + 400
    first_row = np.flatnonzero(is_blue.any(axis=1))[0]
    runs = np.flatnonzero(np.diff(is_blue[first_row + 5].astype(int)))
    assert np.diff(runs).tolist() == [140, 146, 140]  # 140 black and 6 between the cells


def test_comparison_without_mask_is_one_column_narrower(tmp_path: Path) -> None:
    widths = []
    for has_heat in (True, False):
        path = tmp_path / f"{has_heat}.png"
        row = make_row(heat=has_heat)
        make_comparison_figure([row], path, class_names=CLASS_NAMES, palette=PALETTE)
        widths.append(read_rgb(path).shape[1])
    assert widths[0] - widths[1] == 280 + 6


def test_comparison_of_large_images_is_shrunk(tmp_path: Path) -> None:
    """640 columns are shrunk round(640 / 280) = 2 times: five cells of 320 and their gaps."""
    path = tmp_path / "large.png"
    row = make_row(480, 640, heat=False)
    make_comparison_figure([row], path, class_names=CLASS_NAMES, palette=PALETTE)
    assert read_rgb(path).shape[1] == 26 + 5 * (320 + 6)


def test_equal_comparisons_are_equal_files(tmp_path: Path) -> None:
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        make_comparison_figure([make_row()], path, class_names=CLASS_NAMES, palette=PALETTE)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_heat_of_a_common_brightest_weight_can_be_compared() -> None:
    """A quarter of the brightest looks the same whatever else is in the map; more is cut."""
    image_u8 = np.full((2, 4, 3), 100, np.uint8)
    alone = overlay_heat(image_u8, np.array([[0.25, 0.25]], np.float32), largest=1.0)
    beside = overlay_heat(image_u8, np.array([[0.25, 1.0]], np.float32))
    np.testing.assert_array_equal(alone[:, :2], beside[:, :2])
    cut = overlay_heat(image_u8, np.array([[0.25, 3.0]], np.float32), largest=1.0)
    np.testing.assert_array_equal(cut, beside)
