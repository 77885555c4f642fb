"""A network together with what its task makes of its output."""

from functools import lru_cache

from mdjax.models.modalities import Missing
from mdjax.models.network import Network
from mdjax.models.predictor import Predictor, make_predictor
from mdjax.tasks.task import Task


# A study scores equal networks again and again: they are traced and compiled once.
@lru_cache(maxsize=8)
def make_task_predictor(
    network: Network, task: Task, image_size_hw: tuple[int, int], missing: Missing = "none"
) -> Predictor:
    """Compile a network with its task's `interpret`; equal arguments give the same function.

    Args:
        network: Of `mdjax.models`; must be hashable, as linen modules are.
        task: Interprets the prediction.
        image_size_hw: Rows and columns of the images that the network sees.
        missing: Image that the network does without.

    Returns:
        A function (variables, *inputs) → interpreted prediction.
    """
    return make_predictor(
        network, lambda output: task.interpret(output.prediction, image_size_hw), missing=missing
    )
