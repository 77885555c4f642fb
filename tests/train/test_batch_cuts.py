"""One objective however a batch is cut: into parts, or over devices."""

import jax.numpy as jnp
import pytest

from mdjax.losses.ratio import Ratio
from tests.train.batch_cuts import METHODS, TASKS, compute_difference, run_step

pytestmark = pytest.mark.slow

STEPS = ("teacher", *METHODS)
TOLERANCE = 1e-5


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("task", TASKS)
def test_parts_of_a_batch_add_up_to_the_whole(task, step):
    """Every term of both tasks and of all methods: F-MSE, masks of MGD, contrast, ..."""
    losses, gradients = run_step(task, step)
    assert all(value > 0 for name, value in losses.items() if name.startswith("loss/")), losses
    # One image each is the hardest cut, and the programs of many terms take long to compile.
    for num_microbatches in (4,) if step in ("others", "csk") else (2, 4):
        parts, gradients_of_parts = run_step(task, step, num_microbatches)
        assert parts == pytest.approx(losses, rel=TOLERANCE), num_microbatches
        assert compute_difference(gradients_of_parts, gradients) < TOLERANCE, num_microbatches


def test_uneven_parts_are_not_averaged():
    """Thirty positives in one image and none in three: one normaliser, not four.

    Negatives cost 10 an image, positives 30 together: (30 + 40) / 30 as a whole; the mean of the
    parts' own values would be ((30 + 10) / 30 + 10 / 1 + 10 / 1 + 10 / 1) / 4.
    """
    totals, normalisers = jnp.array([40.0, 10.0, 10.0, 10.0]), jnp.array([30.0, 0.0, 0.0, 0.0])
    parts = [Ratio(total, count) for total, count in zip(totals, normalisers, strict=True)]
    whole = Ratio(totals.sum(), normalisers.sum())
    assert float(whole.value) == pytest.approx(70 / 30)
    assert [float(part.value) for part in parts] == pytest.approx([4 / 3, 10, 10, 10])
