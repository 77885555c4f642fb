"""Tables in the paper's layout: numbers, dashes, published values and differences."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from mdjax.recipes import configure_synthetic
from mdjax.statistics.pooling import ImageScore
from mdjax.studies.comparison import Difference
from mdjax.studies.table import (
    Setting,
    Table,
    TableRow,
    describe_statistics,
    measure_table,
)


def pool(images: Sequence[Any]) -> float:
    return 100 * sum(right for right, _ in images) / sum(total for _, total in images)


SCORES = {"right": ImageScore(lambda image: image, pool)}
GAIN = Difference("ours", "theirs", "the gain")


def make_setting(num_folds: int) -> Setting:
    return Setting("here", configure_synthetic, SCORES, num_folds=num_folds)


def make_table(setting: Setting, scores: tuple[str, ...] = ("right",)) -> Table:
    return Table(
        name="table0",
        title="A table",
        headings=("method", "MD"),
        rows=(
            TableRow(("another's", ""), published={"right": "70"}),
            TableRow(("theirs", ""), "theirs", {"right": "50.0 ± 0.1"}),
            TableRow(("", "yes"), "ours", {"right": "60.0 ± 0.2"}, num_seeds=5),
            TableRow(("", "later"), "not yet"),
        ),
        scores=scores,
        differences=(GAIN, Difference("not yet", "ours", "what will be known later")),
        settings={"small": setting},
    )


# Means over seeds: theirs 50, ours 60 + 0, 10, 20; pooled over images 1 : 1 : 8 they are others.
IMAGES = {
    "theirs": {0: [(5, 10)], 1: [(5, 10)], 2: [(40, 80)]},
    "ours": {0: [(6, 10)], 1: [(7, 10)], 2: [(64, 80)]},
}


def read_cells(text: str, first: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_own_splits_give_means_over_seeds() -> None:
    """60, 70, 80: 70 ± 10 / √3; differences 10, 20, 30: t(0.975, 2) · 10 / √3 = 24.84."""
    setting = make_setting(0)
    text = measure_table(make_table(setting), setting, IMAGES).format_markdown("typed")
    assert read_cells(text, "theirs") == ["theirs", "", "3", "50.00 ± 0.00", "50.0 ± 0.1"]
    assert "|  | yes | 3 | 70.00 ± 5.77 | 60.0 ± 0.2 |" in text
    assert "| ours - theirs | the gain | 3 | +20.00 (-4.84 to +44.84) |" in text
    assert "not beyond the noise." in text
    assert "means over seeds on the test split; ± is the standard error;" in text


def test_folds_are_pooled() -> None:
    """Theirs 50 of 100, ours 77 of 100; each fold alone is better too."""
    setting = make_setting(3)
    measured = measure_table(make_table(setting), setting, IMAGES, num_draws=50)
    assert measured.estimates["ours", "right"].mean == pytest.approx(77.0)
    text = measured.format_markdown("typed")
    difference = next(line for line in text.splitlines() if line.startswith("| ours - theirs"))
    assert "| 3 | +27.00 (" in difference
    assert difference.endswith(", 3 of 3 |")
    assert "3-fold cross-validation" in text


def test_rows_of_fewer_seeds_are_marked_and_named() -> None:
    """Theirs has no second seed: its score is of other images than that of ours."""
    setting = make_setting(5)
    images = {**IMAGES, "theirs": {0: [(5, 10)], 2: [(40, 80)]}}
    measured = measure_table(make_table(setting), setting, images, num_draws=50)
    text = measured.format_markdown("typed")
    assert read_cells(text, "theirs")[2] == "2 of 3"
    assert "|  | yes | 3 | 77.00 ±" in text
    warning = (
        "Rows of other seeds were tested on other images; compare them by the differences below, "
        "which use the seeds that both rows have: theirs (2 of 3 seeds)."
    )
    assert f"\n\n{warning}\n\n| difference |" in text
    assert "5-fold cross-validation, test images of folds 0, 1 and 2 of 5 pooled;" in text
    values = measured.to_dict("typed")
    assert values["warning"] == warning
    assert [row["seeds"] for row in values["rows"]] == [(), (0, 2), (0, 1, 2), ()]

    own = make_setting(0)
    text = measure_table(make_table(own), own, images).format_markdown("typed")
    assert "Rows of other seeds are means over other trainings; compare them by the diff" in text


def test_rows_of_as_many_but_other_seeds_are_named_too() -> None:
    """There is no difference to look at then."""
    setting = make_setting(3)
    images = {"theirs": {0: [(5, 10)]}, "ours": {1: [(6, 10)]}}
    measured = measure_table(make_table(setting), setting, images, num_draws=50)
    assert measured.warning == (
        "Rows of other seeds were tested on other images: theirs (1 of 2 seeds), ours (1 of 2 "
        "seeds)."
    )


def test_equal_seeds_need_no_warning() -> None:
    setting = make_setting(3)
    measured = measure_table(make_table(setting), setting, IMAGES, num_draws=50)
    assert measured.warning == ""
    assert "\n\n\n" not in measured.format_markdown("typed")


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ([], "no fold tested yet"),
        ([3], "test images of fold 3 of 5"),
        ([1, 0], "test images of folds 0 and 1 of 5 pooled"),
        (range(5), "test images of all folds pooled"),
    ],
)
def test_folds_that_were_tested_are_said(seeds: Sequence[int], said: str) -> None:
    assert describe_statistics(make_setting(5), seeds) == f"5-fold cross-validation, {said}"


def test_what_is_published_or_missing_is_marked() -> None:
    setting = make_setting(0)
    text = measure_table(make_table(setting), setting, IMAGES).format_markdown("typed")
    assert read_cells(text, "another's") == ["another's", "", "", "", "70"]
    assert "|  | later | 0 | – |  |" in text  # noqa: RUF001
    assert "not yet - ours" not in text  # Nothing to say of it.


def test_scores_that_a_setting_lacks_have_no_column() -> None:
    setting = make_setting(0)
    table = make_table(setting, ("right", "of another task"))
    measured = measure_table(table, setting, IMAGES)
    assert measured.shown_scores == ["right"]
    assert "of another task" not in measured.format_markdown("typed")


def test_note_stands_between_the_rows_and_the_differences() -> None:
    setting = make_setting(0)
    table = replace(make_table(setting), note="Read this.")
    measured = measure_table(table, setting, IMAGES)
    assert "later | 0 | – |  |\n\nRead this.\n\n| difference |" in measured.format_markdown("typed")  # noqa: RUF001
    assert measured.to_dict("typed")["note"] == "Read this."


def test_values_are_there_for_programs() -> None:
    setting = make_setting(0)
    values = measure_table(make_table(setting), setting, IMAGES).to_dict("typed")
    row = values["rows"][2]
    assert row["row"] == "ours"
    assert row["measured"]["right"]["mean"] == pytest.approx(70.0)
    assert row["published"] == {"right": "60.0 ± 0.2"}
    assert values["differences"][0]["points"] == pytest.approx(20.0)
    assert values["command"] == "typed"


def test_most_seeds_that_a_line_asks_for_are_trained() -> None:
    assert make_table(make_setting(0)).num_seeds == {"theirs": 3, "ours": 5, "not yet": 3}
