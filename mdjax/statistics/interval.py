"""A score or a difference with its interval, the word for it, the correction for many of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

CONFIDENCE = 0.95

MIN_SEEDS = 3  # Fewer say next to nothing about how trainings differ.

Word = Literal["better", "worse", "open"]


@dataclass(frozen=True)
class Interval:
    """A difference between two rows with its 95 % confidence interval.

    Attributes:
        points: Minuend - subtrahend, in percent points; NaN where nothing is measured.
        low: Lower end of the interval; NaN for one seed.
        high: Upper end.
        num_seeds: Seeds that both rows have.
        p_value: Two-sided: how often chance alone would give a difference as large; NaN where the
            interval is.
        num_compared: Differences that were corrected for together, see `correct_by_holm`.
    """

    points: float
    low: float
    high: float
    num_seeds: int
    p_value: float = math.nan
    num_compared: int = 1

    def judge(self, *, is_lower_better: bool = False) -> Word:
        """Say whether the minuend is better or worse beyond the noise, or whether that is open.

        Beyond the noise the whole interval lies on one side of zero, the p-value, corrected or not,
        is at most 5 %, and there are three seeds or more.

        Args:
            is_lower_better: Whether the score counts mistakes.
        """
        if self.num_seeds < MIN_SEEDS or self.p_value > 1 - CONFIDENCE:
            return "open"
        low, high = (-self.high, -self.low) if is_lower_better else (self.low, self.high)
        return "better" if low > 0 else "worse" if high < 0 else "open"

    def describe(self, title: str, score: str, *, is_lower_better: bool = False) -> str:
        """Say in a plain sentence what the difference is, and whether it is beyond the noise.

        Args:
            title: What is compared.
            score: Name of the score.
            is_lower_better: Whether it counts mistakes.
        """
        if math.isnan(self.points):
            return f"{title}: {score} has nothing to be measured on."
        head = f"{title}: {format_points(self.points)} points of {score}"
        if math.isnan(self.low):
            return f"{head}; one seed says nothing about the noise."
        # Trainings of one seed do not differ: its interval is that of the images alone.
        seeds = "the images of 1 seed" if self.num_seeds == 1 else f"{self.num_seeds} seeds"
        ends = f"{format_points(self.low)} to {format_points(self.high)}"
        text = f"{head} (95 % interval over {seeds}: {ends}"
        if self.num_compared > 1:
            text += f"; p {format_p_value(self.p_value)} among {self.num_compared} comparisons"
        word = self.judge(is_lower_better=is_lower_better)
        if word != "open":
            return f"{text}): {word}, beyond the noise."
        if self.num_seeds < MIN_SEEDS:
            return f"{text}): {MIN_SEEDS} seeds are needed to judge it."
        return f"{text}): not beyond the noise."


@dataclass(frozen=True)
class ScoreInterval:
    """A score with its 95 % confidence interval.

    Attributes:
        points: In percent; NaN where nothing is measured.
        low: Lower end of the interval; NaN for one seed.
        high: Upper end.
        num_seeds: Seeds that were scored.
    """

    points: float
    low: float
    high: float
    num_seeds: int


AnyInterval = TypeVar("AnyInterval", bound=Interval)


def correct_by_holm(intervals: Sequence[AnyInterval]) -> list[AnyInterval]:
    """Correct the p-values of differences that are judged together, by Holm's method.

    With the m p-values in ascending order, p̃_(i) = max over j ≤ i of min(1, (m - j + 1) p_(j)): the
    probability of any false "beyond the noise" among them is then at most 5 %. Intervals stay as
    they are. What has no p-value is left alone and not counted.

    Args:
        intervals: All differences by one score of a table.

    Returns:
        The same in the same order, with corrected p-values.

    Source: Holm, A simple sequentially rejective multiple test procedure, 1979.
    """
    measured = [i for i, interval in enumerate(intervals) if not math.isnan(interval.p_value)]
    measured.sort(key=lambda i: intervals[i].p_value)
    corrected = list(intervals)
    largest = 0.0
    for rank, i in enumerate(measured):
        largest = max(largest, min(1.0, (len(measured) - rank) * intervals[i].p_value))
        corrected[i] = replace(intervals[i], p_value=largest, num_compared=len(measured))
    return corrected


def count_needed_draws(num_compared: int) -> int:
    """Return with how many draws of a bootstrap a difference can be beyond the noise at all.

    The smallest p-value of n draws is 2 / (n + 1), and Holm's correction of m differences makes it
    m times as large: n = 2 m / 0.05 - 1.

    Args:
        num_compared: m.
    """
    return round(2 * num_compared / (1 - CONFIDENCE)) - 1


def format_points(points: float, num_decimals: int = 2) -> str:
    """Write a difference in percent points with its sign; what rounds to zero has none."""
    text = f"{points:+.{num_decimals}f}"
    return text[1:] if float(text) == 0 else text


def format_p_value(p_value: float) -> str:
    """Write a p-value with three decimals."""
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"
