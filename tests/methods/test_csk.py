"""CSK-Net's terms by hand, and what is drawn for the contrast."""

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdjax.methods.csk import (
    CskDistillation,
    compare_shallow_features,
    draw_pixels,
    penalise_scales,
    take_centres,
)
from mdjax.models.csknet import BOTH, WATCHED, CskOutput
from mdjax.ops.assignment import IGNORED, NEGATIVE
from mdjax.train.terms import TermInputs, watch_output
from mdjax.types import IGNORED_LABEL, AnchorPrediction, MdjaxError, NetworkOutput
from tests.train.batch_cuts import make_object_batch


def create_inputs(**fields: Any) -> TermInputs:
    output = CskOutput(prediction=jnp.zeros((2, 4, 4, 3)), **fields)
    return TermInputs(output=output, targets=None, batch=None)


def test_penalty_by_hand() -> None:
    """Visible pays for the first half of its channels, thermal for the second half of its own."""
    scales = {
        "layer2_block0": {
            "visible": jnp.array([1.0, -2.0, 3.0, 4.0]),
            "thermal": jnp.array([10.0, 20.0, -30.0, 40.0]),
        },
        "layer3_block0": {"visible": jnp.array([0.5, 5.0]), "thermal": jnp.array([6.0, 0.25])},
    }
    facts: dict[str, Any] = {
        "exchange_scales": scales,
        "exchange_below": 0.02,
        "stages": (("layer2_block0", 2), ("layer3_block0", 3)),
    }
    ratio = penalise_scales(create_inputs(**facts))
    assert float(ratio.value) == 3.0 + 70.0 + 0.5 + 0.25
    assert float(ratio.normaliser) == 2.0
    # Frozen stages cannot pay, and where nothing is exchanged there is nothing to pay for.
    assert float(penalise_scales(create_inputs(**facts, frozen_stages=2)).value) == 0.5 + 0.25
    assert float(penalise_scales(create_inputs(**{**facts, "exchange_below": 0.0})).value) == 0.0


def test_exchange_is_measured_over_all_channels() -> None:
    scales = {
        "a": {"visible": jnp.array([0.0, 0.5]), "thermal": jnp.array([0.5, 0.5])},
        "b": {"visible": jnp.array([-0.01, 0.02]), "thermal": jnp.array([0.5, 0.019])},
        "c": {"visible": jnp.array([1.0, 1.0]), "thermal": jnp.array([1.0, 1.0])},
    }
    facts: Any = {"exchange_scales": scales, "stages": (("a", 2), ("b", 3), ("c", 4))}
    inputs = create_inputs(exchange_below=0.02, **facts)
    found = {
        name: float(compute(inputs).value)
        for name, compute in watch_output(WATCHED).items()
        if name.startswith("exchanged")
    }
    assert found == pytest.approx(
        {
            "exchanged_visible": 2 / 6,
            "exchanged_thermal": 1 / 6,
            "exchanged_visible_stage2": 0.5,
            "exchanged_thermal_stage2": 0.0,
            "exchanged_visible_stage3": 0.5,
            "exchanged_thermal_stage3": 0.5,
            "exchanged_visible_stage4": 0.0,
            "exchanged_thermal_stage4": 0.0,
        }
    )
    without = create_inputs(exchange_below=0.0, **facts)
    for branch in BOTH:
        assert float(jnp.mean(WATCHED[f"exchanged_{branch}"](without.output))) == 0.0


def test_fusion_by_the_mean_counts_as_an_even_gate() -> None:
    watched = watch_output({name: WATCHED[name] for name in ("gate", "gate_decided")})
    for gate, mean, decided in (
        (None, 0.5, 0.0),
        ([0.0, 0.5], 0.25, 0.5),
        ([0.05, 0.95], 0.5, 1.0),
        ([0.15, 0.85], 0.5, 0.0),
    ):
        z = None if gate is None else jnp.array(gate).reshape(1, 1, 1, 2)
        inputs = create_inputs(gate=z)
        assert float(watched["gate"](inputs).value) == pytest.approx(mean)
        assert float(watched["gate_decided"](inputs).value) == decided


def test_shallow_features_are_compared_with_the_teachers() -> None:
    inputs = create_inputs(features={"visible_c2": jnp.full((2, 1, 1, 2), 3.0)})
    teacher = NetworkOutput(jnp.zeros(()), features={"c2": jnp.full((2, 1, 1, 2), 1.0)})
    inputs = TermInputs(inputs.output, None, None, teachers={"teacher": teacher})
    assert float(compare_shallow_features(inputs).value) == 4.0


@given(st.integers(0, 2**31), st.integers(1, 20))
def test_drawn_pixels_are_different_and_even_over_classes(seed: int, num_drawn: int) -> None:
    generator = np.random.default_rng(seed)
    labels = generator.choice([0, 0, 0, 1, 3, IGNORED_LABEL], 20).astype(np.uint8)
    drawn = draw_pixels(jax.random.key(seed), jnp.asarray(labels), 4, num_drawn)
    positions, classes = map(np.asarray, drawn)
    assert positions.shape == classes.shape == (num_drawn,)
    assert len(set(positions.tolist())) == num_drawn
    np.testing.assert_array_equal(classes, labels[positions])
    assert (classes != IGNORED_LABEL).sum() == min(num_drawn, (labels != IGNORED_LABEL).sum())
    counts = {k: int((classes == k).sum()) for k in (0, 1, 3)}
    for k, count in counts.items():  # A class with fewer than another has no more pixels.
        assert count >= max(counts.values()) - 1 or count == (labels == k).sum()


def test_every_pixel_is_drawn_sometimes() -> None:
    labels = jnp.zeros(6, jnp.uint8)
    keys = jax.random.split(jax.random.key(0), 60)
    positions, _ = jax.vmap(lambda key: draw_pixels(key, labels, 1, 2))(keys)
    assert set(np.unique(positions).tolist()) == set(range(6))


def test_labels_are_those_at_the_centres_of_cells() -> None:
    labels = jnp.arange(24, dtype=jnp.uint8).reshape(1, 4, 6)
    np.testing.assert_array_equal(take_centres(labels, (2, 3)), [[[7, 9, 11], [19, 21, 23]]])


def test_contrast_of_boxes_is_refused() -> None:
    features = {name: jnp.zeros((2, 2, 2, 4)) for name in ("visible_c5", "thermal_c5", "c5")}
    output = create_inputs(features=features).output
    projector = CskDistillation().create_module()
    assert projector is not None
    with pytest.raises(MdjaxError, match="set contrast_weight to 0"):
        projector.init(jax.random.key(0), output, {}, make_object_batch(), train=False)


def test_anchors_of_the_visible_branch_are_compared_with_the_teachers() -> None:
    """Positive anchor 0 and negative 1, weight 1/4; the ignored anchor 2 does not count."""

    def predict(*logits: float) -> AnchorPrediction:
        class_logits = jnp.array(logits).reshape(1, 3, 1)
        return AnchorPrediction(class_logits, jnp.zeros((1, 3, 4)), jnp.zeros((3, 4)))

    (term, *_) = CskDistillation(temperature=1.0).make_terms()
    assignment = SimpleNamespace(class_targets=jnp.array([[0, NEGATIVE, IGNORED]]))
    for last, teacher in ((0.0, 5.0), (-9.0, 5.0)):
        inputs = TermInputs(
            CskOutput(predict(0.0, 0.0, 0.0), branch_predictions={"visible": predict(0, 0, last)}),
            SimpleNamespace(assignment=assignment),
            None,
            teachers={"teacher": NetworkOutput(predict(0.0, float(np.log(3.0)), teacher))},
        )
        expected = (0.75 * np.log(0.75 / 0.5) + 0.25 * np.log(0.25 / 0.5)) / 4
        assert float(term.compute(inputs).value) == pytest.approx(expected, rel=1e-5)


def test_other_networks_are_refused() -> None:
    inputs = TermInputs(NetworkOutput(jnp.zeros((1, 2, 2, 3))), None, None)
    with pytest.raises(MdjaxError, match="take the network csknet"):
        penalise_scales(inputs)


def test_terms_without_a_weight_are_left_out() -> None:
    names = [term.name for term in CskDistillation().make_terms()]
    assert names == ["spectral_logits", "spectral_features", "contrast", "exchange"]
    bare = CskDistillation(distillation_weight=0.0, contrast_weight=0.0)
    assert [term.name for term in bare.make_terms()] == ["exchange"]
    assert bare.create_module() is None
    with pytest.raises(MdjaxError, match="hard_share is 0"):
        CskDistillation(hard_share=0.0)
