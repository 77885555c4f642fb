"""The loss terms of a task for each branch of a network that predicts on its own."""

from collections.abc import Sequence
from dataclasses import replace

from mdjax.losses.ratio import Ratio
from mdjax.train.terms import ComputeTargets, LossTerm, TermInputs


def repeat_for_branches(
    terms: Sequence[LossTerm], branches: Sequence[str], compute_targets: ComputeTargets
) -> tuple[LossTerm, ...]:
    """Repeat terms for the prediction of each branch, with the same weight: "box_thermal".

    Args:
        terms: Of the network's own prediction.
        branches: Names in `CskOutput.branch_predictions`; empty: nothing is added.
        compute_targets: Of the task. What a branch should predict can depend on what it predicts.

    Returns:
        The terms, and after them those of each branch.
    """

    def create(term: LossTerm, branch: str) -> LossTerm:
        def compute(inputs: TermInputs) -> Ratio:
            prediction = inputs.output.branch_predictions[branch]
            output = inputs.output.replace(prediction=prediction)
            targets = compute_targets(output, inputs.batch)
            return term.compute(replace(inputs, output=output, targets=targets))

        return replace(term, name=f"{term.name}_{branch}", compute=compute)

    return (*terms, *(create(term, branch) for branch in branches for term in terms))
