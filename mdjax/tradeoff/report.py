"""A comparison of thermal cameras as a Markdown table, and as values for programs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mdjax.statistics.interval import Interval, ScoreInterval
from mdjax.studies.rows import DISTILLED, NATIVE, TEACHER, VISIBLE
from mdjax.studies.table import MISSING, describe_statistics, format_interval, format_row
from mdjax.tradeoff.costs import MeasuredCosts
from mdjax.tradeoff.cross_resolution import CrossScores
from mdjax.tradeoff.measured import MeasuredAxis, MeasuredTradeoff
from mdjax.tradeoff.recommendation import Candidate, Recommendation
from mdjax.tradeoff.rows import KINDS
from mdjax.types import format_count


@dataclass(frozen=True)
class TradeoffReport:
    """All that is said about a comparison of cameras.

    Attributes:
        measured: Scores, losses and gains.
        image_size_hw: Rows and columns of the images.
        recommendations: One for each network.
        costs: Of networks; None where they are not measured.
        cross: Networks with other cameras; None if that was not asked for.
        command: What makes it again.
    """

    measured: MeasuredTradeoff
    image_size_hw: tuple[int, int]
    recommendations: Sequence[Recommendation]
    costs: MeasuredCosts | None
    cross: CrossScores | None
    command: str

    @property
    def title(self) -> str:
        """What is compared, on which data."""
        stem = self.measured.titles[-1].rpartition(" ")[0]
        return f"{stem} by thermal camera: {self.measured.setting.name}"

    def format_markdown(self) -> str:
        """Lay everything out as Markdown; what is not trained yet has a dash."""
        height, width = self.image_size_hw
        better = "lower" if self.measured.is_lower_better else "higher"
        lines = [
            f"# {self.title}",
            "",
            f"`{self.command}`: percent, {better} is better; setting "
            f"`{self.measured.setting.name}`, images of {width}x{height}, "
            f"{describe_statistics(self.measured.setting, self.measured.seeds)}; {MISSING} is not "
            f"trained yet. Ranges are 95 % intervals.{self._describe_left_out()}",
            "",
            *(f"- {sentence}" for sentence in self.recommendations),
            "",
            *self._format_sizes(),
            *self._format_gains(self.measured.sizes, "What distillation is worth at each size"),
        ]
        if self.measured.noises is not None:
            lines += self._format_noises(self.measured.noises)
        lines += self._format_costs()
        if self.cross is not None:
            lines += self._format_cross(self.cross)
        return "\n".join(lines) + "\n"

    def _describe_left_out(self) -> str:
        seeds = self.measured.left_out_seeds
        if not seeds:
            return ""
        names = ", ".join(map(str, seeds))
        return (
            f" {format_count(len(seeds), 'seed')} ({names}) that some of these rows lack "
            f"{'is' if len(seeds) == 1 else 'are'} left out of all of them, the teacher's too."
        )

    def _format_sizes(self) -> list[str]:
        measured = self.measured
        sensors = measured.tradeoff.sensors
        has_prices = any(sensor.price for sensor in sensors)
        heads = ["camera", "pixels", *(["price"] if has_prices else [])]
        rows = []
        for sensor, point in zip(sensors, measured.sizes.points, strict=True):
            price = MISSING if sensor.price is None else f"{sensor.price:g}"
            cells = [_escape(sensor.label), f"{sensor.num_pixels:,}"]
            cells += [price] if has_prices else []
            rows += self._format_point(cells, point.rows, measured.sizes)
        full = [_escape(sensors[-1].label), f"{sensors[-1].num_pixels:,}"]
        full += [""] if has_prices else []
        scores = [measured.teacher[title] for title in measured.titles]
        cells = [*full, TEACHER, str(scores[-1].num_seeds), *map(format_score, scores), ""]
        return [*self._format_head(heads, "- full one"), *rows, format_row(cells)]

    def _format_noises(self, noises: MeasuredAxis) -> list[str]:
        camera = self.measured.tradeoff.own_resolution
        lines = ["", f"## Noise of the {camera} camera", ""]
        lines += ["Standard deviations in units of the range of the image.", ""]
        lines += self._format_head(["noise"], "- no noise")
        for point in noises.points:
            lines += self._format_point([point.label], point.rows, noises)
        return [*lines, *self._format_gains(noises, "What distillation is worth with this noise")]

    def _format_head(self, first: Sequence[str], last: str) -> list[str]:
        deciding = self.measured.titles[-1]
        titles = [*first, "network", "seeds", *self.measured.titles, f"{deciding} {last}"]
        return [format_row(titles), format_row(["---"] * len(titles))]

    def _format_point(
        self, first: Sequence[str], rows: Mapping[str, str], axis: MeasuredAxis
    ) -> list[str]:
        lines = []
        for kind in KINDS:
            row = rows[kind]
            scores = [axis.scores[row, title] for title in self.measured.titles]
            loss = ""
            if row != axis.reference.rows[kind]:
                loss = format_loss(axis.losses[row, self.measured.titles[-1]])
            seeds = str(scores[-1].num_seeds)
            network = f"{kind} ({row})" if row == VISIBLE else kind
            lines.append(format_row([*first, network, seeds, *map(format_score, scores), loss]))
        return lines

    def _format_gains(self, axis: MeasuredAxis, title: str) -> list[str]:
        measured = {label: gain for label, gain in axis.gains.items() if gain.num_seeds}
        if not measured:
            return []
        return ["", f"{title} ({DISTILLED} - {NATIVE}):", ""] + [
            "- "
            + gain.describe(
                label, self.measured.titles[-1], is_lower_better=self.measured.is_lower_better
            )
            for label, gain in measured.items()
        ]

    def _format_costs(self) -> list[str]:
        lines = ["", "## Costs of an image pair", ""]
        if self.costs is None:
            return [
                *lines,
                "Not measured: the same command without `--tables-only` measures them, once the "
                "data are prepared or a row is trained.",
            ]
        height, width = self.image_size_hw
        lines += [
            f"{width}x{height}, batch 1, random weights. GFLOP: billions of operations of a "
            "forward pass, from XLA's cost analysis of the compiled program; a multiply-add is 2. "
            f"Milliseconds: median, the networks in turn, {self.costs.machine}.",
            "",
            format_row(["network", "parameters", "GFLOP", "ms"]),
            format_row(["---"] * 4),
        ]
        for name, cost in self.costs.networks.items():
            cells = [name, f"{cost.num_parameters:,}", f"{cost.gflop:.3g}"]
            lines.append(format_row([*cells, f"{cost.milliseconds:.1f}"]))
        return lines

    def _format_cross(self, cross: CrossScores) -> list[str]:
        lines = ["", "## Trained with one camera, used with another", ""]
        if cross.seed is None:
            return [*lines, "There are no weights in the run directories; nothing is trained here."]
        title = self.measured.titles[-1]
        lines.append(f"{title} of seed {cross.seed} on the test images of its training.")
        if cross.missing:
            lines.append(
                f"{MISSING}: the run directories have no weights of {', '.join(cross.missing)}."
            )
        labels = [_escape(x.label) for x in cross.seen]
        heads = ["network", "trained with", *(f"sees {label}" for label in labels)]
        lines += ["", format_row(heads), format_row(["---"] * len(heads))]
        for kind, trained in cross.trained.items():
            for sensor in trained:
                row = self.measured.tradeoff.name_row(kind, sensor.resolution)
                scores = [cross.scores.get((row, x.resolution), math.nan) for x in cross.seen]
                cells = [MISSING if math.isnan(x) else f"{x:.2f}" for x in scores]
                lines.append(format_row([kind, _escape(sensor.label), *cells]))
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return everything for programs."""
        measured = self.measured
        values: dict[str, Any] = {
            "command": self.command,
            "setting": measured.setting.name,
            "image_size_hw": self.image_size_hw,
            "scores": measured.titles,
            "is_lower_better": measured.is_lower_better,
            "seeds": measured.seeds,
            "left_out_seeds": measured.left_out_seeds,
            "recommendations": [
                {"sentence": str(found), **_describe_recommendation(found)}
                for found in self.recommendations
            ],
            "teacher": {title: vars(score) for title, score in measured.teacher.items()},
            "cameras": [
                {
                    "name": sensor.name,
                    "resolution": sensor.resolution,
                    "size_hw": sensor.size_hw,
                    "price": sensor.price,
                    **self._describe_point(measured.sizes, index),
                }
                for index, sensor in enumerate(measured.tradeoff.sensors)
            ],
            **(self.costs.to_dict() if self.costs else {"costs": {}}),
        }
        if measured.noises is not None:
            values["noises"] = [
                {"noise_std": noise, **self._describe_point(measured.noises, index)}
                for index, noise in enumerate(measured.tradeoff.noises)
            ]
        if self.cross is not None:
            values["cross"] = {
                "seed": self.cross.seed,
                "missing": self.cross.missing,
                "scores": [
                    {"row": row, "sees": seen, "score": score}
                    for (row, seen), score in self.cross.scores.items()
                ],
            }
        return values

    def _describe_point(self, axis: MeasuredAxis, index: int) -> dict[str, Any]:
        point = axis.points[index]
        titles = self.measured.titles
        networks = {
            kind: {
                "row": row,
                "scores": {title: vars(axis.scores[row, title]) for title in titles},
                "losses": {title: vars(axis.losses[row, title]) for title in titles},
            }
            for kind, row in point.rows.items()
        }
        return {"networks": networks, "gain": vars(axis.gains[point.label])}


def format_score(score: ScoreInterval) -> str:
    """Write a score with its interval, such as "45.12 (43.01 to 47.05)"."""
    if math.isnan(score.points):
        return MISSING
    if math.isnan(score.low):
        return f"{score.points:z.2f}"
    return f"{score.points:z.2f} ({score.low:z.2f} to {score.high:z.2f})"


def format_loss(loss: Interval) -> str:
    """Write a difference, a dash where it is not measured."""
    return MISSING if math.isnan(loss.points) else format_interval(loss)


def _describe_recommendation(found: Recommendation) -> dict[str, Any]:
    values: dict[str, Any] = {
        "network": found.network,
        "score": found.score,
        "within": found.within,
        "by": found.by,
    }
    for name in ("chosen", "supported", "nearest"):
        candidate = getattr(found, name)
        values[name] = candidate and _describe_candidate(candidate)
    values["contradicting"] = [_describe_candidate(x) for x in found.contradicting]
    return values


def _describe_candidate(candidate: Candidate) -> dict[str, Any]:
    return {"camera": candidate.camera, **vars(candidate.loss)}


def _escape(text: str) -> str:
    """Names from a price list may hold what would end a cell."""
    return text.replace("|", "\\|")
