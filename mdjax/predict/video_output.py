"""The output of `predict` for each frame of a video, which depends on the task of the network."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import UInt8

from mdjax.io.whole_folder import write_whole_folder
from mdjax.predict.boxes import (
    DETECTIONS_FILE,
    describe_found,
    draw_found,
    format_num_detections,
    note_full_list,
)
from mdjax.predict.decoded import place_in_image
from mdjax.predict.frames import LoadedFrame
from mdjax.predict.labels import count_class_pixels, describe_classes, format_class_pixels
from mdjax.tasks.detection import DetectionTask
from mdjax.tasks.task import Task
from mdjax.viz.colours import create_palette
from mdjax.viz.files import save_label_png
from mdjax.viz.labels import overlay_labels


class DrawnFrame(NamedTuple):
    """What is written of one frame."""

    picture_u8: UInt8[np.ndarray, "h w 3"]
    """RGB, a frame of the video that is written."""
    record: dict[str, Any]
    """What the JSON file holds of it."""
    counts: tuple[int, ...]
    """By class id, summed over all frames."""
    notes: tuple[str, ...]


Draw = Callable[[LoadedFrame, Any], DrawnFrame]
"""From a frame, and its row of what the task made of it; threads call this."""


class FrameOutput(Protocol):
    """How the predictions of a task are written for a video."""

    @property
    def task(self) -> Task:
        """How the network's output is interpreted."""
        ...

    @property
    def video_path(self) -> Path:
        """The video that is written."""
        ...

    @property
    def records_path(self) -> Path:
        """The JSON file with a record of each frame."""
        ...

    @property
    def other_paths(self) -> tuple[Path, ...]:
        """What else is written."""
        ...

    @property
    def count_name(self) -> str:
        """What `predict --json` calls the counts."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return what the JSON file holds before the records."""
        ...

    def open(self) -> contextlib.AbstractContextManager[Draw]:
        """Begin to write; at the end, what was written has its name, and it has none otherwise."""
        ...

    def format_counts(self, counts: Mapping[str, int]) -> list[str]:
        """Write the counts of all frames, by name of the class."""
        ...


@dataclass(frozen=True)
class LabelFrames:
    """Writes `NAME_overlay.mp4`, `NAME_labels.json` and `NAME_labels/NUMBER.png`.

    Attributes:
        out_dir: Folder to write to.
        name: Of the video.
        class_names: Names by class id.
        task: Of the network.
    """

    out_dir: Path
    name: str
    class_names: tuple[str, ...]
    task: Task

    count_name = "class_pixels"

    @property
    def video_path(self) -> Path:
        """The frames with the labels laid over them."""
        return self.out_dir / f"{self.name}_overlay.mp4"

    @property
    def records_path(self) -> Path:
        """The pixels of each class, frame by frame."""
        return self.out_dir / f"{self.name}_labels.json"

    @property
    def other_paths(self) -> tuple[Path, ...]:
        """The folder of the label maps."""
        return (self.out_dir / f"{self.name}_labels",)

    def describe(self) -> dict[str, Any]:
        """Return the classes and their colours."""
        return describe_classes(self.class_names)

    @contextlib.contextmanager
    def open(self) -> Iterator[Draw]:
        """Begin to write the folder of the label maps."""
        palette = create_palette(len(self.class_names))
        (folder,) = self.other_paths
        with write_whole_folder(folder) as temporary:

            def draw(frame: LoadedFrame, row: Any) -> DrawnFrame:
                visible_u8 = frame.decoded.visible_u8
                labels_u8 = self.task.fit_to_image(row, row.shape[:2], visible_u8.shape[:2])
                file_name = f"{frame.number:06d}.png"
                save_label_png(labels_u8, temporary / file_name)
                counts = count_class_pixels(labels_u8, len(self.class_names))
                return DrawnFrame(
                    overlay_labels(visible_u8, labels_u8, palette),
                    {
                        "labels": f"{folder.name}/{file_name}",
                        "class_pixels": dict(zip(self.class_names, counts, strict=True)),
                    },
                    counts,
                    frame.prepared.notes,
                )

            yield draw

    def format_counts(self, counts: Mapping[str, int]) -> list[str]:
        """Write the share of each class."""
        return format_class_pixels(counts)


@dataclass(frozen=True)
class BoxFrames:
    """Writes `NAME_detections.mp4` and `detections.json`.

    Attributes:
        out_dir: Folder to write to.
        name: Of the video.
        class_names: Names by class id.
        working_size_hw: Rows and columns of what the network sees.
        task: Of the network, with the score threshold of this call.
    """

    out_dir: Path
    name: str
    class_names: tuple[str, ...]
    working_size_hw: tuple[int, int]
    task: DetectionTask

    count_name = "num_detections"
    other_paths = ()

    @property
    def video_path(self) -> Path:
        """Both videos side by side, with boxes."""
        return self.out_dir / f"{self.name}_detections.mp4"

    @property
    def records_path(self) -> Path:
        """The boxes, frame by frame."""
        return self.out_dir / DETECTIONS_FILE

    def describe(self) -> dict[str, Any]:
        """Return the classes and the score threshold."""
        return {
            "class_names": self.class_names,
            "score_threshold": self.task.nms.score_threshold,
        }

    @contextlib.contextmanager
    def open(self) -> Iterator[Draw]:
        """Write nothing besides the video and the JSON file."""
        yield self._draw

    def format_counts(self, counts: Mapping[str, int]) -> list[str]:
        """Write how many boxes of each class were found."""
        return format_num_detections(counts)

    def _draw(self, frame: LoadedFrame, row: Any) -> DrawnFrame:
        size_hw = frame.decoded.visible_u8.shape[:2]
        found = self.task.fit_to_image(row, self.working_size_hw, size_hw)
        counts = np.bincount(found.class_ids, minlength=len(self.class_names))
        return DrawnFrame(
            draw_found(frame.decoded, found, self.class_names),
            describe_found(place_in_image(found, frame.decoded.cut), self.class_names),
            tuple(counts.tolist()),
            (*frame.prepared.notes, *note_full_list(found, self.task)),
        )
