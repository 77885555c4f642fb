"""Label maps of the user's own images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from mdjax.io.json_file import read_json, write_json
from mdjax.predict.pairs import PairFiles
from mdjax.predict.prediction import LoadedPair, count_notes
from mdjax.tasks.task import Task
from mdjax.viz.colours import create_palette
from mdjax.viz.files import save_label_png, save_rgb_png
from mdjax.viz.labels import overlay_labels

CLASSES_FILE = "classes.json"


@dataclass(frozen=True)
class LabelledImage:
    """What was written for one image pair.

    Attributes:
        files: The images.
        labels: Written class ids, an 8-bit PNG of the visible image's size.
        overlay: Written visible image with the labels laid over it.
        class_pixels: Number of pixels by class id.
        notes: What was done to the images before the network saw them.
    """

    files: PairFiles
    labels: Path
    overlay: Path
    class_pixels: tuple[int, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class LabelPredictions:
    """What was written for a set of image pairs.

    Attributes:
        out_dir: Where.
        class_names: Names by class id.
        images: One entry per pair.
        milliseconds_per_image: Median time from images in memory to logits in memory.
    """

    out_dir: Path
    class_names: tuple[str, ...]
    images: tuple[LabelledImage, ...]
    milliseconds_per_image: float

    @property
    def class_pixels(self) -> tuple[int, ...]:
        """Number of pixels by class id, over all images."""
        return tuple(map(sum, zip(*(image.class_pixels for image in self.images), strict=True)))

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the images, each with the number of images it was done to."""
        return count_notes([image.notes for image in self.images])

    def to_dict(self) -> dict[str, Any]:
        """Return what `predict --json` prints."""
        return {
            "out_dir": self.out_dir,
            "milliseconds_per_image": self.milliseconds_per_image,
            "class_pixels": self._name_classes(self.class_pixels),
            "notes": self.notes,
            "images": [describe_labelled(image, self.class_names) for image in self.images],
        }

    def format_summary(self) -> str:
        """Return what `predict` prints."""
        return "\n".join(
            [
                *self.notes,
                "",
                *format_class_pixels(self._name_classes(self.class_pixels)),
                "",
                f"{len(self.images)} images labelled in {self.out_dir} "
                f"(NAME_labels.png, NAME_overlay.png, {CLASSES_FILE}); "
                f"the network takes {self.milliseconds_per_image:.1f} ms per image.",
            ]
        )

    def _name_classes(self, pixels: tuple[int, ...]) -> dict[str, int]:
        return dict(zip(self.class_names, pixels, strict=True))


@dataclass(frozen=True)
class LabelWriter:
    """Writes `NAME_labels.png`, `NAME_overlay.png` and `classes.json`; a `PredictionWriter`.

    The network's logits are scaled bilinearly to the size of the visible image.

    Attributes:
        out_dir: Folder to write to.
        class_names: Names by class id.
        task: Of the network.
    """

    out_dir: Path
    class_names: tuple[str, ...]
    task: Task

    count_name = "class_pixels"

    def describe(self) -> dict[str, Any]:
        """Return the classes and their colours."""
        return describe_classes(self.class_names)

    def name_files(self, pair: PairFiles) -> tuple[Path, Path]:
        """Name the files of one pair: labels, overlay."""
        name = pair.name
        return self.out_dir / f"{name}_labels.png", self.out_dir / f"{name}_overlay.png"

    def find_problems(self) -> list[str]:
        """Tell whether labels of other classes are in the folder.

        Further images of a network with the same classes may join those of an earlier call.
        """
        path = self.out_dir / CLASSES_FILE
        if not path.exists() or read_json(path) == describe_classes(self.class_names):
            return []
        return [
            f"{path}: belongs to other classes; replace it with --overwrite, or write to "
            "another folder."
        ]

    def begin(self) -> None:
        """Write what is needed to read the label files."""
        write_json(self.out_dir / CLASSES_FILE, describe_classes(self.class_names))

    def write_image(self, pair: LoadedPair, row: Any) -> LabelledImage:
        """Write labels and overlay."""
        visible_u8 = pair.decoded.visible_u8
        labels_u8 = self.task.fit_to_image(row, row.shape[:2], visible_u8.shape[:2])
        labels_path, overlay_path = self.name_files(pair.files)
        save_label_png(labels_u8, labels_path)
        save_rgb_png(
            overlay_labels(visible_u8, labels_u8, create_palette(len(self.class_names))),
            overlay_path,
        )
        return LabelledImage(
            files=pair.files,
            labels=labels_path,
            overlay=overlay_path,
            class_pixels=count_class_pixels(labels_u8, len(self.class_names)),
            notes=pair.prepared.notes,
        )

    def describe_image(self, image: LabelledImage) -> dict[str, Any]:
        """Return the files of one image, and the pixels of each class."""
        return describe_labelled(image, self.class_names)

    def count(self, image: LabelledImage) -> tuple[int, ...]:
        """Return the pixels of each class."""
        return image.class_pixels

    def format_counts(self, counts: Mapping[str, int]) -> list[str]:
        """Write the share of each class."""
        return format_class_pixels(counts)

    def finish(
        self, images: Sequence[LabelledImage], milliseconds_per_image: float
    ) -> LabelPredictions:
        """Gather what was written."""
        return LabelPredictions(
            self.out_dir, self.class_names, tuple(images), milliseconds_per_image
        )


def describe_classes(class_names: Sequence[str]) -> dict[str, Any]:
    """Return what is needed to read and to draw labels."""
    return {
        "class_names": list(class_names),
        "palette_rgb": list(map(list, create_palette(len(class_names)))),
    }


def describe_labelled(image: LabelledImage, class_names: Sequence[str]) -> dict[str, Any]:
    """Return what programs read of one image."""
    return {
        "name": image.files.name,
        "visible": image.files.visible,
        "thermal": image.files.thermal,
        "labels": image.labels,
        "overlay": image.overlay,
        "class_pixels": dict(zip(class_names, image.class_pixels, strict=True)),
        "notes": image.notes,
    }


def count_class_pixels(labels_u8: UInt8[np.ndarray, "h w"], num_classes: int) -> tuple[int, ...]:
    """Count the pixels of a label map by class id."""
    return tuple(np.bincount(labels_u8.ravel(), minlength=num_classes).tolist())


def format_class_pixels(class_pixels: Mapping[str, int]) -> list[str]:
    """Write the share of each class, given its number of pixels."""
    total = sum(class_pixels.values())
    return [
        f"{name:16}{100 * count / total:8.2f} % of all pixels"
        for name, count in class_pixels.items()
    ]
