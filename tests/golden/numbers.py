"""Deterministic numbers that the PyTorch twin and the JAX tests both start from.

Parameters and inputs are made from their names, so the golden files hold results only. Names are
those of PyTorch (`layer1.0.conv1.weight`), shapes those of PyTorch too (OIHW kernels, NCHW images);
`linen.py` translates.
"""

import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

GOLDEN_DIR = Path(__file__).parent
MAX_WHOLE = 300
"""Results with at most so many values are stored whole, others by norm and projections."""
NUM_PROJECTIONS = 16

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406])
IMAGENET_STD = np.array([0.229, 0.224, 0.225])

OBJECTS = (
    [[23.1, 5.3, 32.8, 27.6], [17.3, 10.5, 25.8, 30.7]],
    [[24.2, 8.5, 31.4, 25.7]],
)
"""Boxes of the two images of a detection step: left, top, right, bottom in pixels."""
CLASS_IDS = ([0, 1], [1])

CSK_SETTINGS: dict[str, Any] = {
    "distillation_weight": 0.5,
    "temperature": 3.0,
    "contrast_weight": 2.0,
    "contrast_temperature": 0.2,
    "hard_share": 0.3,
    "projected_channels": 10,
    "exchange_weight": 0.05,
}
"""Of CSK-Net's step; weights under which no term vanishes beside the others."""
EXCHANGED = re.compile(r"csknet/trunk\..*\.bn2\.(visible|thermal)\.weight")
"""Scales that decide which channels CSK-Net exchanges."""


def random_normal(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal values that depend on the name alone.

    `RandomState` because NumPy promises never to change its stream; rounded to float32 so that
    both sides, whatever their precision, start from exactly the same numbers.
    """
    state = np.random.RandomState(zlib.crc32(name.encode()))
    return state.standard_normal(shape).astype(np.float32)


def random_uniform(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Values in [0, 1) that depend on the name alone."""
    state = np.random.RandomState(zlib.crc32(name.encode()))
    return state.random_sample(shape).astype(np.float32)


def create_leaf(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """One parameter or running statistic with a size that suits its role.

    Kernels have the standard deviation sqrt(2 / fan-in), those that make masks 0.3
    of it (masks would saturate); biases 0.1; scales lie around 1, those that end a residual
    branch around 1/2 and running variances around 2 (features would grow from block to block).
    Those that decide about exchange are of both signs, some near 0.
    """
    noise = random_normal(name, shape)
    if EXCHANGED.fullmatch(name):
        leaf = create_exchange_scale(name, noise)
    elif name.endswith("running_var"):
        leaf = 2.0 * np.exp(0.3 * noise)
    elif name.endswith(("bias", "running_mean")):
        leaf = 0.1 * noise
    elif len(shape) == 1:
        leaf = (0.5 if name.endswith("bn2.weight") else 1.0) * (1.0 + 0.1 * noise)
    else:
        gain = 0.3 if re.search(r"(intra_|inter|attention)", name) else 1.0
        leaf = gain * np.sqrt(2.0 / np.prod(shape[1:])) * noise
    return leaf.astype(np.float32)


def create_exchange_scale(name: str, noise: np.ndarray) -> np.ndarray:
    """Scales around 1/2 and -1/2, and below 0.02, CEN's threshold, for about a quarter of them."""
    kept = np.sign(noise) * (0.5 + 0.05 * np.abs(noise))
    given_up = 0.019 * np.tanh(noise)
    return np.where(random_uniform(f"{name}/is_kept", noise.shape) < 3 / 4, kept, given_up)


def create_images(name: str, batch: int, height: int, width: int) -> dict[str, np.ndarray]:
    """Visible and two thermal images [b c h w] in [0, 1]; blocky labels [b h w] with 255 too."""
    blocks = random_uniform(f"{name}/labels", (batch, height // 4, width // 4))
    labels = np.minimum(np.floor(blocks * 18), 18).astype(np.int64)
    labels = np.where(labels > 9, 0, np.where(labels == 9, 255, labels)).astype(np.uint8)
    return {
        "visible": random_uniform(f"{name}/visible", (batch, 3, height, width)),
        "thermal_full": random_uniform(f"{name}/thermal_full", (batch, 1, height, width)),
        "thermal_camera": random_uniform(f"{name}/thermal_camera", (batch, 1, height, width)),
        "labels": labels.repeat(4, axis=1).repeat(4, axis=2),
    }


def compute_digest(name: str, value: np.ndarray) -> np.ndarray:
    """What a golden file stores of one result, as a flat float64 array.

    Small results whole; large ones as their norm and 16 projections on normal directions r:
    for an error e, the projections e·r scatter with standard deviation |e|, so the root mean
    square of their differences estimates the error of the whole array.
    """
    flat = np.asarray(value, np.float64).ravel()
    if flat.size <= MAX_WHOLE:
        return flat
    state = np.random.RandomState(zlib.crc32(f"projection of {name}".encode()))
    projections = [state.standard_normal(flat.size) @ flat for _ in range(NUM_PROJECTIONS)]
    return np.array([np.linalg.norm(flat), *projections])


def compute_relative_error(name: str, value: np.ndarray, stored: np.ndarray) -> float:
    """Norm of the difference relative to the norm of the stored result (estimated when large)."""
    digest = compute_digest(name, value)
    if digest.shape != stored.shape:
        return float("inf")
    if np.size(value) <= MAX_WHOLE:
        return float(np.linalg.norm(digest - stored) / max(np.linalg.norm(stored), 1e-12))
    return float(np.sqrt(np.mean((digest[1:] - stored[1:]) ** 2)) / max(stored[0], 1e-12))


def load_golden(name: str) -> dict[str, np.ndarray]:
    """The stored digests of one scenario, by the name of each result."""
    with np.load(GOLDEN_DIR / f"{name}.npz") as archive:
        names = str(archive["names"]).split()
        stops = np.cumsum(archive["lengths"])
        return dict(zip(names, np.split(archive["values"], stops[:-1]), strict=True))


def save_golden(name: str, results: Mapping[str, np.ndarray]) -> None:
    """Store the digests of one scenario as float32 (relative rounding 6e-8), end to end."""
    digests = {key: compute_digest(key, value) for key, value in results.items()}
    np.savez_compressed(
        GOLDEN_DIR / f"{name}.npz",
        names=np.array("\n".join(digests)),
        lengths=np.array([len(digest) for digest in digests.values()]),
        values=np.concatenate(list(digests.values())).astype(np.float32),
    )
