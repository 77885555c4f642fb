"""CSK-Net on a batch that may be spread over devices: what it computes, and what it sends."""

import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from mdjax.models.csknet import CskNet
from tests.models.factories import TINY, create_head, create_pair, create_variables

NUM_PAIRS = 4
MOVES = ("all-to-all", "collective-permute", "all-gather")
"""What sends rows from one device to another; sums of statistics are sent by all-reduce."""


def run_csk(place: Callable[[Any], Any] = lambda batch: batch) -> dict[str, Any]:
    """Train one step forward: logits and statistics, and how often rows are moved."""
    network = CskNet(TINY, create_head(TINY, dropout_rate=0.0))
    pair = create_pair(batch=NUM_PAIRS)
    variables = create_variables(network, *pair)

    def forward(visible: Any, thermal: Any) -> Any:
        output: Any
        output, state = network.apply(
            variables, visible, thermal, train=True, mutable=["batch_stats"]
        )
        return {"logits": output.prediction, **output.branch_predictions}, state["batch_stats"]

    placed = place(pair)
    program = jax.jit(forward).lower(*placed).compile()
    logits, statistics = program(*placed)
    sent = re.findall("|".join(MOVES), str(program.as_text()))
    return {
        "num_moves": len(sent),
        "logits": {name: jnp.asarray(x).ravel().tolist() for name, x in logits.items()},
        "statistics": [x.ravel().tolist() for x in jax.tree.leaves(statistics)],
    }
