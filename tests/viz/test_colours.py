"""Colours of classes: one each, for any number of classes."""

import pytest

from mdjax.viz.colours import create_palette


@pytest.mark.parametrize("num_classes", [1, 2, 9, 10, 40])
def test_every_class_has_its_own_colour(num_classes: int) -> None:
    palette = create_palette(num_classes)
    assert len(palette) == len(set(palette)) == num_classes
    assert palette[0] == (0, 0, 0)
