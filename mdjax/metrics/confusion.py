"""Segmentation scores from one integer confusion matrix over a whole set."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Integer, UInt8

from mdjax.types import IGNORED_LABEL, Array


def count_confusions(
    predictions: Integer[np.ndarray, "h w"], labels: UInt8[np.ndarray, "h w"], num_classes: int
) -> Int[np.ndarray, "k k"]:
    """Count the pixels of each (true class, predicted class) in an image.

    Args:
        predictions: Class ids below k.
        labels: Class ids below k, or `IGNORED_LABEL`.
        num_classes: k.

    Returns:
        Counts in 64 bits, true classes in rows.
    """
    is_counted = labels != IGNORED_LABEL
    cells = labels[is_counted].astype(np.int64) * num_classes + predictions[is_counted]
    counts = np.bincount(cells, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


@dataclass(frozen=True)
class SegmentationScores:
    """Scores of one set of images; a class that does not occur has NaN and is not averaged.

    Attributes:
        confusion: Pixels of each (true class, predicted class).
    """

    confusion: Int[np.ndarray, "k k"]

    @property
    def class_accuracy(self) -> Float[np.ndarray, " k"]:
        """TP / (TP + FN) of each class, in [0, 1]; NaN where no pixel has the class."""
        return _divide(np.diag(self.confusion), self.confusion.sum(1))

    @property
    def class_iou(self) -> Float[np.ndarray, " k"]:
        """TP / (TP + FP + FN) of each class, in [0, 1]; NaN where no pixel has the class.

        A class that is only predicted, never true, is not averaged either: its false positives
        already lower the IoU of the classes they fall on.
        """
        true_positives = np.diag(self.confusion)
        union = self.confusion.sum(1) + self.confusion.sum(0) - true_positives
        return np.where(self.confusion.sum(1) > 0, _divide(true_positives, union), np.nan)

    @property
    def mean_accuracy(self) -> float:
        """Mean accuracy of the classes that occur, in [0, 1]."""
        return _mean(self.class_accuracy)

    @property
    def mean_iou(self) -> float:
        """Mean IoU of the classes that occur, in [0, 1]."""
        return _mean(self.class_iou)

    @property
    def mean_accuracy_absent_as_0(self) -> float:
        """Mean accuracy of all k classes, those that do not occur counted as 0, in [0, 1].

        Σ_c accuracy_c / k, as Sun et al. (RTFNet, RA-L 2019) and those who compare with them count;
        NaN where no pixel is labelled.
        """
        return _mean_of_all(self.class_accuracy)

    @property
    def mean_iou_absent_as_0(self) -> float:
        """Mean IoU of all k classes, those that do not occur counted as 0, in [0, 1]."""
        return _mean_of_all(self.class_iou)

    @property
    def num_classes_present(self) -> int:
        """Number of classes with at least one true pixel: what the 9-class means average."""
        return int((self.confusion.sum(1) > 0).sum())

    def to_percent(self, class_names: Sequence[str]) -> dict[str, float]:
        """Return every score in percent (counts of classes excepted), by its name in logs.

        `mean_accuracy_9` averages all classes that occur, `mean_accuracy_8` all but unlabelled; the
        number in the name follows the data set, and `num_classes` says how many occurred.
        `mean_accuracy_9_absent_as_0` counts the others as 0: it is lower where classes are absent.
        """
        k = len(class_names)
        accuracy, iou = 100 * self.class_accuracy, 100 * self.class_iou
        scores = {
            f"mean_accuracy_{k}": 100 * self.mean_accuracy,
            f"mean_accuracy_{k}_absent_as_0": 100 * self.mean_accuracy_absent_as_0,
            f"mean_accuracy_{k - 1}": _mean(accuracy[1:]),
            f"mean_iou_{k}": 100 * self.mean_iou,
            f"mean_iou_{k}_absent_as_0": 100 * self.mean_iou_absent_as_0,
            f"mean_iou_{k - 1}": _mean(iou[1:]),
            "num_classes": float(self.num_classes_present),
        }
        for name, class_accuracy, class_iou in zip(class_names, accuracy, iou, strict=True):
            scores[f"accuracy/{name}"] = float(class_accuracy)
            scores[f"iou/{name}"] = float(class_iou)
        return scores


def predict_labels(logits: Float[Array, "b h w k"]) -> Int[Array, "b h w"]:
    """Return the class of the greatest logit of each pixel."""
    return jnp.argmax(jax.lax.stop_gradient(logits), axis=-1)


def _divide(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


def _mean(values: np.ndarray) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if present.size else float("nan")


def _mean_of_all(values: np.ndarray) -> float:
    is_present = ~np.isnan(values)
    return float(values[is_present].sum() / values.size) if is_present.any() else float("nan")
