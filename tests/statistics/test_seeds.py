"""Means and paired differences over seeds, by hand and against scipy."""

import math

import numpy as np
import pytest
import scipy.stats

from mdjax.statistics.seeds import estimate_interval, estimate_mean, estimate_paired_difference


def test_mean_and_standard_error_of_three_seeds() -> None:
    """40, 42, 47: mean 43; deviations -3, -1, 4; variance (9 + 1 + 16) / 2 = 13."""
    estimate = estimate_mean([40.0, 42.0, 47.0])
    assert estimate.mean == pytest.approx(43.0)
    assert estimate.standard_error == pytest.approx(math.sqrt(13 / 3))
    assert str(estimate) == "43.00 ± 2.08"


def test_one_seed_has_no_error() -> None:
    estimate = estimate_mean([40.0])
    assert math.isnan(estimate.standard_error)
    assert str(estimate) == "40.00"
    assert str(estimate_mean([])) == "-"


def test_difference_is_that_of_the_paired_t_test() -> None:
    """t(0.975, 2) = 4.3027: 5 - 2, 6 - 3.5, 7 - 3.5 is 3 ± 4.3027 · 0.5 / √3."""
    ours, theirs = [5.0, 6.0, 7.0], [2.0, 3.5, 3.5]
    difference = estimate_paired_difference(ours, theirs)
    half = 4.3027 * 0.5 / math.sqrt(3)
    assert difference.points == pytest.approx(3.0)
    assert (difference.low, difference.high) == (
        pytest.approx(3 - half, rel=1e-4),
        pytest.approx(3 + half, rel=1e-4),
    )
    test = scipy.stats.ttest_rel(ours, theirs)
    assert difference.p_value == pytest.approx(test.pvalue)
    interval = test.confidence_interval(0.95)
    np.testing.assert_allclose((difference.low, difference.high), interval, rtol=1e-12)


def test_equal_differences_leave_no_doubt() -> None:
    assert estimate_paired_difference([1.0, 2.0], [0.0, 1.0]).p_value == 0.0
    assert estimate_paired_difference([1.0, 2.0], [1.0, 2.0]).p_value == 1.0


def test_one_seed_has_no_interval() -> None:
    difference = estimate_paired_difference([3.0], [1.0])
    assert difference.points == 2.0
    assert math.isnan(difference.low)
    assert math.isnan(difference.p_value)


def test_interval_of_a_score_is_that_of_students_t() -> None:
    """40, 42, 47: 43 ± 4.3027 · √(13 / 3); one seed has no interval, no seed no score."""
    interval = estimate_interval([40.0, 42.0, 47.0])
    assert interval.points == pytest.approx(43.0)
    assert interval.high - 43.0 == pytest.approx(4.3027 * math.sqrt(13 / 3), rel=1e-4)
    assert interval.low + interval.high == pytest.approx(86.0)
    one = estimate_interval([40.0])
    assert one.points == 40.0
    assert math.isnan(one.low)
    assert math.isnan(estimate_interval([]).points)
