"""Which camera is good enough: the rule, and the sentence that says how sure it is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mdjax.statistics.interval import MIN_SEEDS, Interval, format_points


@dataclass(frozen=True)
class Candidate:
    """A camera that could replace the full one.

    Attributes:
        camera: What it is called in the sentence.
        loss: Its score - that of the full one, with the same network.
    """

    camera: str
    loss: Interval


@dataclass(frozen=True)
class Recommendation:
    """What the rule says of a network.

    Attributes:
        network: Name of the network.
        score: Name of the score.
        within: Points that may be lost.
        by: What is least: "cheapest" or "coarsest".
        chosen: The first camera whose estimate is within; None if there is none.
        supported: The first camera whose whole interval is within, from three seeds or more.
        nearest: The camera that loses least; None where nothing is measured.
        contradicting: Cameras with more pixels, or more expensive ones, than the chosen one whose
            estimate is not within: what a smooth loss of pixels would not give.
    """

    network: str
    score: str
    within: float
    by: str
    chosen: Candidate | None
    supported: Candidate | None
    nearest: Candidate | None
    contradicting: tuple[Candidate, ...] = ()

    def __str__(self) -> str:
        """The plain sentence, with another one where cameras contradict it."""
        if not self.contradicting:
            return self._tell_choice()
        *first, last = (x.camera for x in self.contradicting)
        names = f"{', '.join(first)} and {last}" if first else last
        have, cost, are = ("have", "cost", "are") if first else ("has", "costs", "is")
        more = f"{cost} more" if self.by == "cheapest" else f"{have} more pixels"
        return (
            f"{self._tell_choice()} But {names}, which {more}, {are} not within: this is no trend."
        )

    def _tell_choice(self) -> str:
        full = f"within {self.within:g} points of the full one"
        if self.nearest is None:
            return (
                f"No camera can be compared with the full one yet, {self.network}: that needs a "
                "trained row of each."
            )
        if self.chosen is None:
            return f"No camera is {full}, {self.network}; the nearest: {self._tell(self.nearest)}."
        text = (
            f"The {self.by} camera {full}: {self.chosen.camera}, {self.network}, "
            f"{self._tell_loss(self.chosen.loss)}; "
        )
        if self.chosen == self.supported:
            return f"{text}its whole interval is."
        if self.chosen.loss.num_seeds < MIN_SEEDS:
            return f"{text}only the estimate is: {MIN_SEEDS} seeds are needed to judge it."
        text += "only the estimate is, its interval reaches further"
        if self.supported is None:
            return f"{text}, and so does that of every other camera."
        return f"{text}. With the whole interval: {self._tell(self.supported)}."

    def _tell(self, candidate: Candidate) -> str:
        return f"{candidate.camera}, {self._tell_loss(candidate.loss)}"

    def _tell_loss(self, loss: Interval) -> str:
        text = f"{format_points(loss.points, 1)} points of {self.score}"
        if math.isnan(loss.low):
            return text
        return f"{text} ({format_points(loss.low, 1)} to {format_points(loss.high, 1)})"


def recommend(
    candidates: Sequence[Candidate],
    *,
    network: str,
    score: str,
    within: float,
    by: str,
    is_lower_better: bool = False,
) -> Recommendation:
    """Find the least camera that is good enough.

    A camera is within X points if its paired difference to the full one is worse by X at most; the
    interval supports it if its worse end is, too. An interval over fewer than three seeds supports
    nothing.

    Args:
        candidates: Cameras other than the full one, from the least to the most.
        network: Name of the network.
        score: Name of the score.
        within: X, in percent points.
        by: What is least: "cheapest" or "coarsest".
        is_lower_better: Whether the score counts mistakes.
    """
    sign = -1.0 if is_lower_better else 1.0
    measured = [x for x in candidates if not math.isnan(x.loss.points)]

    def find_worse_end(loss: Interval) -> float:
        return min(sign * loss.low, sign * loss.high)

    chosen = [x for x in measured if sign * x.loss.points >= -within]
    supported = [
        x for x in chosen if x.loss.num_seeds >= MIN_SEEDS and find_worse_end(x.loss) >= -within
    ]
    # Candidates are in order: what follows the chosen one has more.
    after = measured[measured.index(chosen[0]) + 1 :] if chosen else []
    return Recommendation(
        network,
        score,
        within,
        by,
        chosen=chosen[0] if chosen else None,
        supported=supported[0] if supported else None,
        nearest=max(measured, key=lambda x: sign * x.loss.points, default=None),
        contradicting=tuple(x for x in after if x not in chosen),
    )
