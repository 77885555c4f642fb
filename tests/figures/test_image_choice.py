"""Which images a picture shows, by hand."""

import numpy as np
import pytest

from mdjax.figures.image_choice import (
    ChosenImage,
    ImageChoice,
    choose_by_improvement,
    choose_fullest,
)
from mdjax.types import MdjaxError


def test_fullest_images_are_chosen_half_of_them_at_night() -> None:
    contents = np.array([1.0, 5.0, 5.0, 9.0, 0.0, 7.0])
    is_night = np.array([False, False, False, True, True, True])
    assert choose_fullest(contents, is_night, 4) == [1, 2, 3, 5]
    assert choose_fullest(contents, is_night, 2) == [1, 3]
    assert choose_fullest(contents, np.zeros(6, bool), 4) == [3, 5]


def choose(improvements: list[float], num_each: int) -> ImageChoice:
    """Of images that score 0.5 by the other network."""
    baseline = np.full(len(improvements), 0.5)
    distilled = baseline + np.array(improvements)
    return choose_by_improvement(baseline, distilled, np.zeros(len(improvements), bool), num_each)


def test_most_improved_median_and_most_worsened_images_are_chosen() -> None:
    """Ranking: 6 (0.4), 0 (0.3), 3 (0.2), 5 (0.1), 1 (0), 4 (-0.1), 2 (-0.2); the median is 5."""
    is_night = np.arange(7) % 2 == 1
    baseline = np.array([0.2, 0.5, 0.6, 0.1, 0.9, 0.3, 0.0])
    distilled = np.array([0.5, 0.5, 0.4, 0.3, 0.8, 0.4, 0.4])
    choice = choose_by_improvement(baseline, distilled, is_night, 1)
    assert choice == ImageChoice(
        (
            ChosenImage(6, False, "most improved", 1, 0.0, 0.4),
            ChosenImage(5, True, "median", 4, 0.3, 0.4),
            ChosenImage(2, False, "most worsened", 7, 0.6, 0.4),
        ),
        num_ranked=7,
        num_without_truth=0,
    )
    # Two of each: the median's begin (7 - 2) // 2 = 2 after the first.
    choice = choose_by_improvement(baseline, distilled, is_night, 2)
    assert [image.index for image in choice.images] == [6, 0, 3, 5, 4, 2]
    assert [image.rank for image in choice.images] == [1, 2, 3, 4, 6, 7]


def test_of_equal_improvements_the_lower_index_ranks_first() -> None:
    choice = choose([0.0, 0.1, 0.0, 0.1, 0.0, 0.0, 0.0], 2)
    assert [image.index for image in choice.images] == [1, 3, 0, 2, 5, 6]


def test_every_image_is_shown_once_where_there_are_few() -> None:
    assert [image.index for image in choose([0.1, 0.2, 0.3], 5).images] == [2, 1, 0]
    choice = choose([0.1, 0.2, 0.3, 0.0, 0.4], 2)  # a third of five is one
    assert [image.index for image in choice.images] == [4, 1, 3]


def test_images_without_truth_are_left_out_and_counted() -> None:
    choice = choose([0.1, np.nan, 0.3, np.nan, 0.2], 1)
    assert [image.index for image in choice.images] == [2, 4, 0]
    assert (choice.num_ranked, choice.num_without_truth) == (3, 2)


def test_too_few_images_are_told() -> None:
    with pytest.raises(MdjaxError, match="2 of 3 test images have something to be found"):
        choose([0.1, np.nan, 0.3], 1)
    with pytest.raises(MdjaxError, match="num_each is 0; give 1 or more"):
        choose([0.1, 0.2, 0.3], 0)
