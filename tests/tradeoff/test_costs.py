"""Operations of a network, counted by hand, and the costs of those of a recipe."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from mdjax.io.json_file import write_json
from mdjax.models.config import FeatureLevelConfig, ImageLevelConfig
from mdjax.recipes import configure_synthetic, configure_synthetic_detection
from mdjax.runs.config import TrainConfig, change_num_steps
from mdjax.tradeoff.costs import (
    MeasuredCosts,
    NetworkCost,
    count_gflop,
    describe_networks,
    find_num_classes,
    measure_costs,
    read_costs,
)
from mdjax.types import MdjaxError, NetworkOutput
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
    measured = measure_costs(configs, 9, num_rounds=2)
    costs = measured.networks
    assert costs["teacher"].num_parameters > costs["native"].num_parameters
    assert costs["teacher"].gflop > costs["native"].gflop > 0
    assert costs["native"].milliseconds > 0
    assert "cpu" in measured.machine or "gpu" in measured.machine
    assert measured.measured == describe_networks(configs, 9)


def test_costs_of_an_earlier_report_are_read_for_the_same_networks_alone(tmp_path: Path) -> None:
    configs = {"native": shrink(configure_synthetic(TrainConfig(), ImageLevelConfig))}
    described = describe_networks(configs, 9)
    costs = MeasuredCosts({"native": NetworkCost(5, 0.25, 1.5)}, "a machine", described)
    path = tmp_path / "report.json"
    assert read_costs(path, described) is None
    write_json(path, {"command": "typed", **costs.to_dict()})
    assert read_costs(path, described) == costs

    elsewhere = {name: replace(x, data_dir=tmp_path, seed=7) for name, x in configs.items()}
    longer = {name: change_num_steps(x, 7) for name, x in elsewhere.items()}
    assert read_costs(path, describe_networks(longer, 9)) == costs
    assert read_costs(path, describe_networks(configs, 8)) is None
    wider = replace(configs["native"].pipeline, image_size_hw=(64, 96))
    other_sizes = {"native": replace(configs["native"], pipeline=wider)}
    assert read_costs(path, describe_networks(other_sizes, 9)) is None
    other_networks = {"native": shrink(configure_synthetic(TrainConfig(), FeatureLevelConfig))}
    assert read_costs(path, describe_networks(other_networks, 9)) is None

    write_json(path, {**costs.to_dict(), "costs": {"native": {"gflop": 1}}})
    with pytest.raises(MdjaxError, match=r"report\.json: damaged .*Delete it"):
        read_costs(path, described)


def test_number_of_classes_is_found_without_data(tmp_path: Path) -> None:
    labels = configure_synthetic(TrainConfig(data_dir=tmp_path), ImageLevelConfig)
    assert find_num_classes(labels, {"native": {}}) is None
    kept = {"native": {}, "distilled": {1: [{"confusion": [[1, 0], [0, 1]]}]}}
    assert find_num_classes(labels, kept) == 2
    boxes = configure_synthetic_detection(TrainConfig(data_dir=tmp_path), ImageLevelConfig)
    assert find_num_classes(boxes, {}) == 1
