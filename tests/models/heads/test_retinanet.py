"""The RetinaNet head: sizes, the order of anchors, its start, and every network with it."""

import math
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from mdjax.models.backbones.resnet import ResNetConfig
from mdjax.models.config import (
    DecisionLevelConfig,
    FeatureLevelConfig,
    ImageLevelConfig,
    MdStudentConfig,
    NetworkConfig,
    ThermalOnlyConfig,
    VisibleOnlyConfig,
)
from mdjax.ops.anchors import AnchorOptions
from mdjax.types import AnchorPrediction, MdjaxError
from tests.golden.linen import create_variables as fill_variables
from tests.models.factories import (
    TINY,
    compute_output_shapes,
    compute_variable_shapes,
    count_parameters,
    create_detection_head,
    create_pair,
    create_variables,
    name_levels,
)

pytestmark = pytest.mark.slow

CONFIGS = (
    VisibleOnlyConfig,
    ThermalOnlyConfig,
    ImageLevelConfig,
    FeatureLevelConfig,
    DecisionLevelConfig,
    MdStudentConfig,
)
# The narrowest: one channel everywhere.
NARROW = ResNetConfig(width=1 / 256)


def create_pyramid(
    grids: tuple[tuple[int, int], ...], channels: int = 1, value: float = 0.0
) -> dict[str, jax.Array]:
    return name_levels(*(jnp.full((1, *grid, channels), value) for grid in grids))


def create_prediction(logits: list[float] | jax.Array, offset: float) -> AnchorPrediction:
    anchors = jnp.tile(jnp.array([0.0, 0.0, 4.0, 8.0]), (len(logits), 1))
    offsets = jnp.full((1, len(logits), 4), offset)
    return AnchorPrediction(jnp.asarray(logits).reshape(1, -1, 1), offsets, anchors)


def test_head_has_two_branches_on_each_of_three_levels() -> None:
    """One class, three anchors a cell, at width 1.

    FPN 2,000,384; six branches with a hidden convolution 9·256² = 589,824 and its norm 512; outputs
    of 3·1 and 3·4 channels on each level, 3·15·(9·256 + 1) = 103,725; 5,646,125 in all.
    """
    head = create_detection_head(ResNetConfig(), 1, AnchorOptions())
    pyramid = name_levels(
        jnp.zeros((1, 4, 6, 128)), jnp.zeros((1, 2, 3, 256)), jnp.zeros((1, 1, 2, 512))
    )
    variables = jax.eval_shape(
        lambda x: head.init(jax.random.key(0), x, (32, 48), train=False), pyramid
    )
    assert count_parameters(variables) == 5_646_125


@pytest.mark.parametrize("compute_dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("stem_stride", "output_stride", "num_cells"),
    [
        (4, 32, 10 * 13 + 5 * 7 + 3 * 4),
        (4, 16, 10 * 13 + 2 * 5 * 7),
        (4, 8, 3 * 10 * 13),
        (2, 8, 19 * 26 + 2 * 10 * 13),
        (1, 2, 3 * 38 * 51),
    ],
)
def test_every_cell_of_every_level_has_its_anchors(
    stem_stride: Literal[1, 2, 4],
    output_stride: int,
    num_cells: int,
    compute_dtype: Literal["float32", "bfloat16"],
) -> None:
    """75×101 pixels, sizes halved and rounded up: 38×51, 19×26, 10×13, 5×7, 3×4; three anchors.

    Predictions and parameters are float32 whatever the compute type.
    """
    options = ResNetConfig(0.125, stem_stride, output_stride, compute_dtype)
    network = ImageLevelConfig(options).create(create_detection_head(options, num_classes=2))
    pair = create_pair(2, 75, 101)
    prediction = compute_output_shapes(network, *pair).prediction
    assert prediction.class_logits.shape == (2, 3 * num_cells, 2)
    assert prediction.box_offsets.shape == (2, 3 * num_cells, 4)
    assert prediction.anchors_xyxy_px.shape == (3 * num_cells, 4)
    leaves = jax.tree.leaves((prediction, compute_variable_shapes(network, *pair)))
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype("float32")}


@pytest.mark.parametrize(
    ("level", "row", "column", "anchor"), [(3, 4, 0, 1), (3, 2, 5, 2), (4, 1, 3, 3), (5, 0, 1, 0)]
)
def test_cell_that_fires_moves_the_anchor_at_its_place(
    level: int, row: int, column: int, anchor: int
) -> None:
    """One channel; convolutions pass it on, and one output channel of one level reads it.

    On the level of stride s, cell (row, column) has its anchors around ((column + .5) s,
    (row + .5) s); anchor 2i + j of a cell has the height base · scale_i, and the width ratio_j
    times that. The second of two classes and the third offset fire.
    """
    options = AnchorOptions((8, 16, 32), octave_scales=(1, 1.5), width_over_height=(0.5, 2))
    head = create_detection_head(NARROW, 2, options)
    pyramid = create_pyramid(((5, 7), (3, 4), (2, 2)))
    features = pyramid[f"c{level}"].at[0, row, column, 0].set(1.0)
    pyramid = {**pyramid, f"c{level}": features}
    image_size_hw = (5 * 8, 7 * 8) if level == 3 else (3 * 16, 4 * 16) if level == 4 else (64, 64)
    shapes: Any = jax.eval_shape(
        lambda x: head.init(jax.random.key(0), x, image_size_hw, train=False), pyramid
    )
    params: Any = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), shapes["params"])
    params["fpn"][f"lateral{level}"]["kernel"] = jnp.ones((1, 1, 1, 1))
    params["fpn"][f"output{level}"]["kernel"] = jnp.zeros((3, 3, 1, 1)).at[1, 1].set(1.0)
    for kind, num_values, value in (("class", 2, 1), ("box", 4, 2)):
        branch = params[f"{kind}{level}"]
        branch["conv"]["kernel"] = branch["conv"]["kernel"].at[1, 1].set(1.0)
        branch["bn"]["scale"] = jnp.ones(1)
        channel = anchor * num_values + value
        branch["output"]["kernel"] = branch["output"]["kernel"].at[1, 1, 0, channel].set(7.0)
    flat_shapes: dict[tuple[str, ...], Any] = dict(flatten_dict(shapes["batch_stats"]))
    statistics = {
        path: jnp.full(leaf.shape, float(path[-1] == "var")) for path, leaf in flat_shapes.items()
    }
    variables = {"params": params, "batch_stats": unflatten_dict(statistics)}
    apply = jax.jit(lambda x: head.apply(variables, x, image_size_hw, train=False))
    prediction: Any = apply(pyramid)

    stride = 2**level
    height = stride * (1, 1.5)[anchor // 2]
    width = height * (0.5, 2)[anchor % 2]
    x, y = (column + 0.5) * stride, (row + 0.5) * stride
    expected = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    for values, fired in ((prediction.class_logits, 1), (prediction.box_offsets, 2)):
        (place,) = np.argwhere(np.asarray(values[0]))
        assert place[1] == fired
        assert values[0, place[0], fired] == pytest.approx(7.0, rel=1e-4)
        np.testing.assert_allclose(prediction.anchors_xyxy_px[place[0]], expected, rtol=1e-6)


def test_classes_start_with_a_probability_of_one_percent() -> None:
    """Exactly where features are 0; about so, and boxes hardly moved, where they are not."""
    head = create_detection_head(ResNetConfig(0.125), num_classes=3)
    zero = create_pyramid(((4, 6), (2, 3), (1, 2)), channels=8)
    init = jax.jit(lambda x: head.init(jax.random.key(0), x, (32, 48), train=False))
    variables = init(zero)
    apply = jax.jit(lambda x: head.apply(variables, x, (32, 48), train=False))
    at_zero: Any = apply(zero)
    np.testing.assert_allclose(jax.nn.sigmoid(at_zero.class_logits), 0.01, rtol=1e-5)
    np.testing.assert_array_equal(at_zero.box_offsets, 0)
    generator = np.random.default_rng(0)
    features = [generator.normal(size=leaf.shape).astype(np.float32) for leaf in zero.values()]
    somewhere: Any = apply(name_levels(*features))
    probabilities = jax.nn.sigmoid(somewhere.class_logits)
    assert np.std(probabilities) > 0
    np.testing.assert_allclose(probabilities, 0.01, rtol=0.3)
    np.testing.assert_allclose(somewhere.box_offsets, 0, atol=0.3)


def test_averaged_scores_are_mean_probabilities() -> None:
    """1/4 (logit −ln 3) and 1/2 (logit 0): 3/8, logit ln(3/5). Offsets 1 and 2: 3/2.

    σ(−100) = e^−100 with itself stays −100; with e^−102 it is ln((e^−100 + e^−102) / 2) =
    −100 + ln((1 + e^−2) / 2).
    """
    first = create_prediction([-math.log(3), -100.0, -100.0], 1.0)
    second = create_prediction([0.0, -100.0, -102.0], 2.0)
    average = create_detection_head(TINY).average_predictions(first, second)
    expected = [math.log(3 / 5), -100.0, -100 + math.log((1 + math.exp(-2)) / 2)]
    np.testing.assert_allclose(average.class_logits.ravel(), expected, rtol=1e-6)
    np.testing.assert_allclose(average.box_offsets, np.full((1, 3, 4), 1.5))
    np.testing.assert_array_equal(average.anchors_xyxy_px, first.anchors_xyxy_px)


def test_average_of_extreme_scores_is_finite_and_so_is_its_gradient() -> None:
    """0 and 1 give 1/2, logit 0; two certainties stay certain."""
    head = create_detection_head(TINY)
    second = create_prediction([-1e4, 1e4, -1e4], 0.0)

    def compute_average(logits: jax.Array) -> jax.Array:
        average = head.average_predictions(create_prediction(logits, 0.0), second)
        return jnp.ravel(average.class_logits)

    average, pull_back = jax.vjp(compute_average, jnp.array([1e4, 1e4, -1e4]))
    (gradient,) = pull_back(jnp.ones(3))
    np.testing.assert_allclose(average, [0.0, 1e4, -1e4], atol=1e-6)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("config", CONFIGS)
def test_every_network_takes_the_head(config: type[NetworkConfig]) -> None:
    """32×48 pixels at stem stride 2 and output stride 8: 8×12, 4×6 and again 4×6 cells."""
    network = config(TINY).create(create_detection_head(TINY))
    prediction = compute_output_shapes(network, *create_pair(2)).prediction
    assert prediction.class_logits.shape == (2, 3 * (8 * 12 + 2 * 4 * 6), 1)
    assert prediction.anchors_xyxy_px.shape == (3 * (8 * 12 + 2 * 4 * 6), 4)


@pytest.mark.parametrize("config", [DecisionLevelConfig, FeatureLevelConfig, MdStudentConfig])
def test_every_parameter_of_the_head_learns(config: type[NetworkConfig]) -> None:
    """In all networks with a structure of their own; decision-level has the two single streams.

    Gradients of a loss of the whole prediction are finite, and 0 nowhere in the heads.
    """
    network = config(TINY).create(create_detection_head(TINY))
    pair = create_pair(2)
    variables = create_variables(network, *pair)

    def compute_loss(params: Any) -> jax.Array:
        output, _ = network.apply(
            {**variables, "params": params}, *pair, train=True, mutable=["batch_stats"]
        )
        prediction = output.prediction
        return jnp.mean(prediction.class_logits**2) + jnp.mean(prediction.box_offsets**2)

    gradients = jax.jit(jax.grad(compute_loss))(variables["params"])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
    leaves: dict[tuple[str, ...], Any] = dict(flatten_dict(gradients))
    of_head = {path: leaf for path, leaf in leaves.items() if "head" in path}
    assert of_head
    assert [path for path, leaf in of_head.items() if not np.any(leaf)] == []


@pytest.mark.parametrize("value", [0.0, 1e4])
def test_head_trains_on_one_even_image_without_infinities(value: float) -> None:
    """Batch 1 with features that have no variance at all; one value a channel at P5."""
    head = create_detection_head(NARROW)
    pyramid = create_pyramid(((4, 3), (2, 2), (1, 1)), value=value)

    def init(key: jax.Array, x: Any) -> Any:
        return head.init(key, x, (32, 24), train=False)

    variables = fill_variables("head", init, pyramid)

    def compute_loss(params: Any) -> jax.Array:
        prediction: Any = head.apply(
            {**variables, "params": params}, pyramid, (32, 24), train=True, mutable=["batch_stats"]
        )[0]
        return jnp.mean(prediction.class_logits**2) + jnp.mean(prediction.box_offsets**2)

    gradients = jax.jit(jax.grad(compute_loss))(variables["params"])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))


def test_anchors_of_another_number_of_levels_are_refused() -> None:
    head = create_detection_head(NARROW, 1, AnchorOptions((40, 80)))
    pyramid = create_pyramid(((4, 6), (2, 3), (1, 2)))
    with pytest.raises(MdjaxError, match=r"names 2 pyramid levels, but the network has 3"):
        jax.eval_shape(lambda x: head.init(jax.random.key(0), x, (32, 48), train=False), pyramid)
