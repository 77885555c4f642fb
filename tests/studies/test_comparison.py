import math
from dataclasses import replace

import pytest

from mdjax.runs.results import RunResult
from mdjax.studies.comparison import (
    Difference,
    Estimate,
    describe_difference,
    describe_table,
    estimate_difference,
    estimate_mean,
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


def test_mean_and_standard_error_of_three_seeds() -> None:
    """40, 42, 47: mean 43; deviations -3, -1, 4; variance (9 + 1 + 16) / 2 = 13.

    Standard error sqrt(13 / 3) = 2.0817; t(0.975, 2) = 4.3027, so half the interval is 8.957.
    """
    estimate = estimate_mean([40.0, 42.0, 47.0])
    assert estimate.mean == pytest.approx(43.0)
    assert estimate.standard_error == pytest.approx(math.sqrt(13 / 3))
    assert estimate.half_interval == pytest.approx(4.3027 * math.sqrt(13 / 3), rel=1e-4)
    assert str(estimate) == "43.00 ± 2.08"


def test_one_seed_has_no_error() -> None:
    estimate = estimate_mean([40.0])
    assert math.isnan(estimate.standard_error)
    assert math.isnan(estimate.half_interval)
    assert str(estimate) == "40.00"


def test_difference_is_paired_by_seed() -> None:
    """Both rise by 10 a seed, but the difference is 2, 3, 4: its error is 1 / sqrt(3)."""
    results = {
        "distilled": {seed: make_result(score) for seed, score in enumerate((12.0, 23.0, 34.0))},
        "student": {seed: make_result(score) for seed, score in enumerate((10.0, 20.0, 30.0))},
    }
    gain = estimate_difference(GAIN, results, split="test", metric=METRIC)
    assert gain.mean == pytest.approx(3.0)
    assert gain.standard_error == pytest.approx(1 / math.sqrt(3))


def test_difference_is_over_the_seeds_that_both_rows_have() -> None:
    """Seeds 1 and 2 of 0..2 and 1..3: 23 - 20 and 34 - 30."""
    results = {
        "distilled": {seed: make_result(s) for seed, s in enumerate((12.0, 23.0, 34.0))},
        "student": {seed: make_result(s) for seed, s in ((3, 99.0), (2, 30.0), (1, 20.0))},
    }
    gain = estimate_difference(GAIN, results, split="test", metric=METRIC)
    assert (gain.mean, gain.num_seeds) == (3.5, 2)
    nothing = {"distilled": results["distilled"], "student": {}}
    gain = estimate_difference(GAIN, nothing, split="test", metric=METRIC)
    assert math.isnan(gain.mean)


@pytest.mark.parametrize(
    ("mean", "is_lower_better", "verdict"),
    [(-5.0, True, "better"), (5.0, True, "worse"), (-5.0, False, "worse"), (5.0, False, "better")],
)
def test_fewer_mistakes_are_better(mean: float, is_lower_better: bool, verdict: str) -> None:
    """Half the interval of three seeds is 4.3 times the standard error, 0.43 here."""
    gain = Estimate(mean, standard_error=0.1, num_seeds=3)
    text = describe_difference(GAIN, gain, "miss rate", is_lower_better=is_lower_better)
    assert text.endswith(f": {verdict}, beyond the noise.")


@pytest.mark.parametrize(
    ("mean", "verdict"),
    [
        (5.0, "better, beyond the noise."),
        (-5.0, "worse, beyond the noise."),
        (4.0, "not beyond the noise."),
        (-4.0, "not beyond the noise."),
        (0.0, "not beyond the noise."),
    ],
)
def test_verdict_follows_from_the_interval(mean: float, verdict: str) -> None:
    """Standard error 1 over three seeds: the interval is the mean ± 4.30."""
    text = describe_difference(GAIN, Estimate(mean, 1.0, 3), METRIC)
    assert text.endswith(f": {verdict}")
    head = "distilled - student (what distillation gives): "
    assert text.startswith(f"{head}{mean:+.2f} points of {METRIC}")
    assert f"over 3 seeds: {mean - 4.3027:+.2f} to {mean + 4.3027:+.2f}" in text


def test_score_of_nothing_gives_no_verdict() -> None:
    gain = estimate_mean([math.nan] * 3)
    text = describe_difference(GAIN, gain, METRIC)
    assert text.endswith(f"{METRIC} has nothing to be measured on.")
    assert str(gain) == "-"


def test_one_seed_gives_no_verdict() -> None:
    text = describe_difference(GAIN, estimate_mean([3.0]), METRIC)
    assert text.endswith("one seed says nothing about the noise.")
    assert "better" not in text


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
    text = describe_table({"x": {0: result, 1: result}, "y": {0: result}}, split="test")
    assert text == (
        "Percent, mean ± standard error over 2 seeds; split test, checkpoint last (step 4), "
        "network at 128x96, 40 images, pixels at 640x480."
    )
