"""A table of a paper: measured numbers beside the published ones, in the layout of the paper."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mdjax.statistics.interval import (
    Interval,
    correct_by_holm,
    count_needed_draws,
    format_points,
)
from mdjax.statistics.pooling import ImageScore, PooledDifference
from mdjax.statistics.pooling import Rows as RowImages
from mdjax.statistics.seeds import Estimate
from mdjax.studies.comparison import Difference
from mdjax.studies.row_scores import RowScores
from mdjax.studies.rows import Recipe

MISSING = "–"  # noqa: RUF001  (a dash, no minus)


@dataclass(frozen=True)
class Setting:
    """What the rows of some tables share.

    Attributes:
        name: Of the folder of their results, and of that of their runs.
        recipe: Data set, size and schedule.
        scores: How test images are scored, by title; the first decides.
        lower_is_better: Scores that count mistakes.
        num_folds: Of the cross-validation: seed s tests fold s. 0 keeps the data set's own splits.
    """

    name: str
    recipe: Recipe
    scores: Mapping[str, ImageScore[Any, Any]]
    lower_is_better: Collection[str] = ()
    num_folds: int = 0

    @property
    def is_cross_validated(self) -> bool:
        """Whether each seed tests a part of the images."""
        return self.num_folds > 0

    def count_needed_draws(self, num_compared: int) -> int:
        """Return with how many draws so many differences can be judged; 0 without a bootstrap."""
        return count_needed_draws(num_compared) if self.is_cross_validated else 0


@dataclass(frozen=True)
class TableRow:
    """A row of a table.

    Attributes:
        label: Its first cells, as in the paper.
        row: Name of the row that is trained; empty where it is another's published result.
        published: The paper's numbers by score, as printed.
        num_seeds: Trainings.
    """

    label: tuple[str, ...]
    row: str = ""
    published: Mapping[str, str] = field(default_factory=dict)
    num_seeds: int = 3


@dataclass(frozen=True)
class Table:
    """A table, which a setting fills with numbers.

    Attributes:
        name: What is typed for it, such as "table4".
        title: What it shows.
        headings: Titles of the first columns.
        rows: From top to bottom.
        scores: Titles of the scores that are shown, of those that the setting has.
        differences: Rows that are compared.
        settings: By scale: "small", "paper", and "medium" where there is one.
        note: What a reader has to know of the rows, in one sentence.
    """

    name: str
    title: str
    headings: tuple[str, ...]
    rows: tuple[TableRow, ...]
    scores: tuple[str, ...]
    differences: tuple[Difference, ...]
    settings: Mapping[str, Setting]
    note: str = ""

    @property
    def num_seeds(self) -> dict[str, int]:
        """Trainings of each row that is trained; the most that any line asks for."""
        found: dict[str, int] = {}
        for row in self.rows:
            if row.row:
                found[row.row] = max(row.num_seeds, found.get(row.row, 0))
        return found


@dataclass(frozen=True)
class MeasuredTable:
    """A table with the numbers there are.

    Attributes:
        table: Which table.
        setting: What its rows share.
        estimates: By row and score.
        differences: By difference and score, p-values corrected over all differences of a score.
        seeds: By row, ascending; a row that is not trained yet has none.
    """

    table: Table
    setting: Setting
    estimates: Mapping[tuple[str, str], Estimate]
    differences: Mapping[tuple[Difference, str], Interval]
    seeds: Mapping[str, tuple[int, ...]]

    @property
    def all_seeds(self) -> list[int]:
        """Those of any row."""
        return sorted({seed for of_row in self.seeds.values() for seed in of_row})

    @property
    def rows_with_fewer_seeds(self) -> list[str]:
        """Rows with scores that lack a seed of another row."""
        return [row for row, seeds in self.seeds.items() if 0 < len(seeds) < len(self.all_seeds)]

    @property
    def warning(self) -> str:
        """Say which rows cannot be compared by their scores; empty where all can."""
        count = len(self.all_seeds)
        names = ", ".join(
            f"{row} ({len(self.seeds[row])} of {count} seeds)" for row in self.rows_with_fewer_seeds
        )
        if not names:
            return ""
        is_compared = any(interval.num_seeds for interval in self.differences.values())
        remedy = "compare them by the differences below, which use the seeds that both rows have"
        if self.setting.is_cross_validated:
            text = "Rows of other seeds were tested on other images"
        else:
            text = "Rows of other seeds are means over other trainings"
        return f"{text}{f'; {remedy}' if is_compared else ''}: {names}."

    def format_markdown(self, command: str) -> str:
        """Lay the table out as Markdown; a row that is not trained yet has a dash."""
        scores = self.shown_scores
        has_published = any(row.published for row in self.table.rows)
        titles = [*self.table.headings, "seeds"]
        for score in scores:
            titles += [score, "paper"] if has_published else [score]
        lines = [f"# {self.table.title}", "", self._describe(command), ""]
        lines += [format_row(titles), format_row(["---"] * len(titles))]
        for row in self.table.rows:
            found = [self.estimates.get((row.row, score)) for score in scores]
            cells = [*row.label, self._format_seeds(row.row) if row.row else ""]
            for score, estimate in zip(scores, found, strict=True):
                measured = str(estimate) if estimate and estimate.num_seeds else MISSING
                cells.append(measured if row.row else "")
                if has_published:
                    cells.append(row.published.get(score, ""))
            lines.append(format_row(cells))
        for text in (self.table.note, self.warning):
            lines += ["", text] if text else []
        return "\n".join([*lines, *self._format_differences()]) + "\n"

    def _format_seeds(self, row: str) -> str:
        count = str(len(self.seeds[row]))
        return f"{count} of {len(self.all_seeds)}" if row in self.rows_with_fewer_seeds else count

    def _format_differences(self) -> list[str]:
        """One line per difference, then a sentence each by the score that decides."""
        measured = {
            difference: [self.differences[difference, score] for score in self.shown_scores]
            for difference in self.table.differences
            if self.differences[difference, self.shown_scores[0]].num_seeds
        }
        if not measured:
            return []
        titles = ["difference", "is", "seeds", *self.shown_scores]
        lines = ["", format_row(titles), format_row(["---"] * len(titles))]
        for difference, intervals in measured.items():
            cells = [str(difference), difference.meaning, str(intervals[0].num_seeds)]
            lines.append(format_row([*cells, *map(format_interval, intervals)]))
        deciding = next(score for score in self.setting.scores if score in self.shown_scores)
        is_lower_better = deciding in self.setting.lower_is_better
        lines.append("")
        for difference in measured:
            interval = self.differences[difference, deciding]
            sentence = interval.describe(
                difference.title, deciding, is_lower_better=is_lower_better
            )
            lines.append(f"- {sentence}")
        return lines

    @property
    def shown_scores(self) -> list[str]:
        """The scores of the table that the setting has."""
        return [score for score in self.table.scores if score in self.setting.scores]

    def to_dict(self, command: str) -> dict[str, Any]:
        """Return everything for programs."""
        return {
            "command": command,
            "table": self.table.name,
            "setting": self.setting.name,
            "note": self.table.note,
            "warning": self.warning,
            "rows": [
                {
                    "label": list(row.label),
                    "row": row.row,
                    "seeds": self.seeds.get(row.row, ()),
                    "published": dict(row.published),
                    "measured": {
                        score: vars(self.estimates[row.row, score])
                        for score in self.shown_scores
                        if (row.row, score) in self.estimates
                    },
                }
                for row in self.table.rows
            ],
            "differences": [
                {
                    "difference": str(difference),
                    "meaning": difference.meaning,
                    "score": score,
                    **vars(interval),
                }
                for (difference, score), interval in self.differences.items()
            ],
        }

    def _describe(self, command: str) -> str:
        source = " of a bootstrap over seeds and images" if self.setting.is_cross_validated else ""
        statistics = describe_statistics(self.setting, self.all_seeds)
        return (
            f"`{command}`: percent; setting `{self.setting.name}`, {statistics}; ± is the standard "
            f"error{source}; {MISSING} is not trained yet. Intervals are 95 %, `k of n`: seeds in "
            "which the sign is the same; p-values are corrected by Holm over the comparisons."
        )


def measure_table(
    table: Table, setting: Setting, images: RowImages[Any], *, num_draws: int = 1_000
) -> MeasuredTable:
    """Compute the numbers of a table.

    Args:
        table: Which table.
        setting: What its rows share.
        images: What was scored of each test image, by row and seed.
        num_draws: Draws of the bootstrap.
    """
    estimates: dict[tuple[str, str], Estimate] = {}
    differences: dict[tuple[Difference, str], Interval] = {}
    for title in (score for score in table.scores if score in setting.scores):
        scores = RowScores(
            images,
            setting.scores[title],
            is_cross_validated=setting.is_cross_validated,
            num_draws=num_draws,
        )
        estimates |= {(row, title): scores.estimate(row) for row in table.num_seeds}
        found = correct_by_holm(
            [scores.subtract(x.minuend, x.subtrahend) for x in table.differences]
        )
        differences |= {
            (difference, title): interval
            for difference, interval in zip(table.differences, found, strict=True)
        }
    seeds = {row: tuple(sorted(images.get(row, {}))) for row in table.num_seeds}
    return MeasuredTable(table, setting, estimates, differences, seeds)


def describe_statistics(setting: Setting, seeds: Collection[int]) -> str:
    """Say over what the scores of a setting are taken.

    Args:
        setting: The setting.
        seeds: Those that were scored.
    """
    if not setting.is_cross_validated:
        return "means over seeds on the test split"
    folds = sorted({seed % setting.num_folds for seed in seeds})
    text = f"{setting.num_folds}-fold cross-validation"
    if not folds:
        return f"{text}, no fold tested yet"
    if len(folds) == setting.num_folds:
        return f"{text}, test images of all folds pooled"
    *first, last = map(str, folds)
    if not first:
        return f"{text}, test images of fold {last} of {setting.num_folds}"
    names = f"{', '.join(first)} and {last}"
    return f"{text}, test images of folds {names} of {setting.num_folds} pooled"


def format_interval(interval: Interval) -> str:
    """Write points and interval, and in how many seeds the sign is the same where that is known."""
    text = format_points(interval.points)
    if not math.isnan(interval.low):
        text += f" ({format_points(interval.low)} to {format_points(interval.high)})"
    if isinstance(interval, PooledDifference) and interval.num_seeds > 1:
        text += f", {interval.num_agreeing} of {interval.num_seeds}"
    return text


def format_row(cells: Sequence[str]) -> str:
    """Lay out a row of a Markdown table."""
    return f"| {' | '.join(cells)} |"
