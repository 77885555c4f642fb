"""How well `mdjax align` finds known homographies of real pairs: MSRS's thermal images, warped.

    python experiments/align_msrs.py MSRS/train [--num-trials 10] [--num-pairs 16]

Each trial draws pairs and a homography: the thermal camera sees 55 to 95 % of the width, turned by
up to 4 degrees, and each corner is moved by up to 2 % of the width. What the alignment gets wrong
at the corners of the thermal image is measured in two ways:

- against the known homography alone. MSRS's own images are some pixels apart, which counts as an
  error here;
- against the known homography after the alignment of the same pairs without it, cut to the same
  part of the scene. That is what the alignment itself gets wrong.
"""

import argparse
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from mdjax.align.estimate import GreyPairs, estimate_from_edges, reduce_image
from mdjax.align.homography import CameraHomography
from mdjax.align.units import Matrix, list_corners, map_points
from mdjax.io.images import decode_thermal, decode_visible
from mdjax.io.json_file import write_json
from mdjax.types import MdjaxError

_LIMIT_PX = 1.5
_RESULTS = Path(__file__).parent / "results" / "align_msrs.json"


@dataclasses.dataclass(frozen=True)
class Trial:
    """Largest distances over the corners of the thermal image, in pixels of the visible one.

    Attributes:
        known_px: From where the known homography puts them.
        composed_px: From where it puts them after the alignment of the unwarped pairs.
        residual_px: What the alignment says of itself, see `Evidence`.
    """

    known_px: float
    composed_px: float
    residual_px: float


def main() -> None:
    """Run all trials, print a table, and write the numbers."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="with vi/ and ir/")
    parser.add_argument("--num-trials", type=int, default=10)
    parser.add_argument("--num-pairs", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=_RESULTS)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    print("| trial | found | against the known one | and the unwarped pairs | residual |")
    print("|---|---|---|---|---|")
    trials = [
        run_trial(options.folder, trial, options.num_pairs, rng)
        for trial in range(options.num_trials)
    ]
    found = [trial for trial in trials if trial is not None]
    for title, errors_px in (
        ("known_px", [trial.known_px for trial in found]),
        ("composed_px", [trial.composed_px for trial in found]),
    ):
        count = sum(error_px <= _LIMIT_PX for error_px in errors_px)
        median_px = float(np.median(errors_px)) if errors_px else np.nan
        print(f"{title}: {count} of {len(trials)} within {_LIMIT_PX} px, median {median_px:.2f}")
    write_json(
        options.out,
        {
            "num_pairs": options.num_pairs,
            "seed": options.seed,
            "limit_px": _LIMIT_PX,
            "trials": [None if trial is None else dataclasses.asdict(trial) for trial in trials],
        },
    )


def run_trial(folder: Path, trial: int, num_pairs: int, rng: np.random.Generator) -> Trial | None:
    """Draw pairs and a homography, and measure what is found; None where nothing is."""
    names = sorted(path.stem for path in (folder / "ir").glob("*.png"))
    chosen = rng.choice(names, num_pairs, replace=False)
    visible = [_read(decode_visible, folder / "vi" / f"{name}.jpg") for name in chosen]
    thermal = [_read(decode_thermal, folder / "ir" / f"{name}.png") for name in chosen]
    height, width = thermal[0].shape
    known = draw_homography(rng, (height, width))
    corners = list_corners((height, width)) * width - 0.5
    left, top, right, bottom = _find_box(map_points(known, corners), (height, width))
    try:
        warped = [
            cv2.warpPerspective(
                image, np.linalg.inv(known), (width, height), borderMode=cv2.BORDER_REPLICATE
            )
            for image in thermal
        ]
        same_part = [np.ascontiguousarray(image[top:bottom, left:right]) for image in thermal]
        found, unwarped = align(visible, warped), align(visible, same_part)
    except MdjaxError as error:
        print(f"| {trial} | no: {error} | | | |", flush=True)
        return None
    back = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], np.float64)
    places = map_points(found.matrix, corners)
    known_px, composed_px = (
        float(np.linalg.norm(places - map_points(matrix, corners), axis=1).max())
        for matrix in (known, unwarped.matrix @ back @ known)
    )
    assert found.evidence is not None
    result = Trial(known_px, composed_px, found.evidence.residual_px)
    print(f"| {trial} | yes | {known_px:.2f} | {composed_px:.2f} | {result.residual_px:.2f} |")
    return result


def draw_homography(rng: np.random.Generator, size_hw: tuple[int, int]) -> Matrix:
    """Draw where each pixel of a thermal camera lies in the image that it is made from."""
    height, width = size_hw
    corners = list_corners(size_hw) * width - 0.5
    middle = np.array([width / 2, height / 2])
    share, angle = rng.uniform(0.55, 0.95), np.radians(rng.uniform(-4, 4))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = rng.uniform(-0.5, 0.5, 2) * (1 - share) * np.array([width, height])
    moved = (corners - middle) @ turn.T * share + middle + shift
    moved += rng.uniform(-0.02, 0.02, (4, 2)) * width
    return cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32))


def align(visible: Sequence[np.ndarray], thermal: Sequence[np.ndarray]) -> CameraHomography:
    """Align pairs, as `mdjax align` does."""
    return estimate_from_edges(
        GreyPairs(
            [reduce_image(image) for image in visible],
            [reduce_image(image) for image in thermal],
            (visible[0].shape[1], visible[0].shape[0]),
            (thermal[0].shape[1], thermal[0].shape[0]),
        )
    )


def _read(decode: Callable[[bytes, str], np.ndarray], path: Path) -> np.ndarray:
    return decode(path.read_bytes(), str(path))


def _find_box(corners: np.ndarray, size_hw: tuple[int, int]) -> tuple[int, int, int, int]:
    """Whole pixels around a quadrangle, inside the image."""
    low, high = np.floor(corners.min(axis=0) + 0.5), np.ceil(corners.max(axis=0) + 0.5)
    left, top = (max(0, int(value)) for value in low)
    return left, top, min(size_hw[1], int(high[0])), min(size_hw[0], int(high[1]))


if __name__ == "__main__":
    main()
