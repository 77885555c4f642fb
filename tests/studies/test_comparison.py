import math
from dataclasses import replace

import pytest

from mdjax.runs.results import RunResult
from mdjax.studies.comparison import (
    Difference,
    describe_table,
    estimate_difference,
    format_comparison,
)

METRIC = "mean_iou_9/all"
GAIN = Difference("distilled", "student", "what distillation gives")


def make_result(score: float, *, num_parameters: int = 1_000_000) -> RunResult:
    return RunResult(
        run_dir="run",
        network="ImageLevel",
        num_parameters=num_parameters,
        num_steps=4,
        main_metric=METRIC,
        scores={"test": {METRIC: score, "mean_accuracy_9/night": 2 * score}},
        tables={},
        environment={},
    )


def test_difference_is_paired_by_seed() -> None:
    """Both rise by 10 a seed, but the difference is 2, 3, 4: 3 ± t(0.975, 2) / √3."""
    results = {
        "distilled": {seed: make_result(score) for seed, score in enumerate((12.0, 23.0, 34.0))},
        "student": {seed: make_result(score) for seed, score in enumerate((10.0, 20.0, 30.0))},
    }
    gain = estimate_difference(GAIN, results, split="test", metric=METRIC)
    assert gain.points == pytest.approx(3.0)
    assert gain.high == pytest.approx(3 + 4.3027 / math.sqrt(3), rel=1e-4)


def test_difference_is_over_the_seeds_that_both_rows_have() -> None:
    """Seeds 1 and 2 of 0..2 and 1..3: 23 - 20 and 34 - 30."""
    results = {
        "distilled": {seed: make_result(s) for seed, s in enumerate((12.0, 23.0, 34.0))},
        "student": {seed: make_result(s) for seed, s in ((3, 99.0), (2, 30.0), (1, 20.0))},
    }
    gain = estimate_difference(GAIN, results, split="test", metric=METRIC)
    assert (gain.points, gain.num_seeds) == (3.5, 2)
    nothing = {"distilled": results["distilled"], "student": {}}
    gain = estimate_difference(GAIN, nothing, split="test", metric=METRIC)
    assert math.isnan(gain.points)


def test_table_is_markdown_with_a_row_a_network() -> None:
    table = format_comparison(
        {
            "teacher": {0: make_result(50.0, num_parameters=2_345_678), 1: make_result(54.0)},
            "native": {0: make_result(40.0), 1: make_result(40.0)},
            "failed": {},
        },
        split="test",
        metrics={METRIC: "mIoU all", "mean_accuracy_9/night": "mAcc night"},
        milliseconds={"teacher": 12.34},
    )
    header, rule, teacher, native, failed = table.splitlines()
    assert [cell.strip() for cell in header.strip("|").split("|")] == [
        *("network", "mIoU all", "mAcc night", "parameters", "ms / image")
    ]
    assert set(rule) == {"|", "-"}
    # 50 and 54: standard deviation sqrt(8), error sqrt(8 / 2) = 2; the doubled metric has 4.
    assert [cell.strip() for cell in teacher.strip("|").split("|")] == [
        *("teacher", "52.00 ± 2.00", "104.00 ± 4.00", "2.35 M", "12.3")
    ]
    assert [cell.strip() for cell in native.strip("|").split("|")] == [
        *("native", "40.00 ± 0.00", "80.00 ± 0.00", "1.00 M", "")
    ]
    assert [cell.strip() for cell in failed.strip("|").split("|")] == [
        *("failed", "-", "-", "-", "")
    ]
    assert len({len(line) for line in table.splitlines()}) == 1


def test_table_without_times_has_no_column_for_them() -> None:
    table = format_comparison({"x": {0: make_result(1.0)}}, split="test", metrics={METRIC: "mIoU"})
    assert "ms / image" not in table


def test_table_says_what_was_measured() -> None:
    result = replace(
        make_result(1.0), image_size_hw=(96, 128), scored={"test": "40 images, pixels at 640x480"}
    )
    by_seed = {0: result, 1: result}
    for rows, seeds in (
        ({"x": by_seed, "y": by_seed}, "2 seeds"),
        ({"x": by_seed, "y": {0: result}}, "2 seeds (y 1)"),
    ):
        assert describe_table(rows, split="test") == (
            f"Percent, mean ± standard error over {seeds}; split test, checkpoint last (step 4), "
            "network at 128x96, 40 images, pixels at 640x480."
        )
