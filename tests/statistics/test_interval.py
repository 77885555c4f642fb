"""The word for a difference, its sentence, and Holm's correction."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdjax.statistics.interval import (
    Interval,
    Word,
    correct_by_holm,
    count_needed_draws,
    format_points,
)
from mdjax.statistics.seeds import estimate_paired_difference


@pytest.mark.parametrize(
    ("low", "high", "num_seeds", "is_lower_better", "word"),
    [
        (0.5, 4.0, 3, False, "better"),
        (0.5, 4.0, 3, True, "worse"),
        (-4.0, -0.5, 5, True, "better"),
        (-4.0, -0.5, 5, False, "worse"),
        (-0.5, 4.0, 5, False, "open"),
        (0.5, 4.0, 2, False, "open"),
        (math.nan, math.nan, 0, False, "open"),
    ],
)
def test_interval_is_judged_by_its_ends(
    low: float, high: float, num_seeds: int, is_lower_better: bool, word: Word
) -> None:
    interval = Interval((low + high) / 2, low, high, num_seeds)
    assert interval.judge(is_lower_better=is_lower_better) == word


def test_corrected_p_value_may_open_what_the_interval_decides() -> None:
    assert Interval(2.0, 0.5, 3.5, 5, p_value=0.02).judge() == "better"
    assert Interval(2.0, 0.5, 3.5, 5, p_value=0.06, num_compared=3).judge() == "open"


@pytest.mark.parametrize(
    ("interval", "is_lower_better", "end"),
    [
        (
            Interval(5.0, 0.7, 9.3, 3, 0.04),
            False,
            "+5.00 points of MR (95 % interval over 3 seeds: +0.70 to +9.30): better, beyond the "
            "noise.",
        ),
        (
            Interval(5.0, 0.7, 9.3, 3, 0.03, 2),
            True,
            "+5.00 points of MR (95 % interval over 3 seeds: +0.70 to +9.30; p 0.030 among 2 "
            "comparisons): worse, beyond the noise.",
        ),
        (
            Interval(4.0, -0.3, 8.3, 3, 0.06),
            False,
            "+4.00 points of MR (95 % interval over 3 seeds: -0.30 to +8.30): not beyond the "
            "noise.",
        ),
        (
            Interval(4.0, 3.0, 5.0, 2, 0.01),
            False,
            "+4.00 points of MR (95 % interval over 2 seeds: +3.00 to +5.00): 3 seeds are needed "
            "to judge it.",
        ),
        (
            Interval(4.0, 3.0, 5.0, 1, 0.01),
            False,
            "+4.00 points of MR (95 % interval over the images of 1 seed: +3.00 to +5.00): 3 seeds "
            "are needed to judge it.",
        ),
        (
            Interval(-0.001, -0.004, 0.3, 3, 0.9),
            False,
            "0.00 points of MR (95 % interval over 3 seeds: 0.00 to +0.30): not beyond the noise.",
        ),
        (
            estimate_paired_difference([3.0], [1.0]),
            False,
            "+2.00 points of MR; one seed says nothing about the noise.",
        ),
        (
            estimate_paired_difference([math.nan] * 3, [1.0, 2.0, 3.0]),
            False,
            "MR has nothing to be measured on.",
        ),
        (estimate_paired_difference([], []), False, "MR has nothing to be measured on."),
    ],
)
def test_sentence_says_what_the_difference_is_worth(
    interval: Interval, is_lower_better: bool, end: str
) -> None:
    assert interval.describe("a - b", "MR", is_lower_better=is_lower_better) == f"a - b: {end}"


@pytest.mark.parametrize(
    ("points", "num_decimals", "text"),
    [
        (-0.004, 2, "0.00"),
        (0.004, 2, "0.00"),
        (-0.006, 2, "-0.01"),
        (-0.04, 1, "0.0"),
        (12.0, 1, "+12.0"),
    ],
)
def test_difference_that_rounds_to_zero_has_no_sign(
    points: float, num_decimals: int, text: str
) -> None:
    assert format_points(points, num_decimals) == text


def make(p_value: float) -> Interval:
    return Interval(1.0, 0.0, 2.0, 5, p_value)


def test_holm_by_hand() -> None:
    """Sorted .01, .02, .03, .04: 4·.01 = .04, 3·.02 = .06, 2·.03 = .06, then .04 rises to .06."""
    found = correct_by_holm([make(p) for p in (0.04, 0.01, 0.03, 0.02)])
    assert [x.p_value for x in found] == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert {x.num_compared for x in found} == {4}


def test_what_is_not_measured_is_not_counted() -> None:
    found = correct_by_holm([make(0.02), make(math.nan), make(0.5)])
    assert found[0].p_value == pytest.approx(0.04)
    assert math.isnan(found[1].p_value)
    assert found[1].num_compared == 1


@given(st.lists(st.floats(0, 1), max_size=8))
def test_correction_keeps_the_order_and_lowers_nothing(p_values: list[float]) -> None:
    found = [x.p_value for x in correct_by_holm([make(p) for p in p_values])]
    assert all(p <= corrected <= 1 for p, corrected in zip(p_values, found, strict=True))
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    assert [found[i] for i in order] == sorted(found)


@pytest.mark.parametrize("num_compared", [1, 2, 7, 25, 100])
def test_so_many_draws_and_no_fewer_can_decide(num_compared: int) -> None:
    """Seven differences: 7 * 2 / 280 = 0.05 is enough, 7 * 2 / 279 is not."""
    num_draws = count_needed_draws(num_compared)

    def decide(num_draws: int) -> Word:
        smallest = [make(2 / (num_draws + 1))] * num_compared
        return replace(correct_by_holm(smallest)[0], low=0.5).judge()

    assert [decide(num_draws), decide(num_draws - 1)] == ["better", "open"]
