"""Masked generation: the mask, the generator, and the keys that no cut of a batch changes."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mdjax.methods.image_keys import make_image_keys
from mdjax.methods.masked_generation import MaskedGeneration, MaskedGenerator, draw_mask
from mdjax.types import MdjaxError, NetworkOutput
from tests.train.tiny import make_batch

BATCH = make_batch()


def make_keys(seed: int = 0, batch: Any = BATCH) -> jax.Array:
    return jnp.asarray(make_image_keys(jax.random.key(seed), batch))


def get_numbers(keys: jax.Array) -> np.ndarray:
    return np.asarray(jax.random.key_data(keys))


def test_keys_of_images_are_those_of_any_part_of_their_batch() -> None:
    rows = np.array([3, 1])
    of_part = get_numbers(make_keys(batch=jax.tree.map(lambda x: x[rows], BATCH)))
    whole = get_numbers(make_keys())
    np.testing.assert_array_equal(of_part, whole[rows])
    assert len(np.unique(whole, axis=0)) == 4


def test_keys_differ_between_steps_and_where_anything_of_an_image_differs() -> None:
    whole = get_numbers(make_keys())
    assert (get_numbers(make_keys(1)) != whole).any(axis=1).all()
    swapped = BATCH.visible[:, :, ::-1]  # The same values in another order.
    for changed in (
        replace(BATCH, visible=swapped),
        replace(BATCH, truth=BATCH.label_maps + np.uint8(1)),
        replace(BATCH, is_night=~BATCH.is_night),
    ):
        assert (get_numbers(make_keys(batch=changed)) != whole).any(axis=1).all()


def test_mask_leaves_the_share_that_is_not_masked() -> None:
    """40,000 positions: the share deviates by √(0.75·0.25 / 40,000) = 0.002."""
    mask = draw_mask(make_keys(), (100, 100), 0.75)
    assert mask.shape == (4, 100, 100, 1)
    assert set(np.unique(mask)) == {0.0, 1.0}
    assert float(mask.mean()) == pytest.approx(0.25, abs=0.01)
    np.testing.assert_array_equal(draw_mask(make_keys(), (3, 4), 0.0), 1.0)


def make_output(channels: int) -> NetworkOutput:
    features = jax.random.normal(jax.random.key(channels), (4, 3, 4, channels))
    return NetworkOutput(None, {"c5": features})


def test_generator_is_a_relu_between_two_convolutions_of_what_the_mask_leaves() -> None:
    """With kernels that leave each channel as it is: ReLU(M f_S)."""
    student, teachers = make_output(5), {"teacher": make_output(5)}
    generator = MaskedGenerator("c5", 0.5)
    variables: Any = generator.init(jax.random.key(0), student, teachers, BATCH, train=False)
    identity = {"kernel": jnp.zeros((3, 3, 5, 5)).at[1, 1].set(jnp.eye(5)), "bias": jnp.zeros(5)}
    params = {"conv1": identity, "conv2": identity}
    assert jax.tree.map(jnp.shape, variables["params"]) == jax.tree.map(jnp.shape, params)

    def generate(*, train: bool, seed: int = 0) -> np.ndarray:
        rngs = {"step": jax.random.key(seed)} if train else {}
        applied: Any = generator.apply(
            {"params": params}, student, teachers, BATCH, train=train, rngs=rngs
        )
        return np.asarray(applied)

    unmasked = np.maximum(student.features["c5"], 0)
    np.testing.assert_allclose(generate(train=False), unmasked, rtol=1e-6)
    generated = generate(train=True)
    is_masked = (generated == 0).all(-1)
    assert 10 < is_masked.sum() < 38  # Of 48 positions, 24 expected.
    np.testing.assert_allclose(generated[~is_masked], unmasked[~is_masked], rtol=1e-6)
    np.testing.assert_array_equal(generate(train=True), generated)
    assert (generate(train=True, seed=1) != generated).any()


def test_generator_has_an_adapter_where_widths_differ() -> None:
    student, teachers = make_output(3), {"teacher": make_output(8)}
    variables: Any = jax.eval_shape(
        lambda: MaskedGenerator("c5", 0.5).init(
            jax.random.key(0), student, teachers, BATCH, train=False
        )
    )
    shapes = jax.tree.map(jnp.shape, variables["params"])
    assert shapes["adapter"] == {"conv": {"kernel": (1, 1, 3, 8)}}
    assert shapes["conv1"]["kernel"] == shapes["conv2"]["kernel"] == (3, 3, 8, 8)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"weight": -1.0}, "weight is -1.0"), ({"masked_share": 1.0}, "masked_share is 1.0")],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(MdjaxError, match=message):
        MaskedGeneration(**options)
