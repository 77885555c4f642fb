"""Loss terms of branches, by hand."""

import jax.numpy as jnp
import pytest

from mdjax.losses.ratio import Ratio
from mdjax.models.csknet import CskOutput
from mdjax.tasks.branches import repeat_for_branches
from mdjax.tasks.detection import DetectionTask
from mdjax.tasks.segmentation import SegmentationTask
from mdjax.train.terms import LossTerm, TermInputs


def subtract(inputs: TermInputs) -> Ratio:
    """The prediction less its target."""
    return Ratio(inputs.output.prediction - inputs.targets, jnp.float32(1))


def test_each_branch_has_its_prediction_and_its_targets() -> None:
    """The target of what predicts x is 10 x + 1, the batch."""
    output = CskOutput(
        prediction=jnp.float32(2),
        branch_predictions={"visible": jnp.float32(3), "thermal": jnp.float32(4)},
    )

    def compute_targets(output: CskOutput, batch: float) -> float:
        return 10 * output.prediction + batch

    terms = repeat_for_branches(
        [LossTerm("box", 0.5, subtract)], ("visible", "thermal"), compute_targets
    )
    assert [(term.name, term.weight) for term in terms] == [
        ("box", 0.5),
        ("box_visible", 0.5),
        ("box_thermal", 0.5),
    ]
    inputs = TermInputs(output=output, targets=compute_targets(output, 1), batch=1)
    assert [float(term.compute(inputs).value) for term in terms] == [-19.0, -28.0, -37.0]


@pytest.mark.parametrize(
    ("task", "names"),
    [
        (SegmentationTask(auxiliary_weight=0.4), ["segmentation", "auxiliary"]),
        (DetectionTask(), ["classification", "box"]),
    ],
)
def test_tasks_repeat_what_reads_the_prediction(
    task: SegmentationTask | DetectionTask, names: list[str]
) -> None:
    """The auxiliary head reads features: it stands once."""
    assert [term.name for term in task.make_terms(has_guidance=False)] == names
    branched = [term.name for term in task.make_terms(has_guidance=False, branches=("thermal",))]
    repeated = [name for name in names if name != "auxiliary"]
    assert sorted(branched) == sorted([*names, *(f"{name}_thermal" for name in repeated)])
