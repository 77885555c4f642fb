from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from mdjax.losses.distillation import attention_transfer_loss, focal_mse_loss, mse_loss
from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.models.config import MdStudentConfig
from mdjax.runs.config import DistillConfig
from mdjax.train.terms import TermInputs
from mdjax.types import MdjaxError, NetworkOutput


def make_output(seed: int, *, has_features: bool = True, has_mask: bool = True) -> NetworkOutput:
    """Features of 3x4 cells and 8 channels, a mask in [0, 1]."""
    rng = np.random.default_rng(seed)
    return NetworkOutput(
        prediction=jnp.zeros((2, 6, 8, 3)),
        features={"c4": jnp.float32(rng.normal(size=(2, 3, 4, 8)))} if has_features else {},
        mask=jnp.float32(rng.uniform(size=(2, 3, 4, 1))) if has_mask else None,
    )


def make_inputs(student: NetworkOutput, teacher: NetworkOutput) -> TermInputs:
    return TermInputs(student, targets=None, batch=None, teachers={"teacher": teacher})


def compute_terms(method: ModalityDistillation, student: NetworkOutput, teacher: NetworkOutput):
    inputs = make_inputs(student, teacher)
    return {
        term.name: (term.weight, float(term.compute(inputs).value)) for term in method.make_terms()
    }


def test_terms_are_the_two_losses_with_their_weights() -> None:
    student, teacher = make_output(0), make_output(1)
    terms = compute_terms(
        ModalityDistillation(attention_weight=0.5, semantic_weight=2.0), student, teacher
    )
    assert student.mask is not None
    assert teacher.mask is not None
    attention = float(attention_transfer_loss(student.mask, teacher.mask).value)
    semantic = float(focal_mse_loss(student.features["c4"], teacher.features["c4"]).value)
    assert terms == {
        "attention_transfer": (0.5, pytest.approx(attention)),
        "semantic_transfer": (2.0, pytest.approx(semantic)),
    }


@pytest.mark.parametrize(
    ("weights", "names"),
    [((0.0, 1.0), ["semantic_transfer"]), ((1.0, 0.0), ["attention_transfer"])],
)
def test_term_of_weight_zero_is_left_out(weights: tuple[float, float], names: list[str]) -> None:
    method = ModalityDistillation(attention_weight=weights[0], semantic_weight=weights[1])
    assert [term.name for term in method.make_terms()] == names


def test_plain_mse_replaces_the_focal_one() -> None:
    student, teacher = make_output(0), make_output(1)
    plain = compute_terms(ModalityDistillation(semantic_loss="mse"), student, teacher)
    expected = float(mse_loss(student.features["c4"], teacher.features["c4"]).value)
    assert plain["semantic_transfer"][1] == pytest.approx(expected)
    focal = compute_terms(ModalityDistillation(), student, teacher)
    # The focal weights grow with the error, so the focal mean is the larger one.
    assert focal["semantic_transfer"][1] > plain["semantic_transfer"][1]


def test_literal_sum_attends_to_fewer_positions_than_the_mean() -> None:
    student, teacher = make_output(0), make_output(1)
    perplexity = {
        reduction: float(
            ModalityDistillation(mask_reduction=reduction)
            .make_diagnostics()["focal_mask_perplexity_share"](make_inputs(student, teacher))
            .value
        )
        for reduction in ("mean", "sum")
    }
    assert 1 / 12 <= perplexity["sum"] < perplexity["mean"] <= 1


def test_mask_to_show_sums_to_one_over_each_image() -> None:
    mask = ModalityDistillation().compute_mask(make_inputs(make_output(0), make_output(1)))
    assert mask.shape == (2, 3, 4, 1)
    np.testing.assert_allclose(mask.sum((1, 2, 3)), [1.0, 1.0], rtol=1e-5)


@pytest.mark.parametrize("missing", ["features", "mask"])
@pytest.mark.parametrize("who", ["student", "teacher"])
def test_network_that_lacks_what_is_compared_is_named(missing: str, who: str) -> None:
    outputs = {"student": make_output(0), "teacher": make_output(1)}
    outputs[who] = make_output(2, has_features=missing != "features", has_mask=missing != "mask")
    message = {
        "features": rf"features called 'c4', but the {who} returns none",
        "mask": rf"attention masks, but the {who} has none",
    }[missing]
    with pytest.raises(MdjaxError, match=message):
        compute_terms(ModalityDistillation(), outputs["student"], outputs["teacher"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"attention_weight": -1.0}, "give 0 or more"),
        ({"semantic_weight": -0.1}, "give 0 or more"),
    ],
)
def test_impossible_weights_are_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(MdjaxError, match=message):
        ModalityDistillation(**values)  # type: ignore[arg-type]


def test_both_weights_may_be_zero() -> None:
    """The student then learns from its task alone: the control of a study."""
    method = ModalityDistillation(attention_weight=0.0, semantic_weight=0.0)
    assert method.make_terms() == ()
    assert method.make_diagnostics() == {}
    assert method.create_module() is None


def test_level_chooses_the_features_that_are_compared() -> None:
    student, teacher = (
        NetworkOutput(None, {"c4": jnp.ones((1, 2, 2, 3)), "c5": jnp.full((1, 1, 1, 4), value)})
        for value in (2.0, 5.0)
    )
    cases: tuple[tuple[Any, float], ...] = (("c4", 0.0), ("c5", 9.0))
    for level, expected in cases:
        method = ModalityDistillation(0.0, 1.0, "mse", level=level)
        assert compute_terms(method, student, teacher) == {"semantic_transfer": (1.0, expected)}


def test_block_stands_where_features_are_compared() -> None:
    network = MdStudentConfig(transfer_level=5)
    with pytest.raises(MdjaxError, match=r"transfer_level is 5 and method\.level is 'c4'"):
        DistillConfig(network=network)
    DistillConfig(network=network, method=ModalityDistillation(level="c5"))
    DistillConfig(network=network, method=ModalityDistillation(semantic_weight=0))
