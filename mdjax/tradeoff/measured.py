"""What thermal pixels and noise are worth: scores, losses against the best camera, gains by MD."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mdjax.statistics.interval import Interval, ScoreInterval, correct_by_holm
from mdjax.statistics.pooling import Rows as RowImages
from mdjax.studies.row_scores import RowScores
from mdjax.studies.rows import DISTILLED, NATIVE, TEACHER
from mdjax.studies.table import Setting
from mdjax.tradeoff.recommendation import Candidate, Recommendation, recommend
from mdjax.tradeoff.rows import KINDS, Tradeoff

TIMES = ("day", "night", "all")
"""Of the panels; the last decides."""


@dataclass(frozen=True)
class AxisPoint:
    """A camera, or an amount of noise.

    Attributes:
        label: What it is called.
        rows: Names of its rows by network.
    """

    label: str
    rows: Mapping[str, str]


@dataclass(frozen=True)
class MeasuredAxis:
    """Everything along the pixels, or along the noise.

    Attributes:
        points: From the least pixels, or the least noise.
        reference: What the others are compared with: all pixels, or no noise.
        scores: By row and title of the score.
        losses: Row - that of the reference, by row and title.
        gains: Distilled - native by label, by the score that decides; p-values corrected over all
            labels that are measured.
    """

    points: tuple[AxisPoint, ...]
    reference: AxisPoint
    scores: Mapping[tuple[str, str], ScoreInterval]
    losses: Mapping[tuple[str, str], Interval]
    gains: Mapping[str, Interval]


@dataclass(frozen=True)
class MeasuredTradeoff:
    """A comparison of cameras with the numbers there are.

    Attributes:
        tradeoff: What is compared.
        setting: What the rows share.
        teacher: Scores of the teacher by title.
        sizes: Along the pixels.
        noises: Along the noise; None if it is not looked at.
        seeds: Those that every row with a result has: all scores are of their images.
        left_out_seeds: Those that only some rows have.
    """

    tradeoff: Tradeoff
    setting: Setting
    teacher: Mapping[str, ScoreInterval]
    sizes: MeasuredAxis
    noises: MeasuredAxis | None
    seeds: tuple[int, ...]
    left_out_seeds: tuple[int, ...]

    @property
    def titles(self) -> tuple[str, ...]:
        """Titles of the scores of day, night and all."""
        return list_titles(self.setting)

    @property
    def is_lower_better(self) -> bool:
        """Whether the score counts mistakes."""
        return self.titles[-1] in self.setting.lower_is_better

    def recommend(self, kind: str, within: float) -> Recommendation:
        """Find the cheapest camera that is good enough, or without prices the coarsest.

        Args:
            kind: `NATIVE` or `DISTILLED`.
            within: Points of the deciding score that may be lost.
        """
        *others, full = self.tradeoff.sensors
        has_prices = any(sensor.price for sensor in self.tradeoff.sensors)
        if has_prices:
            most = full.price if full.price is not None else float("inf")
            priced = [(x.price, x) for x in others if x.price is not None and x.price < most]
            others = [x for _, x in sorted(priced, key=lambda pair: pair[0])]
        return recommend(
            [
                Candidate(
                    f"{x.label} for {x.price:g}" if x.price else x.label,
                    self.sizes.losses[self.tradeoff.name_row(kind, x.resolution), self.titles[-1]],
                )
                for x in others
            ],
            network=kind,
            score=self.titles[-1],
            within=within,
            by="cheapest" if has_prices else "coarsest",
            is_lower_better=self.is_lower_better,
        )


def list_titles(setting: Setting) -> tuple[str, ...]:
    """List the titles of a setting's main score of day, night and all."""
    stem = next(iter(setting.scores)).rpartition(" ")[0]
    return tuple(f"{stem} {time}" for time in TIMES)


def measure_tradeoff(
    tradeoff: Tradeoff, setting: Setting, images: RowImages[Any], *, num_draws: int = 1_000
) -> MeasuredTradeoff:
    """Compute scores, losses and gains, all of the seeds that every row with a result has.

    Args:
        tradeoff: What is compared.
        setting: What the rows share.
        images: What was scored of each test image, by row and seed.
        num_draws: Draws of the bootstrap.
    """
    trained = [of_row for of_row in images.values() if of_row]
    every_seed = sorted({seed for of_row in trained for seed in of_row})
    seeds = tuple(seed for seed in every_seed if all(seed in of_row for of_row in trained))
    common = {
        row: {seed: of_row[seed] for seed in seeds} for row, of_row in images.items() if of_row
    }
    scores: dict[str, RowScores[Any, Any]] = {
        title: RowScores(
            common,
            setting.scores[title],
            is_cross_validated=setting.is_cross_validated,
            num_draws=num_draws,
        )
        for title in list_titles(setting)
    }
    sizes = [
        AxisPoint(x.label, {kind: tradeoff.name_row(kind, x.resolution) for kind in KINDS})
        for x in tradeoff.sensors
    ]
    noises = [
        AxisPoint(f"{x:g}", {kind: tradeoff.name_noisy_row(kind, x) for kind in KINDS})
        for x in tradeoff.noises
    ]
    return MeasuredTradeoff(
        tradeoff,
        setting,
        teacher={title: of_rows.estimate_interval(TEACHER) for title, of_rows in scores.items()},
        sizes=_measure_axis(sizes, sizes[-1], scores),
        noises=_measure_axis(noises, noises[0], scores) if noises else None,
        seeds=seeds,
        left_out_seeds=tuple(seed for seed in every_seed if seed not in seeds),
    )


def _measure_axis(
    points: Sequence[AxisPoint], reference: AxisPoint, scores: Mapping[str, RowScores[Any, Any]]
) -> MeasuredAxis:
    pairs = [(point.rows[kind], reference.rows[kind]) for point in points for kind in KINDS]
    deciding = list(scores.values())[-1]
    gains = [deciding.subtract(point.rows[DISTILLED], point.rows[NATIVE]) for point in points]
    return MeasuredAxis(
        tuple(points),
        reference,
        scores={
            (row, title): of_rows.estimate_interval(row)
            for row, _ in pairs
            for title, of_rows in scores.items()
        },
        losses={
            (row, title): of_rows.subtract(row, best)
            for row, best in pairs
            for title, of_rows in scores.items()
        },
        gains=dict(zip((x.label for x in points), correct_by_holm(gains), strict=True)),
    )
