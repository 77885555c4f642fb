"""What the rows of a table share: data set, recipe, folds and scores.

Small settings fit two CPU cores, the medium one a GPU. Their data sets are so small that one test
split decides little: seed s tests fold s of five, and every image is tested once.
"""

from collections.abc import Mapping
from typing import Any

from mdjax.metrics.confusion import SegmentationScores
from mdjax.metrics.miss_rate import REASONABLE, REASONABLE_DAY, REASONABLE_NIGHT
from mdjax.recipes import (
    configure_kaist,
    configure_kaist_light,
    configure_mfnet,
    configure_mfnet_medium,
    configure_mfnet_pretrained,
    configure_mfnet_small,
    configure_msrs,
    configure_msrs_small,
    configure_synthetic,
    configure_synthetic_detection,
)
from mdjax.statistics.pooling import ImageScore
from mdjax.studies.per_image import make_ap50, make_label_score, make_miss_rate
from mdjax.studies.table import Setting

NUM_FOLDS = 5


def compute_mean_accuracy(scores: SegmentationScores) -> float:
    """Mean accuracy of the classes that occur, in percent."""
    return 100 * scores.mean_accuracy


def compute_mean_iou(scores: SegmentationScores) -> float:
    """Mean IoU of the classes that occur, in percent."""
    return 100 * scores.mean_iou


LABEL_SCORES: Mapping[str, ImageScore[Any, Any]] = {
    "mAcc all": make_label_score(compute_mean_accuracy),
    "mAcc day": make_label_score(compute_mean_accuracy, is_night=False),
    "mAcc night": make_label_score(compute_mean_accuracy, is_night=True),
    "mIoU all": make_label_score(compute_mean_iou),
}
PERSON_SCORES: Mapping[str, ImageScore[Any, Any]] = {
    "MR all": make_miss_rate(REASONABLE),
    "MR day": make_miss_rate(REASONABLE_DAY),
    "MR night": make_miss_rate(REASONABLE_NIGHT),
    "AP50 all": make_ap50(),
}
# Few of the persons of generated scenes are as high as the miss rate asks for.
FEW_PERSON_SCORES: Mapping[str, ImageScore[Any, Any]] = {
    "AP50 all": make_ap50(),
    "AP50 day": make_ap50(is_night=False),
    "AP50 night": make_ap50(is_night=True),
}
LOWER_IS_BETTER = ("MR all", "MR day", "MR night")

MFNET_SMALL = Setting("mfnet-small", configure_mfnet_small, LABEL_SCORES, num_folds=NUM_FOLDS)
MFNET_PRETRAINED = Setting(
    "mfnet-pretrained", configure_mfnet_pretrained, LABEL_SCORES, num_folds=NUM_FOLDS
)
MFNET_MEDIUM = Setting("mfnet-medium", configure_mfnet_medium, LABEL_SCORES, num_folds=NUM_FOLDS)
MFNET = Setting("mfnet", configure_mfnet, LABEL_SCORES)
MSRS_SMALL = Setting(
    "msrs-small", configure_msrs_small, PERSON_SCORES, LOWER_IS_BETTER, num_folds=NUM_FOLDS
)
MSRS = Setting("msrs", configure_msrs, PERSON_SCORES, LOWER_IS_BETTER)
KAIST = Setting("kaist", configure_kaist, PERSON_SCORES, LOWER_IS_BETTER)
KAIST_LIGHT = Setting("kaist-light", configure_kaist_light, PERSON_SCORES, LOWER_IS_BETTER)
SYNTHETIC = Setting("synthetic", configure_synthetic, LABEL_SCORES, num_folds=NUM_FOLDS)
SYNTHETIC_DETECTION = Setting(
    "synthetic-detection", configure_synthetic_detection, FEW_PERSON_SCORES, num_folds=NUM_FOLDS
)

SETTINGS = {
    setting.name: setting
    for setting in (
        *(MFNET, MFNET_SMALL, MFNET_PRETRAINED, MFNET_MEDIUM, KAIST, KAIST_LIGHT),
        *(MSRS, MSRS_SMALL, SYNTHETIC, SYNTHETIC_DETECTION),
    )
}
"""One for each recipe of the presets, by its name."""

LABELS = {"small": MFNET_SMALL, "medium": MFNET_MEDIUM, "paper": MFNET}
PERSONS = {"small": MSRS_SMALL, "paper": KAIST}
PERSONS_OF_MSRS = {"small": MSRS_SMALL, "paper": MSRS}
FROM_IMAGENET = {"small": MFNET_PRETRAINED, "medium": MFNET_MEDIUM, "paper": MFNET}
