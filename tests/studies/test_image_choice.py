"""Which images a picture shows, by hand."""

import numpy as np

from mdjax.studies.image_choice import choose_fullest


def test_fullest_images_are_chosen_half_of_them_at_night() -> None:
    contents = np.array([1.0, 5.0, 5.0, 9.0, 0.0, 7.0])
    is_night = np.array([False, False, False, True, True, True])
    assert choose_fullest(contents, is_night, 4) == [1, 2, 3, 5]
    assert choose_fullest(contents, is_night, 2) == [1, 3]
    assert choose_fullest(contents, np.zeros(6, bool), 4) == [3, 5]
