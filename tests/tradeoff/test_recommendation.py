"""Which camera is good enough, and what is said of it: the rule on numbers made by hand."""

import math
from typing import Any

from mdjax.statistics.interval import Interval
from mdjax.tradeoff.recommendation import Candidate, Recommendation, recommend

NOT_MEASURED = Interval(math.nan, math.nan, math.nan, 0)


def decide(**losses: Interval) -> Recommendation:
    return decide_with({}, **losses)


def decide_with(options: dict[str, Any], **losses: Interval) -> Recommendation:
    candidates = [Candidate(name, loss) for name, loss in losses.items()]
    settings = {"network": "distilled", "score": "mAcc all", "within": 2.0, "by": "coarsest"}
    return recommend(candidates, **{**settings, **options})


def get_camera(candidate: Candidate | None) -> str | None:
    return candidate and candidate.camera


def test_first_camera_within_is_chosen_and_the_interval_supports_it() -> None:
    found = decide(
        none=Interval(-6.0, -8.0, -4.0, 3),
        coarse=Interval(-0.5, -1.5, 0.5, 3),
        fine=Interval(0.2, -0.3, 0.7, 3),
    )
    assert get_camera(found.chosen) == get_camera(found.supported) == "coarse"
    assert str(found) == (
        "The coarsest camera within 2 points of the full one: coarse, distilled, -0.5 points of "
        "mAcc all (-1.5 to +0.5); its whole interval is."
    )


def test_estimate_within_whose_interval_reaches_further_says_so() -> None:
    found = decide(coarse=Interval(-1.2, -3.0, 0.6, 3), fine=Interval(-0.1, -0.9, 0.7, 3))
    assert get_camera(found.chosen) == "coarse"
    assert get_camera(found.supported) == "fine"
    assert str(found) == (
        "The coarsest camera within 2 points of the full one: coarse, distilled, -1.2 points of "
        "mAcc all (-3.0 to +0.6); only the estimate is, its interval reaches further. With the "
        "whole interval: fine, -0.1 points of mAcc all (-0.9 to +0.7)."
    )
    alone = decide(coarse=Interval(-1.2, -3.0, 0.6, 3))
    assert str(alone).endswith("reaches further, and so does that of every other camera.")


def test_camera_at_the_limit_is_within() -> None:
    assert decide(coarse=Interval(-2.0, -2.0, -2.0, 3)).supported
    assert not decide(coarse=Interval(-2.01, -2.01, -2.01, 3)).chosen


def test_no_camera_within_names_the_nearest() -> None:
    found = decide(none=Interval(-9.0, -11.0, -7.0, 3), coarse=Interval(-4.5, -6.0, -3.0, 3))
    assert found.chosen is None
    assert str(found) == (
        "No camera is within 2 points of the full one, distilled; the nearest: coarse, -4.5 points "
        "of mAcc all (-6.0 to -3.0)."
    )


def test_score_that_counts_mistakes_may_rise_by_so_much() -> None:
    options = {"is_lower_better": True, "score": "MR all"}
    losses = {
        "none": Interval(6.0, 4.0, 8.0, 3),
        "coarse": Interval(1.5, -0.5, 3.5, 3),
        "fine": Interval(-3.0, -4.0, -1.0, 3),
    }
    found = decide_with(options, **losses)
    assert get_camera(found.chosen) == "coarse"
    assert get_camera(found.supported) == "fine"
    assert get_camera(found.nearest) == "fine"


def test_fewer_than_three_seeds_support_nothing() -> None:
    found = decide(coarse=Interval(-0.1, -0.2, 0.0, 2))
    assert found.supported is None
    assert str(found).endswith("only the estimate is: 3 seeds are needed to judge it.")
    one = decide(coarse=Interval(-0.1, math.nan, math.nan, 1))
    assert "distilled, -0.1 points of mAcc all; only the estimate" in str(one)


def test_cameras_that_are_not_measured_are_passed_over() -> None:
    found = decide(none=NOT_MEASURED, fine=Interval(-0.1, -0.2, 0.0, 3))
    assert get_camera(found.chosen) == "fine"
    nothing = decide(none=NOT_MEASURED)
    assert nothing.nearest is None
    assert "No camera can be compared with the full one yet" in str(nothing)


# -- A coarse camera that is within while a finer one is not ---------------------------------------
def test_finer_cameras_that_are_not_within_are_told() -> None:
    found = decide(
        none=Interval(-5.4, -8.0, -3.0, 3),
        coarse=Interval(-1.7, -2.9, -0.5, 3),
        middle=Interval(-4.9, -7.2, -1.0, 3),
        fine=Interval(-5.0, -8.4, -1.3, 3),
    )
    assert get_camera(found.chosen) == "coarse"
    assert [x.camera for x in found.contradicting] == ["middle", "fine"]
    assert str(found).endswith(
        "and so does that of every other camera. But middle and fine, which have more pixels, are "
        "not within: this is no trend."
    )


def test_dearer_camera_that_is_not_within_is_told() -> None:
    found = decide_with(
        {"by": "cheapest"},
        cheap=Interval(-0.5, -1.5, 0.5, 3),
        middle=Interval(-0.4, -1.5, 0.5, 3),
        dear=Interval(-2.5, -3.0, -2.0, 3),
        lost=NOT_MEASURED,
    )
    assert str(found).endswith(
        "its whole interval is. But dear, which costs more, is not within: this is no trend."
    )


def test_coarser_cameras_that_are_not_within_contradict_nothing() -> None:
    found = decide(
        none=Interval(-6.0, -8.0, -4.0, 3),
        coarse=Interval(-0.5, -1.5, 0.5, 3),
        fine=Interval(-2.0, -2.2, -1.8, 3),
    )
    assert found.contradicting == ()
    assert "no trend" not in str(found)
    assert decide(none=Interval(-6.0, -8.0, -4.0, 3)).contradicting == ()
