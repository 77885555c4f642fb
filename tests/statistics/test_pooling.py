"""Differences over pooled test images: the score of all, and an interval that respects pairing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from mdjax.statistics.pooling import ImageScore, PairedBootstrap, PooledDifference, Rows


def pool_pixels(images: Sequence[tuple[int, int]]) -> float:
    """Right pixels of all pixels: no mean of the images' own shares."""
    return 100 * sum(right for right, _ in images) / sum(total for _, total in images)


SHARE = ImageScore(lambda image: image, pool_pixels)


def subtract(
    rows: Rows[Any],
    minuend: str,
    subtrahend: str,
    score: ImageScore[Any, Any] = SHARE,
    *,
    num_draws: int = 2_000,
) -> PooledDifference:
    bootstrap = PairedBootstrap(rows, score, num_draws=num_draws)
    return bootstrap.estimate_difference(minuend, subtrahend)


def test_images_of_all_seeds_are_scored_together() -> None:
    """Ours (1 + 8)/(1 + 9) = 90 %, theirs (0 + 6)/10 = 60 %; means of shares would be 94 and 33."""
    results = {"ours": {0: [(1, 1)], 1: [(8, 9)]}, "theirs": {0: [(0, 1)], 1: [(6, 9)]}}
    difference = subtract(results, "ours", "theirs", num_draws=50)
    assert difference.points == pytest.approx(30.0)
    assert (difference.num_seeds, difference.num_images) == (2, 2)


def test_interval_leaves_out_what_both_rows_share() -> None:
    """Images of very different difficulty, of each of which ours gets one pixel of 100 more."""
    rng = np.random.default_rng(0)
    theirs = {seed: [(int(n), 100) for n in rng.integers(0, 99, 8)] for seed in range(4)}
    ours = {seed: [(n + 1, total) for n, total in images] for seed, images in theirs.items()}
    difference = subtract(
        {"ours": ours, "theirs": theirs},
        "ours",
        "theirs",
        num_draws=100,
    )
    assert difference.points == pytest.approx(1.0)
    assert difference.low == pytest.approx(1.0)
    assert difference.high == pytest.approx(1.0)


def test_interval_has_the_width_of_the_noise() -> None:
    """Differences of ±10 points an image over 4 · 25 images: ±1.96 · 10 / √100 = ±2 at least."""
    rng = np.random.default_rng(1)
    theirs = {seed: [(50, 100)] * 25 for seed in range(4)}
    ours = {
        seed: [(50 + int(sign) * 10, 100) for sign in rng.choice([-1, 1], 25)] for seed in range(4)
    }
    difference = subtract({"ours": ours, "theirs": theirs}, "ours", "theirs", SHARE)
    assert 3.0 < difference.high - difference.low < 8.0
    assert difference.low < difference.points < difference.high


def test_seeds_that_only_one_row_has_do_not_count() -> None:
    results = {"ours": {0: [(1, 2)], 1: [(2, 2)]}, "theirs": {1: [(1, 2)]}}
    difference = subtract(results, "ours", "theirs", num_draws=9)
    assert (difference.points, difference.num_seeds) == (50.0, 1)
    nothing = {"ours": {0: [(1, 2)]}, "theirs": {}}
    assert np.isnan(subtract(nothing, "ours", "theirs").points)


def test_other_images_are_refused() -> None:
    results = {"ours": {0: [(1, 2)]}, "theirs": {0: [(1, 2)] * 2}}
    with pytest.raises(ValueError, match="were tested on different images"):
        subtract(results, "ours", "theirs")


def test_images_that_are_not_of_the_subset_are_left_out_of_each_draw() -> None:
    """Only even numbers are read; where a draw has none, it does not count."""
    even = ImageScore[int, int](
        lambda number: number if number % 2 == 0 else None,
        lambda numbers: float(sum(numbers)) / len(numbers),
    )
    assert even.compute([1, 2, 4]) == 3.0
    assert np.isnan(even.compute([1, 3]))
    results = {"ours": {0: [1, 4, 4]}, "theirs": {0: [1, 2, 2]}}
    difference = subtract(results, "ours", "theirs", even, num_draws=99)
    assert (difference.points, difference.low, difference.high) == (2.0, 2.0, 2.0)


def test_seeds_that_agree_are_counted() -> None:
    """Two seeds are better by 40 and 20 points, one is worse by 10, one is equal."""
    ours = {0: [(9, 10), (9, 10)], 1: [(7, 10)], 2: [(4, 10)], 3: [(5, 10)]}
    rows = {"a": ours, "b": {seed: [(5, 10)] * len(images) for seed, images in ours.items()}}
    found = subtract(rows, "a", "b", num_draws=10)
    assert (found.points, found.num_agreeing, found.num_seeds) == (pytest.approx(18.0), 2, 4)
    assert subtract(rows, "b", "a", num_draws=10).num_agreeing == 2


def test_p_value_counts_the_draws_of_the_rarer_sign() -> None:
    """Better by 10 points in every image: no draw of 99 is at most 0, so 2 (1 + 0) / (1 + 99)."""
    rows = {"a": {0: [(6, 10)], 1: [(6, 10)]}, "b": {0: [(5, 10)], 1: [(5, 10)]}}
    assert subtract(rows, "a", "b", num_draws=99).p_value == pytest.approx(0.02)
    assert subtract(rows, "b", "a", num_draws=99).p_value == pytest.approx(0.02)
    assert subtract(rows, "a", "a", num_draws=99).p_value == 1.0


def test_score_of_a_row_has_the_error_of_its_draws() -> None:
    """1 or 0 in each of 2 · 50 images: √(½ · ½ / 100) = 5 points; seeds alike add nothing."""
    images = [(1, 1), (0, 1)] * 25
    bootstrap = PairedBootstrap({"a": {0: images, 1: images}, "b": {}}, SHARE)
    estimate = bootstrap.estimate_score("a")
    assert (estimate.mean, estimate.num_seeds) == (50.0, 2)
    assert estimate.standard_error == pytest.approx(5.0, rel=0.1)
    assert np.isnan(bootstrap.estimate_score("b").mean)
    assert np.isnan(bootstrap.estimate_score("never trained").mean)


def test_interval_of_a_score_holds_it_and_one_seed_has_none() -> None:
    """Four seeds of 25 images, half of them right: 50 ± 1.96 · 50 / √100 or a little more."""
    images = [(0, 1), (1, 1)] * 12 + [(1, 2)]
    rows = {"ours": dict.fromkeys(range(4), images), "one": {0: images}}
    bootstrap = PairedBootstrap(rows, SHARE, num_draws=1_000)
    interval = bootstrap.estimate_interval("ours")
    assert interval.points == pytest.approx(50.0)
    assert 35 < interval.low < 43
    assert 57 < interval.high < 65
    assert interval.num_seeds == 4
    one = bootstrap.estimate_interval("one")
    assert one.points == pytest.approx(50.0)
    assert np.isnan(one.low)
    assert bootstrap.estimate_interval("nobody").num_seeds == 0


def test_score_without_any_image_has_neither_difference_nor_interval() -> None:
    nothing = ImageScore(lambda image: None, pool_pixels)
    rows = {"ours": {0: [(1, 1)], 1: [(1, 1)]}, "theirs": {0: [(0, 1)], 1: [(1, 1)]}}
    bootstrap = PairedBootstrap(rows, nothing, num_draws=10)
    assert np.isnan(bootstrap.estimate_interval("ours").points)
    assert np.isnan(bootstrap.estimate_difference("ours", "theirs").p_value)
