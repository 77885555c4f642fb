"""Rigs of two cameras whose homography is known."""

import json
from pathlib import Path
from typing import Any

import numpy as np

VISIBLE_WH, THERMAL_WH = (40, 30), (16, 12)

# The thermal camera sees the part from (8, 3) to (40, 27) of the visible image: 2 px in one.
# Centres: pixel 0 covers 8 to 10, so its centre is 9 by edges, and 8.5 by whole-numbered centres.
TWICE = [[2.0, 0.0, 8.5], [0.0, 2.0, 3.5], [0.0, 0.0, 1.0]]
PART = (8, 3, 40, 27)


def make_values(**changes: Any) -> dict[str, Any]:
    """What the file of that rig holds."""
    return {
        "visible_size_wh_px": list(VISIBLE_WH),
        "thermal_size_wh_px": list(THERMAL_WH),
        "thermal_to_visible": TWICE,
        **changes,
    }


def write_values(path: Path, **changes: Any) -> Path:
    """The file of that rig, with changes."""
    path.write_text(json.dumps(make_values(**changes)))
    return path


def make_visible_u8(number: int) -> np.ndarray:
    """RGB, another image for each number."""
    return np.random.default_rng(number).integers(0, 256, (30, 40, 3), np.uint8)


def make_thermal_u8(number: int) -> np.ndarray:
    return np.random.default_rng(number + 100).integers(0, 256, (12, 16), np.uint8)
