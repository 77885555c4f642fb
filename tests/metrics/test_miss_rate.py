"""Log-average miss rate by hand, each rule about who is ignored, and its properties."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdjax.metrics.box_matching import ScoredBoxes, TrueBoxes
from mdjax.metrics.miss_rate import (
    FROM_20_PX,
    NEAR,
    REASONABLE,
    REASONABLE_DAY,
    REASONABLE_NIGHT,
    SUBSETS,
    MissRate,
    Rule,
    Subset,
    compute_miss_rates,
    find_ignored,
)
from tests.metrics.boxes import Xywh, make_random_image, make_scored, make_true

SIZE_HW = (512, 640)
PERSON = (100, 100, 20, 60)
OTHER_PERSON = (300, 100, 20, 60)
NOBODY = (500, 300, 20, 60)
EMPTY = (make_scored([], []), make_true([]))


def score(
    images: list[tuple[ScoredBoxes, TrueBoxes]],
    subset: Subset = REASONABLE,
    rule: Rule = "matlab",
    is_night: list[bool] | None = None,
) -> MissRate:
    detections, truths = zip(*images, strict=True)
    night = np.zeros(len(images), bool) if is_night is None else np.array(is_night)
    scores = compute_miss_rates(
        detections,
        truths,
        image_sizes_hw=[SIZE_HW] * len(images),
        is_night=night,
        subsets=[subset],
        rule=rule,
    )
    return scores[subset.name]


def ignore(true: TrueBoxes, subset: Subset, size_hw: tuple[int, int] = SIZE_HW) -> np.ndarray:
    return find_ignored(true, subset, np.array([size_hw] * len(true.is_ignored)))


def test_edges_are_those_of_each_image() -> None:
    """A person that ends at column 590 is 10 px from the edge of one image, beyond the other's."""
    images = [(make_scored([], []), make_true([(570, 100, 20, 60)]))] * 2
    detections, truths = zip(*images, strict=True)
    scores = compute_miss_rates(
        detections,
        truths,
        image_sizes_hw=[(512, 600), (512, 590)],
        is_night=np.zeros(2, bool),
        subsets=[REASONABLE],
    )
    assert scores["all"].num_boxes == 1


def make_images(seed: int, num_images: int) -> list[tuple[ScoredBoxes, TrueBoxes]]:
    """Random images four times as large, so that persons are 32 to 160 px high; no equal scores."""
    generator = np.random.default_rng(seed)
    images = [
        make_random_image(generator, int(generator.integers(6)), int(generator.integers(4)))
        for _ in range(num_images)
    ]
    num_scores = sum(len(detected.scores) for detected, _ in images)
    scores = iter(generator.permutation(num_scores) / 1000)
    return [
        (
            make_scored(list(4 * detected.boxes_xywh_px), [next(scores) for _ in detected.scores]),
            TrueBoxes(4 * true.boxes_xywh_px, true.is_ignored, true.occlusion),
        )
        for detected, true in images
    ]


# -- Who is ignored -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("box", "is_ignored"),
    [
        ((100, 100, 20, 55), False),
        ((100, 100, 20, 54), True),
        ((5, 100, 20, 60), False),
        ((4, 100, 20, 60), True),
        ((100, 5, 20, 60), False),
        ((100, 4, 20, 60), True),
        ((615, 100, 20, 60), False),  # ends at 635 = 640 - 5
        ((616, 100, 20, 60), True),
        ((100, 447, 20, 60), False),  # ends at 507 = 512 - 5
        ((100, 448, 20, 60), True),
    ],
)
def test_reasonable_person_is_55_px_high_and_5_px_from_each_edge(
    box: Xywh, is_ignored: bool
) -> None:
    np.testing.assert_array_equal(ignore(make_true([box]), REASONABLE), [is_ignored])


@pytest.mark.parametrize(("top", "is_ignored"), [(415, False), (416, True)])
def test_edge_follows_the_size_of_the_image(top: float, is_ignored: bool) -> None:
    """MSRS has 480 rows: 415 + 60 = 475 = 480 - 5."""
    true = make_true([(100, top, 20, 60)])
    np.testing.assert_array_equal(ignore(true, REASONABLE, (480, 640)), [is_ignored])


def test_reasonable_person_is_occluded_in_part_at_most() -> None:
    true = make_true([PERSON] * 3, occlusion=[0, 1, 2])
    np.testing.assert_array_equal(ignore(true, REASONABLE), [False, False, True])


def test_whoever_is_ignored_in_the_annotation_stays_ignored() -> None:
    true = make_true([PERSON, PERSON], [True, False])
    for subset in SUBSETS:
        assert ignore(true, subset)[0]


@pytest.mark.parametrize(
    ("name", "heights", "occlusions"),
    [
        ("near", {115, 116, 300}, {0}),
        ("medium", {45, 54, 55, 115}, {0}),
        ("far", {1, 19, 20, 44, 45}, {0}),
        ("occlusion_none", {1, 19, 20, 44, 45, 54, 55, 115, 116, 300}, {0}),
        ("occlusion_partial", {1, 19, 20, 44, 45, 54, 55, 115, 116, 300}, {1}),
        ("occlusion_heavy", {1, 19, 20, 44, 45, 54, 55, 115, 116, 300}, {2}),
        ("from_20_px", {20, 44, 45, 54, 55, 115, 116, 300}, {0, 1, 2}),
        ("all", {55, 115, 116, 300}, {0, 1}),
    ],
)
def test_subset_counts_its_heights_and_occlusions(
    name: str, heights: set[int], occlusions: set[int]
) -> None:
    """The limits belong to the subset: a person of 45 px is far and medium."""
    subset = next(subset for subset in SUBSETS if subset.name == name)
    cases = [
        (height, occlusion)
        for height in (1, 19, 20, 44, 45, 54, 55, 115, 116, 300)
        for occlusion in (0, 1, 2)
    ]
    true = make_true(
        [(100, 100, 20, height) for height, _ in cases],
        occlusion=[occlusion for _, occlusion in cases],
    )
    is_ignored = ignore(true, subset)
    counted = {case for case, ignored in zip(cases, is_ignored, strict=True) if not ignored}
    assert counted == {(height, occlusion) for height in heights for occlusion in occlusions}


# -- The number -----------------------------------------------------------------------------------


def test_log_average_miss_rate_by_hand() -> None:
    """Ten images, four persons; by score: found, false, found.

    FPPI 0, 0.1, 0.1 and miss rates 3/4, 3/4, 2/4. The references 10^-2 ... 10^-1.25 see 3/4, those
    from 10^-1 on 2/4: LAMR = (3/4)^(4/9) (2/4)^(5/9).
    """
    images = [
        (make_scored([PERSON, NOBODY], [0.9, 0.8]), make_true([PERSON, OTHER_PERSON])),
        (make_scored([PERSON], [0.7]), make_true([PERSON, OTHER_PERSON])),
        *[EMPTY] * 8,
    ]
    result = score(images)
    np.testing.assert_allclose(result.fppi, [0, 0.1, 0.1])
    np.testing.assert_allclose(result.miss_rate, [0.75, 0.75, 0.5])
    np.testing.assert_allclose(result.miss_rate_at_reference, [0.75] * 4 + [0.5] * 5)
    assert result.percent == pytest.approx(100 * 0.75 ** (4 / 9) * 0.5 ** (5 / 9))
    assert (result.num_images, result.num_boxes) == (10, 4)


def test_references_are_the_nine_of_the_benchmark() -> None:
    """10^-2 and 10^-1 must be hit exactly: 1 false positive in 100 images, 1 in 10."""
    reference = score([(make_scored([], []), make_true([PERSON]))]).reference_fppi
    assert reference[[0, 4, 8]].tolist() == [0.01, 0.1, 1.0]
    np.testing.assert_allclose(np.log10(reference), np.arange(-2, 0.1, 0.25))


def test_nothing_is_found_left_of_the_curve() -> None:
    """One image, false before found: FPPI 1, 1. Eight references see miss rate 1, the last 1/2."""
    images = [(make_scored([NOBODY, PERSON], [0.9, 0.8]), make_true([PERSON, OTHER_PERSON]))]
    result = score(images)
    np.testing.assert_allclose(result.miss_rate_at_reference, [1.0] * 8 + [0.5])
    assert result.percent == pytest.approx(100 * 0.5 ** (1 / 9))


def test_detector_that_finds_everyone_has_the_smallest_miss_rate() -> None:
    """The logarithm of 0 is replaced by that of 1e-10: 1e-8 percent."""
    images = [(make_scored([PERSON], [0.9]), make_true([PERSON]))]
    assert score(images).percent == pytest.approx(1e-8)


def test_detector_that_finds_nobody_misses_everyone() -> None:
    assert score([(make_scored([], []), make_true([PERSON]))]).percent == pytest.approx(100)


def test_subset_without_persons_has_no_score() -> None:
    result = score([(make_scored([PERSON], [0.9]), make_true([PERSON]))], NEAR)
    assert np.isnan(result.percent)
    assert (result.num_images, result.num_boxes, result.fppi.size) == (1, 0, 0)


def test_no_images_have_no_score() -> None:
    result = score([EMPTY], REASONABLE_NIGHT)
    assert np.isnan(result.percent)
    assert result.num_images == 0


def test_detection_of_an_ignored_person_counts_neither_way() -> None:
    """The small person is found and would be false: the score is as if she were not there."""
    small = (300, 100, 20, 40)
    with_small = make_scored([small, PERSON], [0.9, 0.8]), make_true([PERSON, small])
    result = score([with_small])
    np.testing.assert_array_equal(result.fppi, [0.0])
    np.testing.assert_array_equal(result.miss_rate, [0.0])
    assert result.num_boxes == 1
    # Where she counts, both are found.
    assert score([with_small], FROM_20_PX).num_boxes == 2


def test_day_and_night_take_their_images() -> None:
    """By day 1 of 1 is found, at night 0 of 2; all: 2/3 missed."""
    images = [
        (make_scored([PERSON], [0.9]), make_true([PERSON])),
        (make_scored([], []), make_true([PERSON, OTHER_PERSON])),
    ]
    is_night = [False, True]
    assert score(images, REASONABLE_DAY, is_night=is_night).percent == pytest.approx(1e-8)
    night = score(images, REASONABLE_NIGHT, is_night=is_night)
    assert (night.percent, night.num_images, night.num_boxes) == (pytest.approx(100), 1, 2)
    assert score(images, is_night=is_night).percent == pytest.approx(200 / 3)


def test_numbers_of_images_that_differ_are_named() -> None:
    with pytest.raises(ValueError, match="2 images have detections, 1 have ground truth, 1 are"):
        compute_miss_rates(
            [EMPTY[0]] * 2, [EMPTY[1]], image_sizes_hw=[SIZE_HW], is_night=np.array([False])
        )


# -- The Python rule ------------------------------------------------------------------------------


def test_python_rule_does_not_count_persons_of_images_without_detections() -> None:
    """Found: 1 of 2 in the first image; the second has one person and no detection.

    Matlab misses 2 of 3, Python 1 of 2. The third image only has a false positive of low score.
    """
    images = [
        (make_scored([PERSON], [0.9]), make_true([PERSON, OTHER_PERSON])),
        (make_scored([], []), make_true([PERSON])),
        (make_scored([NOBODY], [0.1]), make_true([])),
    ]
    matlab, python = score(images), score(images, rule="python")
    assert (matlab.percent, matlab.num_boxes) == (pytest.approx(200 / 3), 3)
    assert (python.percent, python.num_boxes) == (pytest.approx(50), 2)
    np.testing.assert_allclose(python.fppi, matlab.fppi)  # of three images in both


def test_python_rule_takes_the_best_1000_detections_of_an_image() -> None:
    """A thousand detections of a crowd, which do not count, come before that of the person."""
    boxes = [(300, 100, 20, 60)] * 1000 + [PERSON]
    scores = [0.9] * 1000 + [0.1]
    crowd = make_true([PERSON, (290, 90, 200, 200)], [False, True])
    images = [(make_scored(boxes, scores), crowd)]
    assert score(images).percent == pytest.approx(1e-8)
    assert score(images, rule="python").percent == pytest.approx(100)


def test_python_rule_rounds_the_references() -> None:
    """Five false in 281 images are FPPI 0.017794: beyond 10^-1.75 = 0.017783, not beyond 0.0178.

    They come before the one who is found, of two: two references see nothing, or one.
    """
    images = [
        (make_scored([NOBODY] * 5 + [PERSON], [0.9] * 5 + [0.8]), make_true([PERSON, OTHER_PERSON]))
    ]
    images += [EMPTY] * 280
    assert score(images).percent == pytest.approx(100 * 0.5 ** (7 / 9))
    assert score(images, rule="python").percent == pytest.approx(100 * 0.5 ** (8 / 9))


# -- Properties -----------------------------------------------------------------------------------


@settings(max_examples=40)
@given(seed=st.integers(0, 9999), false_score=st.floats(-1, 1), index=st.integers(0, 4))
def test_further_false_positive_never_lowers_the_miss_rate(
    seed: int, false_score: float, index: int
) -> None:
    """Of whatever score; also the lowest one, which may only lengthen the curve."""
    images = make_images(seed, 5)
    before = score(images, FROM_20_PX)
    detected, true = images[index]
    boxes = np.concatenate([detected.boxes_xywh_px, [[5000, 5000, 20, 60]]])
    images[index] = (ScoredBoxes(boxes, np.append(detected.scores, false_score)), true)
    after = score(images, FROM_20_PX)
    assert np.isnan(before.percent) or after.percent >= before.percent - 1e-9


@settings(max_examples=30)
@given(seed=st.integers(0, 9999), rule=st.sampled_from(["matlab", "python"]))
def test_order_of_images_does_not_matter(seed: int, rule: Rule) -> None:
    images = make_images(seed, 6)
    order = np.random.default_rng(seed).permutation(6)
    is_night = [False, True, True, False, True, False]
    for subset in (FROM_20_PX, REASONABLE_NIGHT):
        first = score(images, subset, rule, is_night)
        other = score([images[i] for i in order], subset, rule, [is_night[i] for i in order])
        np.testing.assert_allclose(other.percent, first.percent)
        np.testing.assert_array_equal(other.fppi, first.fppi)
        np.testing.assert_array_equal(other.miss_rate, first.miss_rate)


@settings(max_examples=30)
@given(seed=st.integers(0, 9999))
def test_only_the_order_of_scores_matters(seed: int) -> None:
    images = make_images(seed, 5)
    other = [(ScoredBoxes(d.boxes_xywh_px, np.exp(9 * d.scores) - 50), true) for d, true in images]
    np.testing.assert_allclose(score(other).percent, score(images).percent)


@settings(max_examples=30)
@given(seed=st.integers(0, 9999))
def test_curve_falls_and_the_rates_stay_in_their_ranges(seed: int) -> None:
    for result in (score(make_images(seed, 5), subset) for subset in SUBSETS):
        assert (np.diff(result.fppi) >= 0).all()
        assert (np.diff(result.miss_rate) <= 0).all()
        assert np.isnan(result.percent) or 0 < result.percent <= 100 + 1e-9


def test_miss_rate_needs_no_jax() -> None:
    code = (
        "import sys, mdjax.metrics.miss_rate, mdjax.metrics.average_precision\n"
        "print('jax' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"
