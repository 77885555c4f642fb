"""Thermal images of 8 and 16 bits, and ranges of counts that leave nothing of them."""

import functools
import math
from pathlib import Path

import numpy as np
import pytest

from data_builders.checks.annotations import RawPair
from data_builders.kaist.labels import TEST_RULE
from data_builders.kaist.layout import KaistSplit, check_raw_kaist
from data_builders.msrs.layout import check_raw_msrs
from tests.data.factories import encode_png
from tests.data_builders.checks.small_pairs import check, make_object, make_pair
from tests.data_builders.raw_pairs import (
    get_problems,
    get_thermal,
    make_thermal_u16,
    write,
    write_annotations,
    write_kaist_pairs,
    write_list,
    write_msrs,
)


def _make_pairs(folder: Path, *thermal: np.ndarray) -> list[RawPair]:
    """Pairs a, b, ... with these thermal images, and a box each."""
    objects = (make_object((1.0, 1, 5, 5)),)
    pairs = [make_pair(folder, chr(97 + i), i, objects=objects) for i in range(len(thermal))]
    for pair, image in zip(pairs, thermal, strict=True):
        write(get_thermal(pair), encode_png(image))
    return pairs


def _make_u8(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (12, 16), np.uint8)


def test_16_bits_need_a_range(tmp_path: Path) -> None:
    pairs = {"test": _make_pairs(tmp_path, make_thermal_u16(0), make_thermal_u16(1))}
    remedy = (
        "has 16 bits; convert it to 8 bits, or give the counts that map to black and white: "
        "--thermal-range-counts {} {} (which holds 99 % of each image)."
    )
    counts = np.stack([make_thermal_u16(0), make_thermal_u16(1)]).reshape(2, -1)
    low, high = np.percentile(counts, [0.5, 99.5], axis=1)
    remedy = remedy.format(math.floor(low.min()), math.ceil(high.max()))
    assert get_problems(check, tmp_path, pairs) == [
        f"thermal/a.png: {remedy}",
        f"thermal/b.png: {remedy}",
    ]
    proposal = _take_suggestion(get_problems(check, tmp_path, pairs)[0])
    assert check(tmp_path, pairs, thermal_range_counts=proposal).warnings == ()
    checked = check(tmp_path, pairs, thermal_range_counts=(7000, 9000))
    assert checked.thermal_range_counts == (7000, 9000)
    assert checked.warnings == checked.notes == ()


@pytest.mark.parametrize("layout", ["kaist", "msrs"])
def test_16_bits_of_layouts_without_a_range_are_sent_to_one_that_has_it(
    tmp_path: Path, layout: str
) -> None:
    """Neither `prepare kaist` nor `prepare msrs` takes a range of counts."""
    if layout == "kaist":
        names = ["set00/V000/I00001", "set00/V000/I00003"]
        write_kaist_pairs(tmp_path, names)
        boxes = write_annotations(tmp_path / "a", {name: [] for name in names})
        split = KaistSplit(write_list(tmp_path / "list.txt", names), boxes, TEST_RULE)
        check_raw = functools.partial(check_raw_kaist, tmp_path, {"test": split})
    else:
        write_msrs(tmp_path, ["00001D"], ["00002N"])
        check_raw = functools.partial(check_raw_msrs, tmp_path, val_every=0)
    for i, path in enumerate([*tmp_path.glob("**/lwir/*.png"), *tmp_path.glob("*/ir/*.png")]):
        write(path, encode_png(make_thermal_u16(i)))
    for problem in get_problems(check_raw):
        assert "convert it to 8 bits, or prepare these images as a folder of your own" in problem


def test_8_bits_take_no_range(tmp_path: Path) -> None:
    pairs = {"test": _make_pairs(tmp_path, _make_u8(0), _make_u8(1))}
    problems = get_problems(check, tmp_path, pairs, thermal_range_counts=(0, 900))
    assert problems == [
        f"thermal/{name}.png: has 8 bits; omit --thermal-range-counts, which is for 16 bits, "
        "or give files of 16 bits."
        for name in "ab"
    ]
    assert check(tmp_path, pairs).warnings == ()


@pytest.mark.parametrize("count_range", [None, (7000, 9000)])
def test_of_two_depths_the_rarer_files_are_named_and_each_remedy_is_accepted(
    tmp_path: Path, count_range: tuple[int, int] | None
) -> None:
    """Left out, as 16 bits with a range, as 8 bits without one."""
    pairs = _make_pairs(tmp_path, make_thermal_u16(0), _make_u8(1), make_thermal_u16(2))
    (problem,) = get_problems(check, tmp_path, {"test": pairs}, thermal_range_counts=count_range)
    assert problem.startswith("thermal/b.png: has 8 bits, but 2 other thermal images have 16; ")
    assert "remove the pairs of one kind, or convert all to 8 bits" in problem
    assert ("and omit --thermal-range-counts" in problem) == (count_range is not None)
    if count_range is None:
        proposal = _take_suggestion(problem)
        assert check(tmp_path, {"test": [pairs[0], pairs[2]]}, thermal_range_counts=proposal)
    check(tmp_path, {"test": [pairs[0], pairs[2]]}, thermal_range_counts=(7000, 9000))
    write(get_thermal(pairs[1]), encode_png(make_thermal_u16(1)))
    check(tmp_path, {"test": pairs}, thermal_range_counts=(7000, 9000))
    check(tmp_path, {"test": _make_pairs(tmp_path, *map(_make_u8, range(3)))})


def _take_suggestion(text: str) -> tuple[int, int]:
    """MIN and MAX of the option that a message gives."""
    words = text.rpartition("--thermal-range-counts ")[2].split()
    return int(words[0]), int(words[1])


def test_range_that_most_counts_leave_is_refused_and_a_better_one_given(tmp_path: Path) -> None:
    """Counts 0, 300, ..., 191 * 300 = 57300: 0 alone lies in 0..255, 191 / 192 = 99.48 % outside.

    From 28650 on, 96 of 192 lie inside: that half is enough.
    """
    counts = 300 * np.arange(192, dtype=np.uint16).reshape(12, 16)
    pairs = {"test": _make_pairs(tmp_path, counts)}
    (problem,) = get_problems(check, tmp_path, pairs, thermal_range_counts=(0, 255))
    assert problem.startswith("99.48% of the thermal pixels lie outside the counts 0..255")
    assert "hold counts from 0 to 57300; give --thermal-range-counts " in problem
    checked = check(tmp_path, pairs, thermal_range_counts=(28650, 60000))
    assert checked.notes[0] == "50.00% of the thermal pixels lie outside the range of counts."
    checked = check(tmp_path, pairs, thermal_range_counts=_take_suggestion(problem))
    assert checked.warnings == ()


def test_range_that_cuts_off_more_than_2_percent_is_warned_of(tmp_path: Path) -> None:
    """3 of 192 pixels are 1.56 %, 4 are 2.08 %; the range that is then given has no warning."""
    counts = make_thermal_u16(1)
    counts[0, :3] = 9001
    pairs = {"test": _make_pairs(tmp_path, counts)}
    checked = check(tmp_path, pairs, thermal_range_counts=(7000, 9000))
    assert checked.warnings == ()
    assert checked.notes == ("1.56% of the thermal pixels lie outside the range of counts.",)
    counts[0, 3] = 9001
    pairs = {"test": _make_pairs(tmp_path, counts)}
    (warning,) = check(tmp_path, pairs, thermal_range_counts=(7000, 9000)).warnings
    assert warning.startswith("2.08% of the thermal pixels lie outside the counts 7000..9000 of ")
    checked = check(tmp_path, pairs, thermal_range_counts=_take_suggestion(warning))
    assert checked.warnings == ()


def test_range_that_leaves_few_grey_levels_is_warned_of(tmp_path: Path) -> None:
    """2000 counts in 0..65535 are 255 * 2000 / 65535 = 7.8 levels: of 7000 to 8999, 27 to 35.

    In 0..16000 they are 32 levels: 255 * 7000 / 16000 = 111.6 to 143.4, that is 112 to 143.
    """
    counts = (7000 + np.arange(2000, dtype=np.uint16)).reshape(40, 50)
    counts = np.pad(counts, ((0, 0), (0, 4)), constant_values=8000)
    pairs = {"test": _make_pairs(tmp_path, counts)}
    for pair in pairs["test"]:
        write(
            pair.visible,
            encode_png(np.random.default_rng(3).integers(0, 256, (40, 54, 3), np.uint8)),
        )
    (warning,) = check(tmp_path, pairs, thermal_range_counts=(0, 65535)).warnings
    assert "between the counts 0..65535 of --thermal-range-counts only 9 of 256 grey le" in warning
    checked = check(tmp_path, pairs, thermal_range_counts=_take_suggestion(warning))
    assert checked.warnings == ()
    assert check(tmp_path, pairs, thermal_range_counts=(0, 16000)).warnings == ()


@pytest.mark.parametrize("dead", [0, 65535])
def test_counts_without_a_measurement_decide_no_range(tmp_path: Path, dead: int) -> None:
    """Half of one image: without them the same range is proposed, and accepted."""
    whole = [make_thermal_u16(0), make_thermal_u16(1)]
    (with_all, _) = get_problems(check, tmp_path, {"test": _make_pairs(tmp_path, *whole)})
    holed = whole[1].copy()
    holed[::2] = dead
    pairs = {"test": _make_pairs(tmp_path, whole[0], holed)}
    problem = get_problems(check, tmp_path, pairs)[0]
    proposal = _take_suggestion(problem)
    assert proposal == pytest.approx(_take_suggestion(with_all), abs=40)
    told = (
        "25.00% of the thermal pixels, in 1 image, with counts of 0 or 65535 far from all others: "
        "no data, or saturated"
    )
    assert problem.endswith(f"(which holds 99 % of each image, but for {told}).")
    checked = check(tmp_path, pairs, thermal_range_counts=proposal)
    assert checked.warnings == (
        f"{told}; they become black or white, so look at some of these images.",
    )
    assert f"{told}." in checked.notes


def test_image_of_dead_counts_alone_decides_nothing(tmp_path: Path) -> None:
    """Nor does a range have to include them, or are they counted where it excludes most."""
    dead = [np.zeros((12, 16), np.uint16), np.full((12, 16), 65535, np.uint16)]
    pairs = {"test": _make_pairs(tmp_path, make_thermal_u16(0), *dead)}
    proposal = _take_suggestion(get_problems(check, tmp_path, pairs)[0])
    alone = {"test": _make_pairs(tmp_path, make_thermal_u16(0))}
    assert proposal == _take_suggestion(get_problems(check, tmp_path, alone)[0])
    pairs = {"test": _make_pairs(tmp_path, make_thermal_u16(0), *dead)}
    warnings = check(tmp_path, pairs, thermal_range_counts=proposal).warnings
    assert [warning.partition(",")[0] for warning in warnings] == [
        "66.67% of the thermal pixels",
        "2 thermal images of 3 are of one value everywhere (b",
    ]
    (problem,) = get_problems(check, tmp_path, pairs, thermal_range_counts=(50000, 60000))
    assert problem.startswith("100.00% of the thermal pixels lie outside the counts 50000..60000")


def test_black_and_white_that_end_a_scene_are_measurements(tmp_path: Path) -> None:
    """Counts from 0 to 65535 without a gap: the percentiles of all 192 are 0.955 steps inside."""
    counts = (343 * np.arange(192)).clip(0, 65535).astype(np.uint16).reshape(12, 16)
    pairs = {"test": _make_pairs(tmp_path, counts)}
    (problem,) = get_problems(check, tmp_path, pairs)
    assert _take_suggestion(problem) == (math.floor(0.955 * 343), math.ceil(190.045 * 343))
    assert "but for" not in problem


def test_range_that_was_given_is_no_remedy(tmp_path: Path) -> None:
    """Nineteen counts, and one count: no range makes more of them."""
    counts = (21000 + 100 * (np.arange(192, dtype=np.uint16) % 19)).reshape(12, 16)
    pairs = {"test": _make_pairs(tmp_path, counts)}
    proposal = _take_suggestion(get_problems(check, tmp_path, pairs)[0])
    (warning,) = check(tmp_path, pairs, thermal_range_counts=proposal).warnings
    assert "only 19 of 256 grey levels are in use, which leaves almost no contrast; the " in warning
    assert warning.endswith("the images hold few different counts, so look at some of them.")
    pairs = {"test": _make_pairs(tmp_path, np.full((12, 16), 21000, np.uint16))}
    (problem,) = get_problems(check, tmp_path, pairs)
    assert "MIN MAX (none can be proposed: nearly all pixels hold one count)" in problem
    warning, _ = check(tmp_path, pairs, thermal_range_counts=(21000, 21001)).warnings
    assert warning.endswith("the images hold few different counts, so look at some of them.")


def test_8_bits_of_few_grey_levels_are_warned_of(tmp_path: Path) -> None:
    counts = np.arange(192, dtype=np.uint8).reshape(12, 16)
    (warning,) = check(tmp_path, {"test": _make_pairs(tmp_path, counts % 31)}).warnings
    assert warning.startswith("the thermal images use only 31 of 256 grey levels; export them")
    assert check(tmp_path, {"test": _make_pairs(tmp_path, counts % 32)}).warnings == ()
