"""The picture of an alignment shows edges where the thermal image lies."""

from pathlib import Path

import cv2
import numpy as np

from mdjax.viz.alignment import AlignmentRow, save_alignment


def test_picture_has_a_row_for_each_pair(tmp_path: Path) -> None:
    """Edges are orange: after the alignment only where the thermal image is, the right half."""
    rng = np.random.default_rng(0)
    visible_u8 = np.full((60, 80, 3), 90, np.uint8)
    thermal = np.repeat(np.repeat(rng.integers(7000, 7400, (6, 8)), 5, 0), 5, 1).astype(np.uint16)
    rows = [AlignmentRow(name, visible_u8, thermal, thermal) for name in "ab"]
    corners = np.array([[0.5, 0], [1, 0], [1, 1], [0.5, 1]])
    path = tmp_path / "a.png"
    save_alignment(rows, corners, np.array([0.5, 0.1, 1, 0.9]), path)
    picture = cv2.imread(str(path))
    assert picture is not None
    # Two rows of 420x315, four columns, titles, names and a legend.
    assert picture.shape[0] > 2 * 315
    assert picture.shape[1] > 4 * 420
    is_orange = np.all(np.abs(picture.astype(int) - (0, 140, 255)) < 40, axis=-1)[:600]
    shares = [is_orange[:, k * 426 + 30 : k * 426 + 420].mean() for k in range(4)]
    assert shares[0] == shares[1] == 0
    assert shares[2] > 0.02
    assert 0.2 * shares[2] < shares[3] < 0.8 * shares[2]
