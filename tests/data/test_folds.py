"""Folds: each pair is tested once, and each fold has its share of everything."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdjax.data.folds import Folds, deal_into_folds, split_by_fold
from mdjax.data.source import SplitSource
from mdjax.types import MdjaxError


def make_source(split: str, names: list[str]) -> SplitSource:
    records: Any = [{"name": name.encode(), "is_night": name.endswith("N")} for name in names]
    return SplitSource(records, "set:1.0.0", split, ("name", "is_night"), {})


def get_names(source: SplitSource) -> list[str]:
    return [source[i]["name"].decode() for i in range(len(source))]


def test_pairs_are_dealt_by_time_and_name() -> None:
    """Day first: 1D 2D 4D get folds 0 1 0, then 3N 5N get 1 0."""
    names = ["5N", "1D", "2D", "3N", "4D"]
    folds = deal_into_folds(names, [name.endswith("N") for name in names], 2)
    assert dict(zip(names, folds.tolist(), strict=True)) == {
        "1D": 0,
        "2D": 1,
        "4D": 0,
        "3N": 1,
        "5N": 0,
    }


@given(is_night=st.lists(st.booleans(), min_size=5, max_size=60), num_folds=st.integers(2, 5))
def test_folds_are_of_one_size_and_have_their_share_of_night(
    is_night: list[bool], num_folds: int
) -> None:
    names = [f"{i:05d}" for i in range(len(is_night))]
    folds = deal_into_folds(names, is_night, num_folds)
    sizes = np.bincount(folds, minlength=num_folds)
    nights = np.bincount(folds[np.array(is_night)], minlength=num_folds)
    assert sizes.max() - sizes.min() <= 1
    assert nights.max() - nights.min() <= 1


def test_each_pair_is_tested_once_and_never_trained_on_then() -> None:
    sources = [
        make_source("train", ["1D", "2N", "3D", "7N"]),
        make_source("val", ["4N"]),
        make_source("test", ["5D", "6D"]),
    ]
    tested = []
    for fold in range(3):
        train, test = split_by_fold(sources, Folds(3, fold))
        assert (train.split, test.split) == ("train", "test")
        assert train.dataset_name == "set:1.0.0"
        assert not set(get_names(train)) & set(get_names(test))
        assert len(train) + len(test) == 7
        tested += get_names(test)
    assert sorted(tested) == ["1D", "2N", "3D", "4N", "5D", "6D", "7N"]


def test_too_few_pairs_are_refused() -> None:
    with pytest.raises(MdjaxError, match="has 2 pairs, too few for 5 folds"):
        split_by_fold([make_source("train", ["1D", "2D"])], Folds(5))


@pytest.mark.parametrize(
    ("values", "name"),
    [((1, 0), "num_folds"), ((-2, 0), "num_folds"), ((3, 3), "tested"), ((0, 1), "tested")],
)
def test_impossible_folds_are_refused(values: tuple[int, int], name: str) -> None:
    with pytest.raises(MdjaxError, match=f"{name} is"):
        Folds(*values)
