"""What a network sees of a pair of which one image is missing."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdjax.models.layers import IMAGENET_MEAN
from mdjax.models.modalities import BOTH, drop_modalities, list_present, normalise_pair
from tests.models.factories import create_pair


def test_present_images_are_the_others() -> None:
    assert list_present("none") == BOTH == ("visible", "thermal")
    assert list_present("visible") == ("thermal",)
    assert list_present("thermal") == ("visible",)


@pytest.mark.parametrize("missing", BOTH)
def test_missing_image_is_the_mean_image(missing: Any) -> None:
    visible, thermal = create_pair()
    pair = normalise_pair(visible, thermal, missing)
    whole = normalise_pair(visible, thermal)
    for name, image, unchanged in zip(BOTH, pair, whole, strict=True):
        if name == missing:
            np.testing.assert_array_equal(image, 0.0)
        else:
            np.testing.assert_array_equal(image, unchanged)
    mean = jnp.broadcast_to(jnp.asarray(IMAGENET_MEAN), visible.shape)
    np.testing.assert_allclose(normalise_pair(mean, thermal)[0], 0.0, atol=1e-6)


@given(st.integers(0, 2**31), st.floats(0, 0.5))
def test_a_pair_loses_one_image_at_most(seed: int, rate: float) -> None:
    pair = jnp.ones((16, 1, 1, 3)), jnp.ones((16, 1, 1, 3))
    dropped = drop_modalities(jax.random.key(seed), *pair, rate)
    is_kept = np.stack([np.asarray(x)[:, 0, 0] for x in dropped])
    assert set(np.unique(is_kept)) <= {0.0, 1.0}
    assert (is_kept == is_kept[..., :1]).all()  # All channels of an image alike.
    assert (is_kept.sum(axis=0) >= 1).all()


def test_images_are_dropped_as_often_as_stated() -> None:
    """Four deviations of a share of 20,000 are 0.013 at 0.3; at 0.5 each pair loses an image."""
    pair = jnp.ones((20_000, 1, 1, 3)), jnp.ones((20_000, 1, 1, 3))
    for rate in (0.3, 0.5):
        dropped = [x[:, 0, 0, 0] == 0 for x in drop_modalities(jax.random.key(0), *pair, rate)]
        for is_dropped in dropped:
            assert float(jnp.mean(is_dropped)) == pytest.approx(rate, abs=0.0142)
        assert float(jnp.mean(dropped[0] | dropped[1])) == pytest.approx(2 * rate, abs=0.0142)
