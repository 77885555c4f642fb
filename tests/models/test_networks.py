"""The networks: shapes, types, parameters, what they read and what they return."""

from typing import Any, Literal

import flax.errors
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from mdjax.models.backbones.resnet import ResNetConfig
from mdjax.models.config import (
    CskNetConfig,
    DecisionLevelConfig,
    FeatureLevelConfig,
    ImageLevelConfig,
    MdStudentConfig,
    NetworkConfig,
    ThermalOnlyConfig,
    VisibleOnlyConfig,
)
from mdjax.models.layers import IMAGENET_MEAN
from mdjax.models.modalities import BOTH
from mdjax.types import MdjaxError
from tests.models.factories import (
    TINY,
    compute_output_shapes,
    compute_variable_shapes,
    count_parameters,
    create_head,
    create_pair,
    create_variables,
    run,
)

pytestmark = pytest.mark.slow

CONFIGS = (
    VisibleOnlyConfig,
    ThermalOnlyConfig,
    ImageLevelConfig,
    FeatureLevelConfig,
    DecisionLevelConfig,
    MdStudentConfig,
    CskNetConfig,
)


def create_network(config: NetworkConfig) -> Any:
    return config.create(create_head(config.backbone))


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize(("stem_stride", "output_stride"), [(4, 32), (4, 8), (2, 8), (1, 8)])
def test_logits_have_the_size_of_the_image(
    config: type[NetworkConfig], stem_stride: Literal[1, 2, 4], output_stride: int
) -> None:
    options = ResNetConfig(0.125, stem_stride, output_stride)
    output = compute_output_shapes(create_network(config(options)), *create_pair(2, 64, 96))
    assert output.prediction.shape == (2, 64, 96, 9)


@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize("output_stride", [32, 16, 8])
def test_teacher_and_student_features_and_masks_fit(
    level: Literal[4, 5], output_stride: int
) -> None:
    """C4 with 256 channels at stride 16 at most, C5 with 512 at the output stride; mask on C4."""
    options = ResNetConfig(1.0, 4, output_stride)
    pair = create_pair(1, 64, 128)
    teacher = compute_output_shapes(create_network(FeatureLevelConfig(options)), *pair)
    student = compute_output_shapes(create_network(MdStudentConfig(options, level)), *pair)
    c4_stride = min(16, output_stride)
    stride, channels = (c4_stride, 256) if level == 4 else (output_stride, 512)
    name = f"c{level}"
    assert student.features[name].shape == (1, 64 // stride, 128 // stride, channels)
    assert student.features[name].shape == teacher.features[name].shape
    assert student.mask.shape == (1, 64 // c4_stride, 128 // c4_stride, 1)
    assert student.mask.shape == teacher.mask.shape
    assert teacher.guidance.inter.shape == (1, 64 // c4_stride, 128 // c4_stride, 2)


@pytest.mark.parametrize("config", CONFIGS)
def test_bfloat16_keeps_parameters_and_outputs_of_losses_in_float32(
    config: type[NetworkConfig],
) -> None:
    network = create_network(config(ResNetConfig(0.125, compute_dtype="bfloat16")))
    variables = compute_variable_shapes(network, *create_pair(1, 64, 64))
    output = compute_output_shapes(network, *create_pair(1, 64, 64))
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    assert output.prediction.dtype == jnp.float32
    supervised = jax.tree.leaves((output.mask, output.guidance))
    assert all(leaf.dtype == jnp.float32 for leaf in supervised)
    assert all(leaf.dtype == jnp.bfloat16 for leaf in jax.tree.leaves(output.features))


def count(config: NetworkConfig) -> int:
    return count_parameters(
        compute_variable_shapes(create_network(config), *create_pair(1, 64, 64))
    )


def test_parameter_counts_differ_by_what_the_networks_add() -> None:
    """Against visible-only, at width 1.

    Image-level: three more input channels of the 7x7 stem, 64·49·3 = 9,408.
    MD student besides: 1x1 attention 257 and a block of two 3x3 convolutions on 256 channels with
    their norms, 2 (9·256² + 2·256) = 1,180,672.
    Feature-level: a second stream to stage 3 (64·49·3 + 128 stem; stage 1 147,968; stage 2
    525,568; stage 3 2,099,712 = 2,782,784) and GAFF's 13,828.
    Decision-level: everything twice.
    """
    visible = count(VisibleOnlyConfig())
    assert count(ThermalOnlyConfig()) == visible
    assert count(ImageLevelConfig()) - visible == 9_408
    assert count(MdStudentConfig()) - visible == 9_408 + 257 + 1_180_672
    assert count(FeatureLevelConfig()) - visible == 2_782_784 + 13_828
    assert count(DecisionLevelConfig()) == 2 * visible


def test_single_modality_networks_ignore_the_other_image() -> None:
    visible, thermal = create_pair()
    for config, changed in (
        (VisibleOnlyConfig(TINY), (visible, 1 - thermal)),
        (ThermalOnlyConfig(TINY), (1 - visible, thermal)),
    ):
        network = create_network(config)
        variables = create_variables(network, visible, thermal)
        before = run(network, variables, visible, thermal).prediction
        np.testing.assert_array_equal(run(network, variables, *changed).prediction, before)


@pytest.mark.parametrize("config", [ImageLevelConfig, FeatureLevelConfig, MdStudentConfig])
def test_fusing_networks_read_both_images(config: type[NetworkConfig]) -> None:
    visible, thermal = create_pair()
    network = create_network(config(TINY))
    variables = create_variables(network, visible, thermal)
    before = run(network, variables, visible, thermal).prediction
    assert not jnp.allclose(run(network, variables, 1 - visible, thermal).prediction, before)
    assert not jnp.allclose(run(network, variables, visible, 1 - thermal).prediction, before)


@pytest.mark.parametrize("config", [ImageLevelConfig, FeatureLevelConfig, MdStudentConfig])
def test_missing_image_is_not_looked_at(config: type[NetworkConfig]) -> None:
    """The mean image stands for it."""
    visible, thermal = create_pair()
    network = create_network(config(TINY))
    variables = create_variables(network, visible, thermal)
    mean = jnp.broadcast_to(jnp.asarray(IMAGENET_MEAN), visible.shape)
    expected = run(network, variables, mean, thermal).prediction
    for other in (visible, 1 - visible):
        found = run(network, variables, other, thermal, missing="visible").prediction
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_decision_level_leaves_a_network_out() -> None:
    pair = create_pair()
    network = create_network(DecisionLevelConfig(TINY))
    variables = create_variables(network, *pair)
    for config, name, missing in (
        (VisibleOnlyConfig(TINY), "visible_network", "thermal"),
        (ThermalOnlyConfig(TINY), "thermal_network", "visible"),
    ):
        part = {collection: tree[name] for collection, tree in variables.items()}
        alone = run(create_network(config), part, *pair).prediction
        found = run(network, variables, *pair, missing=missing).prediction
        np.testing.assert_allclose(found, alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("config", [ImageLevelConfig, FeatureLevelConfig, MdStudentConfig])
def test_modality_dropout_acts_in_training_alone(config: Any) -> None:
    """Without dropout in the head, only it asks for a random key."""
    pair = create_pair()

    def trace(rate: float, *, train: bool) -> Any:
        network = config(TINY, modality_dropout=rate).create(create_head(TINY, dropout_rate=0.0))
        variables = compute_variable_shapes(network, *pair)
        options: Any = {"train": train, "mutable": ["batch_stats"]}
        return jax.eval_shape(lambda x: network.apply(x, *pair, **options), variables)

    trace(0.0, train=True)
    trace(0.5, train=False)
    with pytest.raises(flax.errors.InvalidRngError, match='"dropout"'):
        trace(0.5, train=True)


@pytest.mark.parametrize("config", [ImageLevelConfig, FeatureLevelConfig, MdStudentConfig])
def test_dropped_image_is_one_that_is_missing(config: Any) -> None:
    """With p = 0.5 each pair loses one image: training sees just what it would see without it."""
    pair = create_pair()

    def create(rate: float) -> Any:
        return config(TINY, modality_dropout=rate).create(create_head(TINY, dropout_rate=0.0))

    variables = create_variables(create(0.0), *pair)
    train: dict[str, Any] = {"train": True, "mutable": ["batch_stats"]}
    drop = jax.jit(lambda key: create(0.5).apply(variables, *pair, rngs={"dropout": key}, **train))
    found = [drop(key)[0].prediction for key in jax.random.split(jax.random.key(0), 6)]
    distances = []
    for missing in BOTH:
        without: Any = jax.jit(
            lambda missing=missing: create(0.0).apply(variables, *pair, missing=missing, **train)
        )()
        distances.append([float(jnp.abs(x - without[0].prediction).max()) for x in found])
    near, far = np.min(distances, axis=0), np.max(distances, axis=0)
    # Where an image is 0 everywhere, batch norm divides rounding by its own deviation.
    assert (near < 0.02 * far).all()
    assert set(np.argmin(distances, axis=0)) == {0, 1}


def test_impossible_modality_dropout_is_refused() -> None:
    for config in (ImageLevelConfig, FeatureLevelConfig, MdStudentConfig):
        with pytest.raises(MdjaxError, match=r"modality_dropout is 0\.6; give 0 up to 0\.5"):
            config(TINY, modality_dropout=0.6)


def test_decision_level_averages_the_softmax_of_two_networks() -> None:
    pair = create_pair()
    network = create_network(DecisionLevelConfig(TINY))
    variables = create_variables(network, *pair)
    logits = []
    for config, name in (
        (VisibleOnlyConfig(TINY), "visible_network"),
        (ThermalOnlyConfig(TINY), "thermal_network"),
    ):
        part = {collection: tree[name] for collection, tree in variables.items()}
        logits.append(run(create_network(config), part, *pair).prediction)
    combined = jax.nn.softmax(run(network, variables, *pair).prediction)
    expected = (jax.nn.softmax(logits[0]) + jax.nn.softmax(logits[1])) / 2
    np.testing.assert_allclose(combined, expected, atol=1e-6)


def test_averaged_predictions_are_mean_probabilities() -> None:
    """(1/4, 3/4) and (1/2, 1/2): (3/8, 5/8); logits of ±1e4 stay finite."""
    head = create_head(TINY, num_classes=2)
    first = jnp.log(jnp.array([1.0, 3.0])).reshape(1, 1, 1, 2)
    average = jax.nn.softmax(head.average_predictions(first, jnp.zeros((1, 1, 1, 2))))
    np.testing.assert_allclose(average.ravel(), [0.375, 0.625], rtol=1e-6)
    huge = jnp.array([1e4, -1e4]).reshape(1, 1, 1, 2)
    halves = jax.nn.softmax(head.average_predictions(huge, -huge))
    np.testing.assert_allclose(halves.ravel(), [0.5, 0.5], rtol=1e-6)


def test_student_without_mask_product_leaves_its_features_alone() -> None:
    """Another attention bias changes the features only where the mask multiplies them."""
    pair = create_pair()
    for multiply_mask in (True, False):
        network = create_network(MdStudentConfig(TINY, multiply_mask=multiply_mask))
        variables = create_variables(network, *pair)
        before = run(network, variables, *pair)
        # Not in place: the first run may still read it.
        attention = variables["params"]["attention"]
        attention["bias"] = attention["bias"] + 3.0
        after = run(network, variables, *pair)
        assert not jnp.allclose(after.mask, before.mask)
        is_same = bool(jnp.allclose(after.features["c4"], before.features["c4"]))
        assert is_same != multiply_mask


def test_only_the_teacher_sees_full_thermal() -> None:
    assert [config.sees_full_thermal for config in CONFIGS] == [False] * 3 + [True] + [False] * 3


@pytest.mark.parametrize("config", CONFIGS)
def test_network_is_what_it_declares(config: type[NetworkConfig]) -> None:
    """Guidance logits, and whether the thermal image matters."""
    pair = create_pair()
    network = create_network(config(TINY))
    output = compute_output_shapes(network, *pair)
    assert (output.guidance is not None) == config.has_guidance
    variables = create_variables(network, *pair)
    before = run(network, variables, *pair).prediction
    after = run(network, variables, pair[0], 1 - pair[1]).prediction
    assert bool(jnp.allclose(before, after)) != config.sees_thermal


@pytest.mark.parametrize("config", CONFIGS[:4])
def test_features_have_the_channels_and_strides_of_the_backbone(
    config: type[NetworkConfig],
) -> None:
    backbone = ResNetConfig(0.125, 2, 8)
    output = compute_output_shapes(create_network(config(backbone)), *create_pair(1, 64, 96))
    prefixes = ("visible_", "thermal_") if config.sees_full_thermal else ("",)
    names = {f"{prefix}c{level}" for prefix in prefixes for level in (2, 3, 4)}
    assert set(output.features) == names | {"c2", "c3", "c4", "c5"}
    for name, features in output.features.items():
        level = int(name[-1])
        stride = {2: 2, 3: 4, 4: 8, 5: 8}[level]
        assert features.shape == (1, 64 // stride, 96 // stride, backbone.get_channels(level))


def test_dropout_acts_in_training_alone() -> None:
    """Two training passes differ by their random key, two evaluations do not."""
    pair = create_pair()
    network = create_network(VisibleOnlyConfig(TINY))
    variables = create_variables(network, *pair)

    @jax.jit
    def train(key: jax.Array) -> jax.Array:
        output, _ = network.apply(
            variables, *pair, train=True, mutable=["batch_stats"], rngs={"dropout": key}
        )
        return output.prediction

    assert not jnp.allclose(train(jax.random.key(1)), train(jax.random.key(2)))
    np.testing.assert_array_equal(train(jax.random.key(1)), train(jax.random.key(1)))


def test_impossible_transfer_level_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Users run without the type checks of these tests."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    level: Any = 3
    with pytest.raises(MdjaxError, match=r"transfer_level is 3; give 4 \(C4\) or 5 \(C5\)"):
        MdStudentConfig(TINY, transfer_level=level)
