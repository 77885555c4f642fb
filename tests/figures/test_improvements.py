"""What distillation changes, drawn of tiny networks."""

from dataclasses import replace
from pathlib import Path

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mdjax.data.folds import Folds
from mdjax.figures.image_scores import compute_label_scores
from mdjax.figures.improvements import draw_box_improvements, draw_label_improvements
from mdjax.figures.network_checks import evaluate_labeller
from mdjax.models.modalities import Missing
from mdjax.runs.config import DistillConfig, TrainConfig
from mdjax.runs.loading import LoadedNetwork, load_network
from mdjax.types import MdjaxError, NetworkOutput
from tests.conftest import SmallRuns, SmallScenes
from tests.predict.anchor_network import AnchorNetwork, create_loaded_detector

NUM_TEST_IMAGES = 6


def read_picture(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


@pytest.fixture
def native(small_runs: SmallRuns) -> LoadedNetwork:
    return load_network(small_runs.root / "native")


@pytest.fixture
def distilled(small_runs: SmallRuns) -> LoadedNetwork:
    return load_network(small_runs.root / "distilled")


def test_label_maps_are_chosen_by_their_scores_and_drawn(
    native: LoadedNetwork, distilled: LoadedNetwork, tmp_path: Path
) -> None:
    choice = draw_label_improvements(native, distilled, tmp_path / "two.png")
    assert choice.num_ranked + choice.num_without_truth == NUM_TEST_IMAGES
    scores = compute_label_scores(evaluate_labeller(distilled))
    for image in choice.images:
        assert image.distilled_score == scores[image.index]
    gains = [image.distilled_score - image.baseline_score for image in choice.images]
    assert gains == sorted(gains, reverse=True)

    few = draw_label_improvements(native, distilled, tmp_path / "one.png", num_each=1)
    assert [image.group for image in few.images] == ["most improved", "median", "most worsened"]
    draw_label_improvements(native, distilled, tmp_path / "thermal.png", shows_visible=False)
    two, one = read_picture(tmp_path / "two.png"), read_picture(tmp_path / "one.png")
    thermal = read_picture(tmp_path / "thermal.png")
    # 48 columns are enlarged 6 times; five of them beside names of at most 26 letters.
    assert 5 * (6 * 48) < two.shape[1] < 5 * (6 * 48 + 6) + 26 * 10
    assert two.shape[1] - thermal.shape[1] == 6 * 48 + 6
    assert two.shape[0] - one.shape[0] == (len(choice.images) - 3) * (6 * 32 + 6)
    assert two.std() > 10


def test_same_choice_gives_the_same_picture(
    native: LoadedNetwork, distilled: LoadedNetwork, tmp_path: Path
) -> None:
    pictures = []
    for name, baseline_name in (("a", "native"), ("b", "native"), ("c", "student")):
        path = tmp_path / f"{name}.png"
        draw_label_improvements(native, distilled, path, baseline_name=baseline_name, num_each=1)
        pictures.append(path.read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


def test_networks_that_cannot_be_compared_are_refused(
    small_runs: SmallRuns, native: LoadedNetwork, distilled: LoadedNetwork, tmp_path: Path
) -> None:
    path = tmp_path / "f.png"
    with pytest.raises(MdjaxError, match=r"native: is no distillation; give the run directory"):
        draw_label_improvements(native, native, path)
    elsewhere = replace(native, config=replace(native.config, dataset="mfnet"))
    with pytest.raises(MdjaxError, match=r"image by image: their data set differ, mfnet and synth"):
        draw_label_improvements(elsewhere, distilled, path)
    folded = replace(native, config=replace(native.config, folds=Folds(num_folds=3)))
    with pytest.raises(MdjaxError, match=r"image by image: their folds differ"):
        draw_label_improvements(folded, distilled, path)
    with pytest.raises(MdjaxError, match=r"is not a detector; its label maps are drawn"):
        draw_box_improvements(native, distilled, path)
    assert not path.exists()


class ThermalAnchorNetwork(AnchorNetwork):
    """Finds what is bright in the thermal image."""

    def __call__(
        self, visible: jax.Array, thermal: jax.Array, *, train: bool, missing: Missing = "none"
    ) -> NetworkOutput:
        thermal_rgb = jnp.repeat(thermal, 3, axis=-1)
        return super().__call__(thermal_rgb, thermal, train=train, missing=missing)


def test_boxes_are_chosen_by_their_scores_and_drawn(
    small_scenes: SmallScenes, tmp_path: Path
) -> None:
    place = {"dataset": small_scenes.dataset, "data_dir": small_scenes.data_dir}
    native = create_loaded_detector(**place)
    of_thermal = create_loaded_detector(ThermalAnchorNetwork(1), **place)
    fields = {name: getattr(of_thermal.config, name) for name in TrainConfig.__dataclass_fields__}
    distilled = replace(of_thermal, config=DistillConfig(**fields))

    path = tmp_path / "boxes.png"
    choice = draw_box_improvements(native, distilled, path, num_each=1)
    assert choice.num_ranked + choice.num_without_truth == NUM_TEST_IMAGES
    assert all(0 <= image.distilled_score <= 1 for image in choice.images)
    picture = read_picture(path)
    assert 5 * 280 < picture.shape[1] < 1700
    draw_box_improvements(
        native, distilled, tmp_path / "thermal.png", num_each=1, shows_visible=False
    )
    thermal = read_picture(tmp_path / "thermal.png")
    assert picture.shape[1] - thermal.shape[1] == 280 + 6
    with pytest.raises(MdjaxError, match=r"is a detector; its boxes are drawn"):
        draw_label_improvements(native, distilled, path)
