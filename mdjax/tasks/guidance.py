"""The guidance losses of GAFF as terms of any task; the task defines the foreground."""

from collections.abc import Callable

from mdjax.losses.guidance import guidance_inter_loss, guidance_intra_loss
from mdjax.losses.ratio import Ratio
from mdjax.train.terms import LossTerm, TermInputs
from mdjax.types import Array, MdjaxError


def make_guidance_terms(
    weight: float, compute_foreground: Callable[[TermInputs], Array]
) -> tuple[LossTerm, ...]:
    """List both guidance losses; none where the weight is 0.

    Args:
        weight: Of both.
        compute_foreground: Draws m_gt on the grid of the guidance logits, [b h w 1] in [0, 1].
    """

    def check(inputs: TermInputs) -> TermInputs:
        if inputs.output.guidance is None:
            raise MdjaxError("The guidance losses need a network with GAFF (feature-level fusion).")
        return inputs

    def compute_intra(inputs: TermInputs) -> Ratio:
        guidance = check(inputs).output.guidance
        return guidance_intra_loss(guidance, compute_foreground(inputs))

    def compute_inter(inputs: TermInputs) -> Ratio:
        guidance = check(inputs).output.guidance
        return guidance_inter_loss(guidance, compute_foreground(inputs))

    if not weight:
        return ()
    return (
        LossTerm("guidance_intra", weight, compute_intra),
        LossTerm("guidance_inter", weight, compute_inter),
    )
