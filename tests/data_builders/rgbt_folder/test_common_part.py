"""Pairs of cameras that do not see the same are cut to what both see, with their annotations."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from data_builders.checks.annotations import Role
from data_builders.prepared import PreparedSummary
from data_builders.rgbt_folder import PrepareRgbtFolder
from mdjax.align.common_view import make_common_view
from mdjax.data.decode import decode_pair
from mdjax.io.images import decode_labels
from mdjax.predict.pairs import PairFiles, read_pair
from mdjax.types import MdjaxError
from tests.align.rigs import PART, make_thermal_u8, make_visible_u8, write_values
from tests.data.factories import encode_png
from tests.data_builders.raw_pairs import get_problems, write, write_list
from tests.data_builders.reading import read_metadata, read_records

SPLITS = {"train": "a", "test": "b"}
LABELS_U8 = np.random.default_rng(9).integers(0, 2, (30, 40), np.uint8)


def _encode_visible(number: int) -> bytes:
    return encode_png(cv2.cvtColor(make_visible_u8(number), cv2.COLOR_RGB2BGR))


@pytest.fixture
def raw_dir(tmp_path: Path) -> Path:
    """Two pairs of the rig, without annotations."""
    folder = tmp_path / "raw"
    write(folder / "classes.txt", "deer\nboar\n")
    for number, (split, name) in enumerate(SPLITS.items()):
        write_list(folder / f"{split}.txt", [name])
        write(folder / "visible" / f"{name}.png", _encode_visible(number))
        write(folder / "thermal" / f"{name}.png", encode_png(make_thermal_u8(number)))
    return folder


def _add_boxes(raw_dir: Path, *boxes_xyxy_px: tuple[int, int, int, int]) -> None:
    """The same deer in both images."""
    lines = [
        f"0 {(x0 + x1) / 80} {(y0 + y1) / 60} {(x1 - x0) / 40} {(y1 - y0) / 30}\n"
        for x0, y0, x1, y1 in boxes_xyxy_px
    ]
    for name in SPLITS.values():
        write(raw_dir / "labels" / f"{name}.txt", "".join(lines))


def _prepare(raw_dir: Path, **options: Any) -> PreparedSummary:
    return PrepareRgbtFolder(raw_dir, data_dir=raw_dir.with_name("data"), **options).prepare()


def test_crop_cuts_the_visible_image_alone(raw_dir: Path) -> None:
    _add_boxes(raw_dir, (10, 5, 20, 15))
    summary = _prepare(raw_dir, visible_crop=PART)
    for number, (split, name) in enumerate(SPLITS.items()):
        (record,) = read_records(summary.folder, split)
        assert record["thermal"] == (raw_dir / "thermal" / f"{name}.png").read_bytes()
        visible_u8, _ = decode_pair(record, name)
        np.testing.assert_array_equal(visible_u8, make_visible_u8(number)[3:27, 8:40])
        np.testing.assert_allclose(record["objects"]["bbox_xyxy_px"], [[2, 2, 12, 12]], atol=1e-4)
    metadata = read_metadata(summary.folder)
    (note,) = (x for x in metadata["notes"] if "cut to" in x)
    assert f"visible images were {metadata['view']}; " in note
    assert "cut to 32x24 pixels at (8, 3); encoded again as PNG, without loss" in note


def test_homography_warps_the_thermal_image(raw_dir: Path, tmp_path: Path) -> None:
    """One that is shifted by a pixel of the thermal camera: 2 of the visible one."""
    shifted = [[2.0, 0.0, 6.5], [0.0, 2.0, 3.5], [0.0, 0.0, 1.0]]
    path = write_values(tmp_path / "rig.json", thermal_to_visible=shifted)
    _add_boxes(raw_dir, (10, 5, 20, 15))
    summary = _prepare(raw_dir, homography=path, visible_crop=(8, 3, 40, 27))
    (record,) = read_records(summary.folder, "train")
    visible_u8, thermal_u8 = decode_pair(record, "a")
    np.testing.assert_array_equal(visible_u8, make_visible_u8(0)[3:27, 8:38])
    np.testing.assert_array_equal(thermal_u8, make_thermal_u8(0)[:, 1:])


@pytest.mark.parametrize("has_16_bits", [False, True])
def test_prediction_sees_what_was_prepared(
    raw_dir: Path, tmp_path: Path, has_16_bits: bool
) -> None:
    """Turned and not to scale, so that pixels are interpolated; some counts are cut off."""
    turned = [[1.9, 0.1, 9.2], [-0.08, 1.95, 4.1], [1e-4, 0.0, 1.0]]
    path = write_values(tmp_path / "rig.json", thermal_to_visible=turned)
    counts = (7100, 7800) if has_16_bits else None
    if has_16_bits:
        for number, name in enumerate(SPLITS.values()):
            thermal_u16 = make_thermal_u8(number).astype(np.uint16) * 4 + 7000
            write(raw_dir / "thermal" / f"{name}.png", encode_png(thermal_u16))
    _add_boxes(raw_dir, (15, 8, 25, 18))
    summary = _prepare(raw_dir, homography=path, thermal_range_counts=counts)
    (record,) = read_records(summary.folder, "test")
    if counts is not None:
        record["thermal_range_counts"] = counts
    visible_u8, thermal = decode_pair(record, "b")
    files = PairFiles("b", raw_dir / "visible" / "b.png", raw_dir / "thermal" / "b.png")
    view = make_common_view(None, path)
    pair = read_pair(files, thermal_range_counts=counts, view=view)
    np.testing.assert_array_equal(pair.visible_u8, visible_u8)
    assert pair.thermal is not None
    assert pair.thermal.dtype == thermal.dtype
    np.testing.assert_array_equal(pair.thermal, thermal)


def test_boxes_at_the_edge_of_the_view_are_clipped_ignored_or_dropped(raw_dir: Path) -> None:
    """The part is (8, 3) to (40, 27): of 4 boxes one is inside, of one 6/10 and of one 2/10 are."""
    boxes = [(10, 5, 20, 15), (4, 5, 14, 15), (0, 5, 10, 15), (0, 5, 8, 15)]
    _add_boxes(raw_dir, *boxes)
    summary = _prepare(raw_dir, visible_crop=PART)
    (record,) = read_records(summary.folder, "train")
    expected = [[2, 2, 12, 12], [0, 2, 6, 12], [0, 2, 2, 12]]
    np.testing.assert_allclose(record["objects"]["bbox_xyxy_px"], expected, atol=1e-4)
    assert [*record["objects"]["is_ignored"]] == [False, False, True]
    assert summary.box_counts["train"]["deer"] == {
        Role.POSITIVE: 2,
        Role.IGNORED: 1,
        Role.DROPPED: 0,
    }
    notes = "\n".join(summary.notes)
    assert "2 boxes dropped: outside of what both cameras see." in notes
    assert (
        "2 boxes made ignored regions: less than half of the area is in what both cameras see."
        in notes
    )
    assert not [warning for warning in summary.warnings if "are dropped" in warning]


def test_view_that_shows_few_of_the_objects_is_warned_of(raw_dir: Path) -> None:
    """As with the matrix of the other direction; both splits have these boxes."""
    _add_boxes(raw_dir, (10, 5, 20, 15), (0, 5, 8, 15), (0, 5, 7, 15))
    summary = _prepare(raw_dir, visible_crop=PART)
    (warning,) = [warning for warning in summary.warnings if "are dropped" in warning]
    assert warning.startswith("4 of 6 boxes lie outside of what both cameras see and are dropped;")


def test_boxes_outside_their_image_are_faults_as_ever(raw_dir: Path) -> None:
    _add_boxes(raw_dir, (30, 5, 60, 15))
    with pytest.raises(MdjaxError, match="half is needed"):
        _prepare(raw_dir, visible_crop=PART)


def test_masks_are_cut_as_the_visible_image(raw_dir: Path) -> None:
    for name in SPLITS.values():
        write(raw_dir / "masks" / f"{name}.png", encode_png(LABELS_U8))
    summary = _prepare(raw_dir, visible_crop=PART)
    (record,) = read_records(summary.folder, "train")
    np.testing.assert_array_equal(decode_labels(record["labels"], "a"), LABELS_U8[3:27, 8:40])
    cut = LABELS_U8[3:27, 8:40]
    assert summary.class_pixels["train"] == (int((cut == 0).sum()), int((cut == 1).sum()))


def test_masks_of_another_size_than_the_whole_image_are_refused(raw_dir: Path) -> None:
    for name in SPLITS.values():
        write(raw_dir / "masks" / f"{name}.png", encode_png(LABELS_U8[3:27, 8:40]))
    with pytest.raises(MdjaxError, match="is 32x24, the visible image is 40x30"):
        _prepare(raw_dir, visible_crop=PART)


def test_pairs_of_another_size_are_faults_of_their_own(raw_dir: Path, tmp_path: Path) -> None:
    """And can be left out; a third pair, so that no split is empty."""
    write_list(raw_dir / "train.txt", ["a", "c"])
    write(raw_dir / "visible" / "c.png", _encode_visible(2))
    write(raw_dir / "thermal" / "c.png", encode_png(make_thermal_u8(2)[:6, :8]))
    _add_boxes(raw_dir, (10, 5, 20, 15))
    path = write_values(tmp_path / "rig.json")
    command = PrepareRgbtFolder(raw_dir, data_dir=tmp_path / "data", homography=path)
    (problem,) = get_problems(command.prepare)
    assert problem.startswith(
        "c: has 8x6 pixels, but the homography is for thermal images of 16x12"
    )
    summary = _prepare(raw_dir, homography=path, skip_faulty=True)
    assert [*summary.left_out] == ["c"]


def test_another_view_is_another_data_set(raw_dir: Path, tmp_path: Path) -> None:
    """How a homography was found makes no difference."""
    _add_boxes(raw_dir, (10, 5, 20, 15))
    evidence = {"method": "edges", "num_pairs": 9, "residual_px": 0.5}
    first = write_values(tmp_path / "first.json")
    second = write_values(tmp_path / "second.json", evidence=evidence)
    views: list[dict[str, Any]] = [
        {},
        {"visible_crop": PART},
        {"homography": first},
        {"homography": second},
    ]
    folders = [_prepare(raw_dir, name=f"v{k}", **view).folder for k, view in enumerate(views)]
    fingerprints = [read_metadata(folder)["fingerprint"] for folder in folders]
    assert len(set(fingerprints)) == 3
    assert fingerprints[2] == fingerprints[3]
