"""Differences over pooled test images: the score of all, and an interval that respects pairing."""

from collections.abc import Sequence

import numpy as np
import pytest

from mdjax.studies.pooling import PooledResults, estimate_pooled_difference


def compute_share(images: Sequence[tuple[int, int]]) -> float:
    """Right pixels of all pixels: no mean of the images' own shares."""
    return 100 * sum(right for right, _ in images) / sum(total for _, total in images)


def test_images_of_all_seeds_are_scored_together() -> None:
    """Ours (1 + 8)/(1 + 9) = 90 %, theirs (0 + 6)/10 = 60 %; means of shares would be 94 and 33."""
    results = PooledResults(
        {"ours": {0: [(1, 1)], 1: [(8, 9)]}, "theirs": {0: [(0, 1)], 1: [(6, 9)]}}
    )
    difference = estimate_pooled_difference(results, "ours", "theirs", compute_share, num_draws=50)
    assert difference.points == pytest.approx(30.0)
    assert (difference.num_seeds, difference.num_images) == (2, 2)


def test_interval_leaves_out_what_both_rows_share() -> None:
    """Images of very different difficulty, of each of which ours gets one pixel of 100 more."""
    rng = np.random.default_rng(0)
    theirs = {seed: [(int(n), 100) for n in rng.integers(0, 99, 8)] for seed in range(4)}
    ours = {seed: [(n + 1, total) for n, total in images] for seed, images in theirs.items()}
    difference = estimate_pooled_difference(
        PooledResults({"ours": ours, "theirs": theirs}),
        "ours",
        "theirs",
        compute_share,
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
    difference = estimate_pooled_difference(
        PooledResults({"ours": ours, "theirs": theirs}), "ours", "theirs", compute_share
    )
    assert 3.0 < difference.high - difference.low < 8.0
    assert difference.low < difference.points < difference.high


def test_seeds_that_only_one_row_has_do_not_count() -> None:
    results = PooledResults({"ours": {0: [(1, 2)], 1: [(2, 2)]}, "theirs": {1: [(1, 2)]}})
    difference = estimate_pooled_difference(results, "ours", "theirs", compute_share, num_draws=9)
    assert (difference.points, difference.num_seeds) == (50.0, 1)
    nothing = PooledResults({"ours": {0: [(1, 2)]}, "theirs": {}})
    assert np.isnan(estimate_pooled_difference(nothing, "ours", "theirs", compute_share).points)


def test_other_images_are_refused() -> None:
    results = PooledResults({"ours": {0: [(1, 2)]}, "theirs": {0: [(1, 2)] * 2}})
    with pytest.raises(ValueError, match="were tested on different images"):
        estimate_pooled_difference(results, "ours", "theirs", compute_share)
