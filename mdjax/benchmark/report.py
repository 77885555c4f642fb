"""The table of a benchmark, for people and for programs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mdjax.benchmark.measuring import Measured, MeasuredGroup


@dataclass(frozen=True)
class Row:
    """A network with an engine, at one size and for one size of batch.

    Attributes:
        network: Its name.
        engine: Its name.
        size_wh: Of the visible images.
        thermal_size_wh: Of the thermal images.
        batch_size: Pairs of a batch.
        num_parameters: Trainable ones of the network.
        gflop: Billions of operations of one pair in this engine.
        median_ms: Of a batch.
        p95_ms: 95 of 100 batches take no longer.
        pairs_per_s: At the median.
        cold_start_s: From the start of a process to its first answer.
        peak_mb: The most memory of that process.
        share_of_peak: Operations a second, as a share of those of a product of two matrices; None
            where that was not timed.
        over_baseline: Time over that of the baseline engine with the same network, median of the
            ratios of the rounds.
        over_first: Time over that of the first network with the same engine, likewise; None where
            that has images of another size.
        num_passes: That were timed.
        difference: Of the answer from JAX, relative to the largest value.
        share: Of the pixels or boxes that are as JAX says.
        problem: Why it was not timed.
    """

    network: str
    engine: str
    size_wh: tuple[int, int]
    thermal_size_wh: tuple[int, int]
    batch_size: int
    num_parameters: int | None
    gflop: float
    median_ms: float | None
    p95_ms: float | None
    pairs_per_s: float | None
    cold_start_s: float
    peak_mb: float | None
    share_of_peak: float | None
    over_baseline: float | None
    over_first: float | None
    num_passes: int
    difference: float | None
    share: float | None
    problem: str

    @property
    def place(self) -> str:
        """Network and sizes, as tables name them."""
        sizes = f"{self.size_wh[0]}x{self.size_wh[1]}"
        if self.thermal_size_wh not in ((0, 0), self.size_wh):
            sizes += f", thermal {self.thermal_size_wh[0]}x{self.thermal_size_wh[1]}"
        return f"{self.network}, {sizes}"


def make_rows(group: MeasuredGroup, baseline: str) -> list[Row]:
    """Compute the rows of what took turns.

    Args:
        group: The measurements.
        baseline: Name of the engine that others are compared with.
    """
    found = {(id(x.models), x.engine.name): x for x in group.measured}
    first = group.measured[0].models
    return [
        _make_row(
            one,
            group.peak_flops,
            found.get((id(one.models), baseline)),
            # Only networks at the same size are compared.
            found[id(first), one.engine.name] if one.models.size_wh == first.size_wh else None,
        )
        for one in group.measured
    ]


def _make_row(
    one: Measured, peak_flops: float | None, baseline: Measured | None, first: Measured | None
) -> Row:
    models = one.models
    is_timed = not one.problem
    seconds = np.concatenate(one.rounds) if is_timed else np.asarray([np.nan])
    median = float(np.median(seconds))
    gflop = models.get_gflop(one.engine)
    flops = 1e9 * gflop * models.batch_size / median
    return Row(
        network=models.name,
        engine=one.engine.name,
        size_wh=models.size_wh,
        thermal_size_wh=models.thermal_size_wh,
        batch_size=models.batch_size,
        num_parameters=models.num_parameters,
        gflop=gflop,
        median_ms=1e3 * median if is_timed else None,
        p95_ms=1e3 * float(np.quantile(seconds, 0.95)) if is_timed else None,
        pairs_per_s=models.batch_size / median if is_timed else None,
        cold_start_s=one.cold_start_s,
        peak_mb=None if one.peak_bytes is None else one.peak_bytes / 1e6,
        share_of_peak=flops / peak_flops if is_timed and peak_flops is not None else None,
        over_baseline=_compute_ratio(one, baseline),
        over_first=_compute_ratio(one, first),
        num_passes=len(seconds) if is_timed else 0,
        difference=one.difference,
        share=one.share,
        problem=one.problem,
    )


def _compute_ratio(one: Measured, other: Measured | None) -> float | None:
    if other is None or one.problem or other.problem:
        return None
    return float(np.median(one.medians / other.medians))


def format_tables(rows: Sequence[Row], baseline: str) -> str:
    """Format a table for each network and size, then what was not timed and why.

    Args:
        rows: All rows.
        baseline: Name of the engine that others are compared with.
    """
    tables: dict[str, list[Row]] = {}
    for row in rows:
        tables.setdefault(row.place, []).append(row)
    batch_sizes = list(dict.fromkeys(row.batch_size for row in rows))
    networks = list(dict.fromkeys(row.network for row in rows))
    parts = [
        _format_table(place, of_place, baseline, batch_sizes, networks)
        for place, of_place in tables.items()
    ]
    problems = dict.fromkeys(
        f"{row.place}, {row.engine}, batch {row.batch_size}: {row.problem}"
        for row in rows
        if row.problem
    )
    return "\n\n".join([*parts, "\n".join(problems)] if problems else parts)


def _format_table(
    place: str,
    rows: Sequence[Row],
    baseline: str,
    batch_sizes: Sequence[int],
    networks: Sequence[str],
) -> str:
    first_batch, *others = batch_sizes
    by_place = {(row.engine, row.batch_size): row for row in rows}
    shown = [row for row in rows if row.batch_size == first_batch and row.median_ms is not None]
    several = len(networks) > 1
    heading = ["engine", "GFLOP", "ms", "p95", f"pairs/s at {first_batch}"]
    heading += [f"at {batch}" for batch in others]
    heading += ["cold start s", "peak MB", "of peak", f"/ {baseline}"]
    heading += [f"/ {networks[0]}"] if several else []
    heading += ["difference", "agree"]
    lines = [heading]
    for row in shown:
        cells = [row.engine, f"{row.gflop:.1f}", _show(row.median_ms), _show(row.p95_ms)]
        cells.append(_show(row.pairs_per_s))
        for batch in others:
            other = by_place.get((row.engine, batch))
            cells.append(_show(other.pairs_per_s if other else None))
        cells += [
            f"{row.cold_start_s:.1f}",
            _show(row.peak_mb, ".0f"),
            _show(row.share_of_peak, ".0%"),
        ]
        cells.append(_show(row.over_baseline, ".2f"))
        cells += [_show(row.over_first, ".2f")] if several else []
        cells += [_show(row.difference, ".0e"), _show(row.share, ".2%")]
        lines.append(cells)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = []
    for name, *cells in lines:
        texts.append("  ".join([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]))
    count = rows[0].num_parameters
    parameters = "" if count is None else f", {count:,} parameters"
    return "\n".join([f"{place}, batch {first_batch}{parameters}", *texts])


def _show(value: float | None, form: str = ".1f") -> str:
    return "-" if value is None else format(value, form)


def to_dict(rows: Sequence[Row], peaks_flops: Sequence[float | None]) -> dict[str, Any]:
    """Return the table for programs.

    Args:
        rows: All rows.
        peaks_flops: Operations a second of the product of matrices, of each group; None where it
            was not timed.
    """
    return {
        "peak_gflop_per_s": [None if peak is None else peak / 1e9 for peak in peaks_flops],
        "rows": [asdict(row) for row in rows],
    }
