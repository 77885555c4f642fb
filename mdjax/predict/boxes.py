"""Boxes of objects in the user's own images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from mdjax.io.images import convert_to_u8
from mdjax.io.json_file import write_json
from mdjax.predict.decoded import DecodedPair, place_in_image
from mdjax.predict.pairs import PairFiles
from mdjax.predict.prediction import LoadedPair, count_notes
from mdjax.predict.thresholds import DEFAULT_SCORE_THRESHOLD, set_score_threshold
from mdjax.tasks.detection import DetectionTask
from mdjax.tasks.detection_scores import ImageDetections
from mdjax.viz.boxes import draw_detections
from mdjax.viz.colours import compute_hues
from mdjax.viz.files import save_rgb_png

DETECTIONS_FILE = "detections.json"
# Finer than any box is known.
_BOX_DECIMALS = 2
_SCORE_DECIMALS = 4


@dataclass(frozen=True)
class DetectedImage:
    """What was found in one image pair.

    Attributes:
        files: The images.
        image_size_hw: Rows and columns of the visible file.
        found: In pixels of the visible file, best score first.
        picture: Written images with boxes.
        notes: What was done to the images before the network saw them, and to what it found.
    """

    files: PairFiles
    image_size_hw: tuple[int, int]
    found: ImageDetections
    picture: Path
    notes: tuple[str, ...]


@dataclass(frozen=True)
class DetectionPredictions:
    """What was found in a set of image pairs.

    Attributes:
        out_dir: Where it was written.
        class_names: Names by class id.
        score_threshold: Lowest score of what was kept.
        images: One entry per pair.
        milliseconds_per_image: Median time of the network and the suppression of duplicates,
            compilation not included.
    """

    out_dir: Path
    class_names: tuple[str, ...]
    score_threshold: float
    images: tuple[DetectedImage, ...]
    milliseconds_per_image: float

    @property
    def num_detections(self) -> dict[str, int]:
        """Number of boxes by name of the class, over all images."""
        ids = np.concatenate([image.found.class_ids for image in self.images])
        return {name: int((ids == k).sum()) for k, name in enumerate(self.class_names)}

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the images, each with the number of images it was done to."""
        return count_notes([image.notes for image in self.images])

    def to_dict(self) -> dict[str, Any]:
        """Return what `predict --json` prints."""
        return {
            "out_dir": self.out_dir,
            "milliseconds_per_image": self.milliseconds_per_image,
            "num_detections": self.num_detections,
            "notes": self.notes,
            **self.describe_boxes(),
            "images": [
                {
                    **describe_detected(image, self.class_names),
                    "picture": image.picture,
                    "notes": image.notes,
                }
                for image in self.images
            ],
        }

    def describe_boxes(self) -> dict[str, Any]:
        """Return what `detections.json` holds."""
        return {
            "class_names": self.class_names,
            "score_threshold": self.score_threshold,
            "images": [describe_detected(image, self.class_names) for image in self.images],
        }

    def format_summary(self) -> str:
        """Return what `predict` prints."""
        return "\n".join(
            [
                *self.notes,
                "",
                *format_num_detections(self.num_detections),
                "",
                f"Scores of {self.score_threshold:g} or more in {len(self.images)} images, "
                f"written to {self.out_dir} (NAME_detections.png, {DETECTIONS_FILE}); "
                f"the network takes {self.milliseconds_per_image:.1f} ms per image.",
            ]
        )


@dataclass(frozen=True)
class DetectionWriter:
    """Writes `NAME_detections.png` and `detections.json`; a `PredictionWriter`.

    Attributes:
        out_dir: Folder to write to.
        class_names: Names by class id.
        working_size_hw: Rows and columns of what the network sees.
        trained_task: Of the network; its score threshold gives way to the one beside it.
        score_threshold: Lowest score of what is drawn and written.
    """

    out_dir: Path
    class_names: tuple[str, ...]
    working_size_hw: tuple[int, int]
    trained_task: DetectionTask
    score_threshold: float = DEFAULT_SCORE_THRESHOLD

    def __post_init__(self):
        set_score_threshold(self.trained_task, self.score_threshold)  # Refuses what is no score.

    count_name = "num_detections"

    def describe(self) -> dict[str, Any]:
        """Return the classes and the score threshold."""
        return {"class_names": self.class_names, "score_threshold": self.score_threshold}

    def name_files(self, pair: PairFiles) -> tuple[Path, ...]:
        """Name the picture of one pair."""
        return (self._name_picture(pair),)

    def find_problems(self) -> list[str]:
        """Tell whether boxes of an earlier call are there."""
        path = self.out_dir / DETECTIONS_FILE
        if not path.exists():
            return []
        return [
            f"{path}: has the boxes of an earlier call; replace it with --overwrite, or write to "
            "another folder."
        ]

    @property
    def task(self) -> DetectionTask:
        """The network's task, with the score threshold of this call."""
        return set_score_threshold(self.trained_task, self.score_threshold)

    def begin(self) -> None:
        """Write nothing yet: all boxes go into one file."""

    def write_image(self, pair: LoadedPair, row: Any) -> DetectedImage:
        """Draw the boxes of one pair."""
        visible_u8 = pair.decoded.visible_u8
        image_size_hw = (visible_u8.shape[0], visible_u8.shape[1])
        found = self.task.fit_to_image(row, self.working_size_hw, image_size_hw)
        path = self._name_picture(pair.files)
        save_rgb_png(draw_found(pair.decoded, found, self.class_names), path)
        notes = (*pair.prepared.notes, *note_full_list(found, self.task))
        if pair.decoded.cut is not None:
            image_size_hw = pair.decoded.cut.image_size_hw
            found = place_in_image(found, pair.decoded.cut)
        return DetectedImage(pair.files, image_size_hw, found, path, notes)

    def describe_image(self, image: DetectedImage) -> dict[str, Any]:
        """Return the boxes and the files of one image."""
        described = describe_detected(image, self.class_names)
        return {**described, "picture": image.picture, "notes": image.notes}

    def count(self, image: DetectedImage) -> tuple[int, ...]:
        """Return how many boxes of each class were found."""
        ids = image.found.class_ids
        return tuple(np.bincount(ids, minlength=len(self.class_names)).tolist())

    def format_counts(self, counts: Mapping[str, int]) -> list[str]:
        """Write how many boxes of each class were found."""
        return format_num_detections(counts)

    def finish(
        self, images: Sequence[DetectedImage], milliseconds_per_image: float
    ) -> DetectionPredictions:
        """Write the file of all boxes."""
        predictions = DetectionPredictions(
            self.out_dir,
            self.class_names,
            self.score_threshold,
            tuple(images),
            milliseconds_per_image,
        )
        write_json(self.out_dir / DETECTIONS_FILE, predictions.describe_boxes())
        return predictions

    def _name_picture(self, pair: PairFiles) -> Path:
        return self.out_dir / f"{pair.name}_detections.png"


def draw_found(
    pair: DecodedPair, found: ImageDetections, class_names: Sequence[str]
) -> UInt8[np.ndarray, "h w2 3"]:
    """Draw what was found in a pair on both of its images."""
    colours, ids = compute_hues(len(class_names)), found.class_ids
    return draw_detections(
        pair.visible_u8,
        None if pair.thermal is None else convert_to_u8(pair.thermal),
        found.boxes_xyxy_px,
        texts=[f"{class_names[k]} {score:.2f}" for k, score in zip(ids, found.scores, strict=True)],
        colours=[colours[k] for k in ids],
    )


def describe_detected(image: DetectedImage, class_names: Sequence[str]) -> dict[str, Any]:
    """Return what `detections.json` holds of one image."""
    return {
        "name": image.files.name,
        "visible": image.files.visible,
        "thermal": image.files.thermal,
        "image_size_hw": image.image_size_hw,
        **describe_found(image.found, class_names),
    }


def describe_found(found: ImageDetections, class_names: Sequence[str]) -> dict[str, Any]:
    """Return what `detections.json` holds of what was found in one image."""
    return {
        "boxes_xyxy_px": found.boxes_xyxy_px.astype(np.float64).round(_BOX_DECIMALS),
        "scores": found.scores.astype(np.float64).round(_SCORE_DECIMALS),
        "class_names": [class_names[k] for k in found.class_ids],
    }


def note_full_list(found: ImageDetections, task: DetectionTask) -> tuple[str, ...]:
    """Say where there may be more boxes than a detector gives."""
    if len(found.class_ids) < task.nms.max_detections:
        return ()
    return (f"only the best {len(found.class_ids)} boxes kept (task.nms.max_detections)",)


def format_num_detections(num_detections: Mapping[str, int]) -> list[str]:
    """Write how many boxes of each class were found."""
    return [f"{name:16}{count:8d} found" for name, count in num_detections.items()]
