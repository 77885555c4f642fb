"""How far outputs differ: by hand."""

import numpy as np
import pytest

from mdjax.export.measuring import compare_outputs


def test_difference_is_relative_to_the_largest_value() -> None:
    """2.002 instead of 2 where 4 is the largest: 0.0005; the other output differs by 1 of 100."""
    expected = [np.asarray([2.0, -4.0]), np.asarray([100.0])]
    found = [np.asarray([2.002, -4.0]), np.asarray([99.0])]
    assert compare_outputs(expected, found) == pytest.approx(0.01)
    assert compare_outputs(expected, [found[0], expected[1]]) == pytest.approx(0.0005)


@pytest.mark.parametrize("index", [0, 1])
def test_difference_from_no_number_is_no_number(index: int) -> None:
    """In any output, not only in the first one."""
    expected = [np.asarray([1.0]), np.asarray([2.0])]
    found = list(expected)
    found[index] = np.asarray([np.nan])
    assert np.isnan(compare_outputs(expected, found))
