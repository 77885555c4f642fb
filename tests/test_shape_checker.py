"""The run-time checks of the tests are switched on and let JAX's own calls through."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from data_builders.checks.annotations import scale_box
from mdjax.types import Batch


def make_batch(num_images: int, *, num_labels: int) -> Batch:
    size = (num_images, 4, 6)
    return Batch(
        visible=np.zeros((*size, 3), np.float32),
        thermal_full=jnp.zeros((*size, 1)),
        thermal_camera=jnp.zeros((*size, 1)),
        truth=np.zeros((num_labels, 4, 6), np.uint8),
        image_size_hw=np.zeros((num_images, 2), np.int32),
        is_night=np.zeros(num_images, bool),
        is_valid=np.ones(num_images, bool),
    )


def test_batch_of_unequal_lengths_is_refused() -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match="truth"):
        make_batch(2, num_labels=3)


def test_builders_of_data_sets_are_checked_too() -> None:
    no_box: Any = "left"
    with pytest.raises(jaxtyping.TypeCheckError, match="box_xyxy"):
        scale_box(no_box, (4, 6))


def test_replacing_a_field_is_checked() -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match="visible"):
        dataclasses.replace(make_batch(2, num_labels=2), visible=np.zeros((2, 4, 6, 4), np.float32))


def test_tree_functions_may_put_anything_into_a_batch() -> None:
    batch = make_batch(4, num_labels=4)
    assert jax.tree.map(jnp.shape, batch).visible == (4, 4, 6, 3)
    stacked = jax.tree.map(lambda x: x.reshape(2, 2, *x.shape[1:]), batch)
    totals = jax.lax.map(lambda part: part.is_valid.sum(), stacked)
    assert totals.tolist() == [2, 2]
    assert jax.jit(lambda x: x)(stacked).visible.shape == (2, 2, 4, 6, 3)
