"""Scores from one integer confusion matrix, by hand."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdjax.metrics.confusion import SegmentationScores, count_confusions, predict_labels

# Six pixels of one image; the last label is ignored.
LABELS_U8 = np.array([[0, 0, 1], [1, 2, 255]], np.uint8)
PREDICTIONS = np.array([[0, 1, 1], [1, 0, 2]])
CONFUSION = np.array([[1, 1, 0], [0, 2, 0], [1, 0, 0]])
NAMES = ("unlabelled", "car", "person")


def create_image(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Predictions and labels, some of them ignored."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 4, (5, 6)).astype(np.uint8)
    labels[labels == 3] = 255
    return generator.integers(0, 3, (5, 6)), labels


def test_confusions_are_counted_by_true_and_predicted_class() -> None:
    """0→0, 0→1, 1→1, 1→1, 2→0; the ignored pixel counts nowhere."""
    counts = count_confusions(PREDICTIONS, LABELS_U8, 3)
    np.testing.assert_array_equal(counts, CONFUSION)


def test_class_accuracy_and_iou_follow_from_the_counts() -> None:
    """Accuracy TP/(TP + FN): 1/2, 2/2, 0/1. IoU TP/(TP + FP + FN): 1/3, 2/3, 0/1."""
    scores = SegmentationScores(CONFUSION)
    np.testing.assert_allclose(scores.class_accuracy, [0.5, 1.0, 0.0])
    np.testing.assert_allclose(scores.class_iou, [1 / 3, 2 / 3, 0.0])


def test_means_are_given_with_and_without_unlabelled() -> None:
    """Accuracy (½ + 1 + 0)/3 = 50 % and (1 + 0)/2 = 50 %; IoU 1/3 and (2/3 + 0)/2 = 1/3."""
    percent = SegmentationScores(CONFUSION).to_percent(NAMES)
    assert percent["mean_accuracy_3"] == pytest.approx(50.0)
    assert percent["mean_accuracy_2"] == pytest.approx(50.0)
    assert percent["mean_iou_3"] == pytest.approx(100 / 3)
    assert percent["mean_iou_2"] == pytest.approx(100 / 3)
    assert percent["num_classes"] == 3
    assert percent["accuracy/car"] == pytest.approx(100.0)
    assert percent["iou/car"] == pytest.approx(200 / 3)


def test_absent_class_is_not_averaged_and_the_number_is_told() -> None:
    """Class 2 never occurs: accuracy (1/2 + 1)/2 over 2 classes, not (1/2 + 1 + 0)/3."""
    confusion = np.array([[1, 1, 0], [0, 2, 0], [0, 0, 0]])
    scores = SegmentationScores(confusion)
    percent = scores.to_percent(NAMES)
    assert percent["mean_accuracy_3"] == pytest.approx(75.0)
    assert percent["mean_accuracy_2"] == pytest.approx(100.0)
    assert scores.num_classes_present == 2
    assert percent["num_classes"] == 2
    assert np.isnan(percent["accuracy/person"])


def test_class_that_is_only_predicted_lowers_the_others_alone() -> None:
    """Two of four pixels of class 0 go to class 2, which never occurs: IoU 2/4 for class 0."""
    scores = SegmentationScores(np.array([[2, 0, 2], [0, 1, 0], [0, 0, 0]]))
    np.testing.assert_allclose(scores.class_iou, [0.5, 1.0, np.nan])
    assert scores.to_percent(NAMES)["mean_iou_3"] == pytest.approx(75.0)


def test_nine_classes_give_nine_and_eight_class_means() -> None:
    """Only class 0 is wrong, half of it: (½ + 8)/9 = 94.44 % and 100 %."""
    confusion = np.diag(np.full(9, 4))
    confusion[0, 0], confusion[0, 1] = 2, 2
    percent = SegmentationScores(confusion).to_percent([f"class{i}" for i in range(9)])
    assert percent["mean_accuracy_9"] == pytest.approx(850 / 9)
    assert percent["mean_accuracy_8"] == pytest.approx(100.0)
    # Class 1 takes two false positives: IoU 4/6; class 0: 2/4.
    assert percent["mean_iou_8"] == pytest.approx(100 * (7 + 2 / 3) / 8)
    assert percent["mean_iou_9"] == pytest.approx(100 * (7 + 2 / 3 + 1 / 2) / 9)


def test_scores_of_nothing_are_not_a_number() -> None:
    percent = SegmentationScores(np.zeros((3, 3), np.int64)).to_percent(NAMES)
    assert np.isnan(percent["mean_accuracy_3"])
    assert percent["num_classes"] == 0


def test_mean_over_the_set_is_not_the_mean_over_batches() -> None:
    """Class 1: 1 of 1 in the first batch, 0 of 3 in the second: 25 % of the set, not 50 %."""
    first, second = np.array([[0, 0], [0, 1]]), np.array([[0, 0], [3, 0]])
    assert SegmentationScores(first + second).class_accuracy[1] == pytest.approx(0.25)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 999))
def test_counts_are_those_of_a_loop_over_pixels(seed: int) -> None:
    predictions, labels = create_image(seed)
    expected = np.zeros((3, 3), np.int64)
    for predicted, label in zip(predictions.ravel(), labels.ravel(), strict=True):
        if label != 255:
            expected[label, predicted] += 1
    counts = count_confusions(predictions, labels, 3)
    np.testing.assert_array_equal(counts, expected)
    assert counts.dtype == np.int64


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 999), rows=st.integers(0, 5))
def test_parts_of_an_image_add_up_to_the_whole(seed: int, rows: int) -> None:
    predictions, labels = create_image(seed)
    whole = count_confusions(predictions, labels, 3)
    parts = [
        count_confusions(predictions[part], labels[part], 3)
        for part in (slice(rows), slice(rows, None))
    ]
    np.testing.assert_array_equal(parts[0] + parts[1], whole)
    assert whole.sum() == (labels != 255).sum()


def test_large_counts_do_not_overflow() -> None:
    """A whole data set beyond 2³¹ pixels stays exact in the 64-bit sum."""
    scores = SegmentationScores(np.array([[3_000_000_000, 1_000_000_000], [0, 1]]))
    assert scores.class_accuracy[0] == pytest.approx(0.75)


def test_prediction_is_the_class_of_the_greatest_logit() -> None:
    logits = jnp.array([[[[0.0, 2.0, 1.0], [-1.0, -3.0, -2.0]]]])
    np.testing.assert_array_equal(predict_labels(logits), [[[1, 0]]])
