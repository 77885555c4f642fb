"""The two cameras complement each other: measured with a classifier that no training can favour.

A ridge regression on fixed random features of small patches, fitted in closed form, sees the
visible patch, the thermal patch or both. Its mean class recall on scenes it never saw must be
ordered as the scenes were made: both > visible, thermal; each modality ahead where it should be.
"""

import cv2
import numpy as np
import pytest

from mdjax.scenes import ClassId, render_scene

pytestmark = pytest.mark.slow

SIZE_HW = (48, 64)
NUM_TRAIN, NUM_TEST = 70, 70
NUM_UNLABELLED = 60
"""Unlabelled pixels taken from each image; of the other classes, every second."""
NUM_RANDOM_FEATURES = 200
RIDGE = 10.0

Recalls = dict[tuple[str, bool], np.ndarray]


def describe_pixels(image_u8: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The 5 × 5 pixels around each chosen one, and 3 × 3 blurred ones four pixels apart."""
    image = np.sqrt(image_u8.reshape(*SIZE_HW, -1).astype(np.float32) / 255)
    blurred = cv2.blur(image, (5, 5)).reshape(image.shape)
    patches = []
    for values, reach, step in ((image, 2, 1), (blurred, 4, 4)):
        padded = np.pad(values, ((4, 4), (4, 4), (0, 0)), mode="reflect")
        for y in range(4 - reach, 4 + reach + 1, step):
            for x in range(4 - reach, 4 + reach + 1, step):
                shifted = padded[y : y + SIZE_HW[0], x : x + SIZE_HW[1]]
                patches.append(shifted.reshape(-1, image.shape[2])[chosen])
    return np.hstack(patches)


def collect_pixels(first_index: int, num_scenes: int) -> dict[str, np.ndarray]:
    """Features, labels and time of day of the sampled pixels of some scenes."""
    rng = np.random.default_rng(first_index)
    height = np.repeat(np.linspace(-1, 1, SIZE_HW[0], dtype=np.float32), SIZE_HW[1])[:, None]
    rows: dict[str, list[np.ndarray]] = {"visible": [], "thermal": [], "label": [], "night": []}
    for index in range(first_index, first_index + num_scenes):
        scene = render_scene(5, index, SIZE_HW)
        labels = scene.labels_u8.ravel()
        background = rng.choice(np.flatnonzero(labels == 0), NUM_UNLABELLED)
        chosen = np.concatenate([np.flatnonzero(labels)[::2], background])
        for inputs, image_u8 in (("visible", scene.visible_u8), ("thermal", scene.thermal_u8)):
            rows[inputs].append(np.hstack([describe_pixels(image_u8, chosen), height[chosen]]))
        rows["label"].append(labels[chosen])
        rows["night"].append(np.full(len(chosen), scene.is_night))
    stacked = {key: np.concatenate(value) for key, value in rows.items()}
    stacked["both"] = np.hstack([stacked["visible"], stacked["thermal"]])
    return stacked


def predict(train: dict[str, np.ndarray], test: dict[str, np.ndarray], inputs: str) -> np.ndarray:
    """Class-balanced ridge regression of the one-hot label on random ReLU features."""
    x, x_test = train[inputs], test[inputs]
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((x.shape[1], NUM_RANDOM_FEATURES), np.float32)
    weights *= np.float32(1.5 / np.sqrt(x.shape[1]))
    bias = rng.standard_normal(NUM_RANDOM_FEATURES, np.float32)

    def lift(pixels: np.ndarray) -> np.ndarray:
        scaled = (pixels - mean) / deviation
        ones = np.ones((len(pixels), 1), np.float32)
        return np.hstack([np.maximum(scaled @ weights + bias, 0), scaled, ones])

    features = lift(x)
    balance = len(x) / 9 / np.bincount(train["label"], minlength=9)[train["label"]]
    weighted = features * balance[:, None].astype(np.float32)
    gram = features.T @ weighted + RIDGE * np.eye(features.shape[1], dtype=np.float32)
    targets = np.eye(9, dtype=np.float32)[train["label"]]
    return (lift(x_test) @ np.linalg.solve(gram, weighted.T @ targets)).argmax(axis=1)


@pytest.fixture(scope="module")
def recalls() -> Recalls:
    """Recall of each class by (inputs, is_night)."""
    train, test = collect_pixels(0, NUM_TRAIN), collect_pixels(1_000_000, NUM_TEST)
    result: Recalls = {}
    for inputs in ("visible", "thermal", "both"):
        predicted = predict(train, test, inputs)
        for is_night in (False, True):
            hits = [
                (predicted[(test["label"] == k) & (test["night"] == is_night)] == k).mean()
                for k in range(9)
            ]
            result[inputs, is_night] = np.array(hits)
            time_of_day = "night" if is_night else "day"
            print(f"{inputs:8} {time_of_day:6} mean {np.mean(hits):.3f}", np.round(hits, 2))
    return result


def test_both_cameras_together_beat_each_alone(recalls: Recalls) -> None:
    mean = {
        inputs: (recalls[inputs, False] + recalls[inputs, True]).mean() / 2
        for inputs in ("visible", "thermal", "both")
    }
    assert mean["both"] > mean["visible"] + 0.04
    assert mean["both"] > mean["thermal"] + 0.1


def test_thermal_finds_persons_at_night(recalls: Recalls) -> None:
    thermal, visible = (recalls[inputs, True][ClassId.PERSON] for inputs in ("thermal", "visible"))
    assert thermal > visible + 0.3


@pytest.mark.parametrize("class_id", [ClassId.COLOUR_CONE, ClassId.CURVE])
def test_visible_finds_cones_and_markings_by_day(recalls: Recalls, class_id: ClassId) -> None:
    visible, thermal = (recalls[inputs, False][class_id] for inputs in ("visible", "thermal"))
    assert visible > thermal + 0.25
