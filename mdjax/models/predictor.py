"""The one compiled forward pass in evaluation mode.

Evaluation, `mdjax predict`, timing and pictures all run it, so that they agree.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax

from mdjax.models.modalities import Missing
from mdjax.models.network import Network

Predictor = Callable[..., Any]
"""From (variables, *inputs) to what `interpret` made of the output."""


def make_predictor(
    network: Network,
    interpret: Callable[[Any], Any] = lambda output: output,
    *,
    missing: Missing = "none",
) -> Predictor:
    """Compile a network together with what is made of its output.

    Args:
        network: Linen module, or anything with its `init` and `apply`.
        interpret: Makes of a `NetworkOutput` what is wanted, on the device; a task's `interpret`
            gives boxes or logits. By default the output itself.
        missing: Image that the network does without, for networks of `mdjax.models`.

    Returns:
        A function (variables, *inputs) → interpreted output.
    """
    options = {} if missing == "none" else {"missing": missing}

    @jax.jit
    def predict(variables: Mapping[str, Any], *inputs: Any) -> Any:
        return interpret(network.apply(variables, *inputs, train=False, **options))

    return predict
