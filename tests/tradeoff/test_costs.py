"""Operations of a network, counted by hand, and the costs of those of a recipe."""

from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from mdjax.models.config import FeatureLevelConfig, ImageLevelConfig
from mdjax.recipes import configure_synthetic, configure_synthetic_detection
from mdjax.runs.config import TrainConfig
from mdjax.tradeoff.costs import count_gflop, find_num_classes, measure_costs
from mdjax.types import NetworkOutput
from tests.runs.small import shrink


class TwoConvolutions(nn.Module):
    """3x3 from 4 to 8 channels, then 1x1 to 2, without padding or bias."""

    @nn.compact
    def __call__(self, visible: Any, thermal: Any, *, train: bool) -> NetworkOutput:
        del train
        x = jnp.concatenate([visible, thermal], axis=-1)
        x = nn.Conv(8, (3, 3), padding="VALID", use_bias=False)(x)
        return NetworkOutput(nn.Conv(2, (1, 1), use_bias=False)(x))


def test_operations_are_those_counted_by_hand() -> None:
    """30 * 46 pixels, each 3 * 3 * 4 * 8 and 8 * 2 multiply-adds, which are two operations."""
    network = TwoConvolutions()
    pair = jnp.zeros((1, 32, 48, 3)), jnp.zeros((1, 32, 48, 1))
    variables = network.init(jax.random.key(0), *pair, train=False)
    expected = 2 * 30 * 46 * (3 * 3 * 4 * 8 + 8 * 2) / 1e9
    assert count_gflop(network, variables, (32, 48)) == pytest.approx(expected, rel=0.01)


def test_teacher_of_a_recipe_costs_more_than_its_student() -> None:
    configs = {
        name: shrink(configure_synthetic(TrainConfig(), network))
        for name, network in (("teacher", FeatureLevelConfig), ("native", ImageLevelConfig))
    }
    costs = measure_costs(configs, 9, num_rounds=2)
    assert costs["teacher"].num_parameters > costs["native"].num_parameters
    assert costs["teacher"].gflop > costs["native"].gflop > 0
    assert costs["native"].milliseconds > 0


def test_number_of_classes_is_found_without_data(tmp_path: Path) -> None:
    labels = configure_synthetic(TrainConfig(data_dir=tmp_path), ImageLevelConfig)
    assert find_num_classes(labels, {"native": {}}) is None
    kept = {"native": {}, "distilled": {1: [{"confusion": [[1, 0], [0, 1]]}]}}
    assert find_num_classes(labels, kept) == 2
    boxes = configure_synthetic_detection(TrainConfig(data_dir=tmp_path), ImageLevelConfig)
    assert find_num_classes(boxes, {}) == 1
