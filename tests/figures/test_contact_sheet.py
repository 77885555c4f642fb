"""The pairs of a contact sheet: of each split, of day and night, as they are read in training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_builders.rgbt_folder import PrepareRgbtFolder
from mdjax.figures.contact_sheet import draw_contact_sheet, share_out
from mdjax.viz.contact_sheet import SheetRow
from tests.data.factories import encode_png
from tests.data_builders.raw_pairs import make_thermal_u16, write, write_list, write_rgbt

NAMES = {"train": [f"t{i}" for i in range(20)], "test": [f"e{i}" for i in range(6)]}


def test_half_is_of_the_night_and_splits_take_turns() -> None:
    assert share_out({"train": 90, "val": 9, "test": 1}, {"train": 50, "val": 0, "test": 50}) == {
        "train": {False: 3, True: 3},
        "val": {False: 2, True: 0},
        "test": {False: 1, True: 3},
    }


@pytest.mark.parametrize(
    ("num_day", "num_night", "expected"),
    [(20, 0, (12, 0)), (0, 20, (0, 12)), (2, 20, (2, 10)), (20, 2, (10, 2)), (3, 2, (3, 2))],
)
def test_what_one_time_lacks_the_other_gives(
    num_day: int, num_night: int, expected: tuple[int, int]
) -> None:
    shares = share_out({"test": num_day}, {"test": num_night})["test"]
    assert (shares[False], shares[True]) == expected


def _draw(
    raw_dir: Path, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> tuple[list[SheetRow], dict[str, Any]]:
    data_dir = raw_dir.parent / "data"
    summary = PrepareRgbtFolder(raw_dir, data_dir=data_dir, **options).prepare()
    taken: list[Any] = []

    def take(rows: list[SheetRow], path: Path, **names: Any) -> None:
        taken.append((rows, {**names, "path": path}))

    monkeypatch.setattr("mdjax.figures.contact_sheet.make_contact_sheet", take)
    for _ in range(2):
        draw_contact_sheet(
            summary.dataset,
            raw_dir / "a.png",
            data_dir=data_dir,
            num_day=summary.num_day,
            num_night=summary.num_night,
        )
    (rows, names), (same_rows, _) = taken
    assert [row.lines for row in rows] == [row.lines for row in same_rows]
    return rows, names


def test_pairs_with_boxes_are_shown_as_the_records_hold_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each split half of the pairs are of the night, and some have no boxes."""
    raw_dir = write_rgbt(tmp_path / "raw", NAMES)
    everything = [name for names in NAMES.values() for name in names]
    write_list(raw_dir / "night.txt", everything[::2])
    for i, name in enumerate(everything):
        has_box = i % 4 < 2 or name.startswith("e")
        write(raw_dir / f"labels/{name}.txt", "1 .5 .5 .5 .5\n" if has_box else "")
        write(raw_dir / f"thermal/{name}.png", encode_png(make_thermal_u16(i)))
    rows, names = _draw(raw_dir, monkeypatch, thermal_range_counts=(7000, 9000))
    assert names["object_class_names"] == ("deer", "boar")
    times = [row.lines[0] for row in rows]
    assert times == [
        *["train, day"] * 3,
        *["train, night"] * 3,
        *["test, day"] * 3,
        *["test, night"] * 3,
    ]
    for row in rows:
        assert row.boxes is not None
        assert row.labels_u8 is None
        np.testing.assert_allclose(row.boxes.boxes_xyxy_px, [[4, 3, 12, 9]])
        assert row.boxes.class_ids.tolist() == [1]
        assert row.visible_u8.shape == (12, 16, 3)
        number = everything.index(row.lines[1])
        expected = (make_thermal_u16(number) - 7000.0) * (255 / 2000)
        np.testing.assert_allclose(row.thermal_u8, expected, atol=0.6)
        assert list(row.cameras_u8) == ["thermal, 16x fewer pixels", "thermal, 64x fewer pixels"]
        # At the corner, one pixel of 3x4 is stretched to 2x2, and one of 2x2 to 3x4.
        fine, coarse = row.cameras_u8.values()
        assert len(np.unique(fine[:2, :2])) == len(np.unique(coarse[:3, :4])) == 1
        assert len(np.unique(fine[:3, :4])) > 1


def test_pairs_without_objects_fill_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw_dir = write_rgbt(tmp_path / "raw", {"test": NAMES["train"]})
    for i, name in enumerate(NAMES["train"]):
        mask = np.full((12, 16), int(i in (4, 11)), np.uint8)
        write(raw_dir / f"masks/{name}.png", encode_png(mask))
    rows, names = _draw(raw_dir, monkeypatch)
    assert names["label_class_names"] == ("deer", "boar")
    assert len(rows) == 12
    shown = {row.lines[1]: row.labels_u8 for row in rows}
    assert {"t4", "t11"} < shown.keys()
    assert shown["t4"] is not None
    assert (shown["t4"] == 1).all()
