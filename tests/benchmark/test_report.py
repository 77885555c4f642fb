"""Ratios, tables and figures of a benchmark, from times that are made up."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mdjax.benchmark.engine import ENGINES, PRODUCT
from mdjax.benchmark.figure import check_sizes, draw_costs
from mdjax.benchmark.measuring import Measured, MeasuredGroup
from mdjax.benchmark.models import Models
from mdjax.benchmark.report import format_tables, make_rows, to_dict
from mdjax.types import MdjaxError

PEAK = 1e11
"""Operations a second of the product."""
PRODUCT_SECONDS = 2 * 2048**3 / PEAK


def make_models(name: str, size_wh: tuple[int, int] = (64, 48), batch_size: int = 1) -> Models:
    return Models(
        name=name,
        jobs={},
        absent={},
        expected={},
        head_name="logits",
        num_parameters=1_000,
        gflop_trained=2.0,
        gflop_simplified=1.0,
        size_wh=size_wh,
        thermal_size_wh=(16, 12),
        batch_size=batch_size,
    )


def measure(models: Models, engine: str, *rounds: list[float], **facts: Any) -> Measured:
    return Measured(models, ENGINES[engine], list(rounds), 1.5, 2e8, **facts)


def make_group(*measured: Measured) -> MeasuredGroup:
    product = Measured(make_models(""), PRODUCT, [[PRODUCT_SECONDS]] * 3)
    return MeasuredGroup(measured, product)


def test_ratios_are_medians_of_the_rounds() -> None:
    """A machine twice as slow in one round slows both: 1/2 in each, whatever the medians say."""
    teacher, student = make_models("teacher"), make_models("student")
    group = make_group(
        measure(teacher, "jax", [0.2, 0.2], [0.4, 0.4], [0.2, 0.2]),
        measure(teacher, "onnx", [0.1, 0.1], [0.2, 0.2], [0.3, 0.3]),
        measure(student, "jax", [0.1, 0.1], [0.2, 0.2], [0.1, 0.1]),
        measure(student, "onnx", [0.05, 0.05], [0.1, 0.1], [0.04, 0.04]),
    )
    rows = make_rows(group, "jax")
    assert [row.over_baseline for row in rows] == pytest.approx([1, 0.5, 1, 0.5])
    assert [row.over_first for row in rows] == pytest.approx([1, 1, 0.5, 0.5])
    assert rows[0].median_ms == pytest.approx(200)
    assert rows[0].p95_ms == pytest.approx(400)
    assert rows[0].num_passes == 6


def test_share_of_the_peak_counts_what_the_engine_computes() -> None:
    """JAX runs 2 GFLOP of each of 4 pairs in 0.16 s: 50 of 100 GFLOP/s; ONNX 1 GFLOP in 0.08 s."""
    models = make_models("student", batch_size=4)
    rows = make_rows(
        make_group(measure(models, "jax", [0.16, 0.16]), measure(models, "onnx", [0.08, 0.08])),
        "onnx",
    )
    assert [row.share_of_peak for row in rows] == pytest.approx([0.5, 0.5])
    assert [row.pairs_per_s for row in rows] == pytest.approx([25, 50])
    assert rows[0].over_baseline == pytest.approx(2)


def test_what_was_not_timed_is_said_below_the_table() -> None:
    models = make_models("student")
    problem = "onnx failed: no such file"
    rows = make_rows(
        make_group(measure(models, "jax", [0.2, 0.2]), measure(models, "onnx", problem=problem)),
        "onnx",
    )
    assert (rows[1].median_ms, rows[0].over_baseline, rows[1].over_first) == (None, None, None)
    text = format_tables(rows, "onnx")
    heading, titles, line, *rest = text.splitlines()
    assert heading == "student, 64x48, thermal 16x12, batch 1, 1,000 parameters"
    assert titles.split()[:3] == ["engine", "GFLOP", "ms"]
    assert line.split()[:4] == ["jax", "2.0", "200.0", "200.0"]
    assert rest == ["", f"student, 64x48, thermal 16x12, onnx, batch 1: {problem}"]


def test_larger_batches_have_a_column() -> None:
    rows = [
        row
        for batch_size, seconds in ((1, 0.2), (8, 0.8))
        for row in make_rows(
            make_group(
                measure(make_models("student", batch_size=batch_size), "jax", [seconds, seconds])
            ),
            "jax",
        )
    ]
    text = format_tables(rows, "jax")
    assert "pairs/s at 1  at 8" in text
    assert text.splitlines()[2].split()[4:6] == ["5.0", "10.0"]
    assert to_dict(rows, [PEAK])["rows"][1]["batch_size"] == 8


def test_networks_of_other_sizes_are_not_compared() -> None:
    rows = make_rows(
        make_group(
            measure(make_models("teacher", (64, 48)), "jax", [0.2, 0.2]),
            measure(make_models("student", (32, 24)), "jax", [0.1, 0.1]),
        ),
        "jax",
    )
    assert [row.over_first for row in rows] == [1.0, None]


def test_without_a_product_there_is_no_share_of_the_peak() -> None:
    timed = measure(make_models("student"), "jax", [0.1, 0.1])
    failed = Measured(make_models(""), PRODUCT, problem="matrix product failed")
    group = MeasuredGroup([timed], failed)
    assert group.peak_flops is None
    rows = make_rows(group, "jax")
    assert (rows[0].share_of_peak, rows[0].median_ms) == (None, pytest.approx(100))
    assert to_dict(rows, [group.peak_flops])["peak_gflop_per_s"] == [None]


def test_figure_has_a_line_for_each_engine(tmp_path: Path) -> None:
    rows = []
    for size_wh, seconds in (((32, 24), 0.01), ((64, 48), 0.04)):
        models = make_models("student", size_wh)
        rows += make_rows(make_group(measure(models, "jax", [seconds, seconds])), "jax")
    draw_costs(rows, tmp_path / "costs.png")
    image = cv2.imread(str(tmp_path / "costs.png"))
    assert image is not None
    blue, _, red = np.moveaxis(image.astype(int), -1, 0)
    assert (blue - red > 100).any(axis=0).sum() > 200  # From the first size to the second.
    with pytest.raises(MdjaxError, match="needs networks at two sizes or more"):
        draw_costs(rows[:1], tmp_path / "one.png")
    failed = make_rows(make_group(measure(make_models("student"), "jax", problem="failed")), "jax")
    with pytest.raises(MdjaxError, match="no engine was timed"):
        draw_costs(failed, tmp_path / "one.png")
    assert not (tmp_path / "one.png").exists()


def test_sizes_of_one_camera_are_enough_for_a_figure() -> None:
    """The other network takes no thermal image, which is no size of one."""
    path = Path("costs.png")
    check_sizes([((64, 48), (16, 12)), ((64, 48), (64, 48))], path)
    check_sizes([((64, 48), (16, 12)), ((32, 24), (16, 12))], path)
    with pytest.raises(MdjaxError, match=r"costs\.png: a plot over pixels needs networks at two"):
        check_sizes([((64, 48), (16, 12)), ((64, 48), (0, 0))], path)
