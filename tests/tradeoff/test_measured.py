"""Losses against the full camera and gains by distillation, on images scored by hand."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from mdjax.recipes import configure_synthetic
from mdjax.statistics.pooling import ImageScore, Rows
from mdjax.studies.table import Setting
from mdjax.tradeoff.measured import MeasuredTradeoff, measure_tradeoff
from mdjax.tradeoff.recommendation import Recommendation
from mdjax.tradeoff.report import TradeoffReport
from mdjax.tradeoff.rows import declare_tradeoff
from mdjax.tradeoff.sensors import list_sensors

SENSORS = list_sensors(["none", "16x"], (32, 48))


def pool(images: Sequence[Any]) -> float:
    return sum(images) / len(images)


SCORE = ImageScore(lambda image: image, pool)
SCORES = {f"right {time}": SCORE for time in ("all", "day", "night")}
IMAGES = {
    "teacher": {0: [50.0], 1: [52.0], 2: [54.0]},
    "visible-only": {0: [30.0], 1: [31.0], 2: [32.0]},
    "native": {0: [40.0], 1: [39.0], 2: [44.0]},
    "native-full": {0: [41.0], 1: [41.0], 2: [44.0]},
    "distilled": {0: [43.0], 1: [43.0], 2: [46.0]},
    "distilled-full": {0: [46.0], 1: [47.0], 2: [51.0]},
}


def measure(
    *,
    prices: tuple[float | None, ...] = (None, None, None),
    lower: tuple[str, ...] = (),
    images: Rows[float] = IMAGES,
) -> MeasuredTradeoff:
    sensors = [replace(x, price=price) for x, price in zip(SENSORS, prices, strict=True)]
    setting = Setting("here", configure_synthetic, SCORES, lower)
    return measure_tradeoff(declare_tradeoff(configure_synthetic, sensors, []), setting, images)


def get_cameras(found: Recommendation) -> list[str | None]:
    return [x and x.camera for x in (found.chosen, found.supported, found.nearest)]


def test_losses_and_gains_are_paired_by_seed() -> None:
    """Native: -1, -2, 0 against full, distilled: -3, -4, -5; distilled - native at 16x: 3, 4, 2."""
    measured = measure()
    loss = measured.sizes.losses["native", "right all"]
    assert loss.points == pytest.approx(-1.0)
    assert loss.low == pytest.approx(-1 - 4.3027 / 3**0.5, rel=1e-4)
    assert measured.sizes.losses["distilled", "right all"].points == pytest.approx(-4.0)
    gain = measured.sizes.gains["16x (12x8)"]
    assert gain.points == pytest.approx(3.0)
    assert gain.num_compared == 2  # There is no distilled student without a camera yet.
    assert measured.teacher["right all"].points == pytest.approx(52.0)


def make_report(measured: MeasuredTradeoff) -> TradeoffReport:
    return TradeoffReport(measured, (32, 48), [], None, None, "mdjax tradeoff x")


def test_all_rows_are_scored_on_the_seeds_that_every_trained_row_has() -> None:
    """Native with 16x lacks seed 1: the others lose it too, though they have a score of it."""
    images = {**IMAGES, "native": {0: [40.0], 2: [44.0]}, "distilled-none": {}}
    measured = measure(images=images)
    assert measured.seeds == (0, 2)
    assert measured.left_out_seeds == (1,)
    assert measured.teacher["right all"].points == pytest.approx(52.0)
    assert measured.teacher["right all"].num_seeds == 2
    full = measured.sizes.scores["native-full", "right all"]
    assert (full.points, full.num_seeds) == (pytest.approx(42.5), 2)
    assert measured.sizes.losses["distilled", "right all"].points == pytest.approx(-4.0)
    report = make_report(measured)
    said = "1 seed (1) that some of these rows lack is left out of all of them, the teacher's too."
    assert f"Ranges are 95 % intervals. {said}\n" in report.format_markdown()
    assert report.to_dict()["left_out_seeds"] == (1,)
    assert "left out" not in make_report(measure()).format_markdown()


def test_rows_without_a_common_seed_have_no_scores() -> None:
    measured = measure(images={**IMAGES, "native": {3: [40.0]}})
    assert measured.left_out_seeds == (0, 1, 2, 3)
    assert measured.teacher["right all"].num_seeds == 0
    text = make_report(measured).format_markdown()
    assert "| full (48x32) | 1,536 | teacher | 0 | – | – | – |  |" in text  # noqa: RUF001
    assert "4 seeds (0, 1, 2, 3) that some of these rows lack are left out" in text


def test_each_network_is_compared_with_itself() -> None:
    measured = measure()
    assert get_cameras(measured.recommend("native", 2.0)) == ["16x (12x8)", None, "16x (12x8)"]
    assert get_cameras(measured.recommend("distilled", 2.0)) == [None, None, "16x (12x8)"]
    found = measured.recommend("distilled", 4.0)
    assert str(found).startswith("The coarsest camera within 4 points of the full one: 16x (12x8)")


def test_score_that_counts_mistakes_is_better_without_a_camera() -> None:
    measured = measure(lower=("right all",))
    assert measured.recommend("native", 2.0).chosen == measured.recommend("native", 2.0).nearest
    assert get_cameras(measured.recommend("native", 2.0))[0] == "no thermal camera"


def test_prices_order_the_cameras_and_leave_out_dearer_ones() -> None:
    found = measure(prices=(0.0, 350.0, 900.0)).recommend("native", 2.0)
    assert str(found).startswith(
        "The cheapest camera within 2 points of the full one: 16x (12x8) for 350, native"
    )
    dear = measure(prices=(0.0, 950.0, 900.0)).recommend("native", 2.0)
    assert get_cameras(dear) == [None, None, "no thermal camera"]


def test_report_has_a_dash_for_what_is_not_trained() -> None:
    measured = measure(prices=(0.0, 350.0, None))
    report = make_report(measured)
    text = report.format_markdown()
    head = "| camera | pixels | price | network | seeds | right day | right night | right all | "
    assert head in text
    row = "| no thermal camera | 0 | 0 | native (visible-only) | 3 | 31.00 (28.52 to 33.48) |"
    assert row in text
    assert "| no thermal camera | 0 | 0 | distilled | 0 | – | – | – | – |" in text  # noqa: RUF001
    assert "| full (48x32) | 1,536 | – | native | 3 |" in text  # noqa: RUF001
    values = report.to_dict()
    assert [x["name"] for x in values["cameras"]] == ["none", "16x", "full"]
    assert values["cameras"][1]["networks"]["native"]["losses"]["right all"]["points"] == -1.0
