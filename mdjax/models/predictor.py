"""The one compiled forward pass in evaluation mode.

Evaluation, `mdjax predict`, timing and pictures all run it, so that they agree.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax

from mdjax.models.network import Network

Predictor = Callable[..., Any]
"""From (variables, *inputs) to what `interpret` made of the output."""


def make_predictor(
    network: Network, interpret: Callable[[Any], Any] = lambda output: output
) -> Predictor:
    """Compile a network together with what is made of its output.

    Args:
        network: Linen module, or anything with its `init` and `apply`.
        interpret: Makes of a `NetworkOutput` what is wanted, on the device; a task's `interpret`
            gives boxes or logits. By default the output itself.

    Returns:
        A function (variables, *inputs) → interpreted output.
    """

    @jax.jit
    def predict(variables: Mapping[str, Any], *inputs: Any) -> Any:
        return interpret(network.apply(variables, *inputs, train=False))

    return predict
