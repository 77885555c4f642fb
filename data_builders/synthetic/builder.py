"""TFDS builder of generated street scenes.

    builder = Synthetic(data_dir=data_dir, config=SyntheticConfig(num_train=300, seed=1))
    builder.download_and_prepare()
    source = builder.as_data_source("train")

Every config has a folder of its own, named after its settings; nothing is downloaded.
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, cast

import cv2
import numpy as np
import rich.console
import rich.progress
import tensorflow_datasets as tfds

from data_builders.checks.annotations import AnnotatedObject, ClassNames, Role
from data_builders.records import (
    make_features,
    make_four_channel_image,
    make_metadata,
    make_objects,
)
from mdjax.scenes import CLASS_NAMES, RenderedScene, check_scene_settings, render_scene
from mdjax.types import MdjaxError

SPLIT_STARTS = {"train": 0, "val": 1_000_000, "test": 2_000_000}
"""Number of a split's first scene: splits never share one, however large they are."""

_CLASSES = ClassNames(objects=CLASS_NAMES, labels=CLASS_NAMES)
_MAX_SPLIT_SIZE = 1_000_000
# Generated noise hardly compresses: the fastest level makes files 10% larger in half the time.
_PNG_LEVEL = 1

# Hidden share of an object from which KAIST calls it heavily occluded.
_HEAVY_OCCLUSION = 0.5

_DESCRIPTION = """
Generated pairs of visible and thermal images of street scenes, day and night, registered, with one
of MFNet's nine class ids for each pixel and a tight box for each thing.
"""


@dataclasses.dataclass(eq=False)
class SyntheticConfig(tfds.core.BuilderConfig):
    """How many scenes of which size; the name follows from the settings."""

    name: str = dataclasses.field(init=False)
    num_train: int = 480
    num_val: int = 60
    num_test: int = 120
    image_size_hw: tuple[int, int] = (96, 128)
    seed: int = 0

    def __post_init__(self):
        """Check the settings.

        Raises:
            MdjaxError: A split would be empty or larger than a million scenes, an image smaller
                than 16 pixels, or the seed negative.
        """
        self.image_size_hw = (int(self.image_size_hw[0]), int(self.image_size_hw[1]))
        check_scene_settings(self.seed, self.image_size_hw)
        for split, num in self.split_sizes.items():
            if not 1 <= num <= _MAX_SPLIT_SIZE:
                raise MdjaxError(
                    f"synthetic data: num_{split} is {num}; ask for 1 to {_MAX_SPLIT_SIZE} scenes."
                )
        height, width = self.image_size_hw
        sizes = "_".join(str(num) for num in self.split_sizes.values())
        self.name = f"{height}x{width}_{sizes}_seed{self.seed}"
        self.description = f"{height}x{width} pixels, world {self.seed}."

    @property
    def split_sizes(self) -> dict[str, int]:
        """Number of scenes by split."""
        return {"train": self.num_train, "val": self.num_val, "test": self.num_test}


class Synthetic(tfds.core.GeneratorBasedBuilder):
    """Scenes as records: the features of MFNet, and boxes with class and occlusion."""

    name = "synthetic"
    VERSION = tfds.core.Version("2.0.0")
    RELEASE_NOTES = {  # noqa: RUF012, TFDS declares it so
        "1.0.0": "First release.",
        "2.0.0": "Objects as every data set for detection has them.",
    }
    BUILDER_CONFIGS = [SyntheticConfig()]  # noqa: RUF012, TFDS declares it so

    def __init__(
        self, *, file_format: str = "array_record", show_progress: bool = False, **kwargs: Any
    ):
        """Take TFDS's arguments; `show_progress` draws a progress bar on standard error."""
        # ArrayRecord is what gives random access without TensorFlow.
        super().__init__(file_format=file_format, **kwargs)
        self._show_progress = show_progress

    @property
    def settings(self) -> SyntheticConfig:
        """The config with its own type."""
        return cast(SyntheticConfig, self.builder_config)

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=make_features(make_four_channel_image(), _CLASSES),
            metadata=tfds.core.MetadataDict(
                # What depends on the scenes is filled in while they are drawn.
                make_metadata(_CLASSES, max_objects=0, fingerprint="")
                | {"class_pixels": {}, "night_images": {}}
            ),
            disable_shuffling=True,
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
        self._hash = hashlib.sha256(self.settings.name.encode())
        return {split: self._generate_examples(split) for split in SPLIT_STARTS}

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Render a split, and note its pixels, nights and fingerprint in the metadata."""
        settings = self.settings
        class_pixels = np.zeros(len(CLASS_NAMES), np.int64)
        num_night = max_objects = 0
        start = SPLIT_STARTS[split]
        indices = rich.progress.track(
            range(start, start + settings.split_sizes[split]),
            description=f"Drawing scenes ({split})",
            console=rich.console.Console(stderr=True),
            transient=True,
            disable=not self._show_progress,
        )
        for index in indices:
            scene = render_scene(settings.seed, index, settings.image_size_hw)
            class_pixels += np.bincount(scene.labels_u8.ravel(), minlength=len(CLASS_NAMES))
            num_night += scene.is_night
            max_objects = max(max_objects, len(scene.box_class_ids))
            name = f"{index:05d}{'N' if scene.is_night else 'D'}"
            record = make_record(name, scene)
            self._hash.update(_to_bytes(record))
            yield name, record
        metadata = cast(tfds.core.MetadataDict, self.info.metadata)
        metadata["class_pixels"][split] = class_pixels.tolist()
        metadata["night_images"][split] = num_night
        metadata["max_objects"] = max(metadata["max_objects"], max_objects)
        metadata["fingerprint"] = self._hash.hexdigest()[:16]  # that of the last split stays


def make_record(name: str, scene: RenderedScene) -> dict[str, Any]:
    """Make the features of a scene, images encoded as PNG."""
    blue_green_red_thermal = np.dstack([scene.visible_u8[..., ::-1], scene.thermal_u8])
    return {
        "visible_thermal": _encode_png(blue_green_red_thermal),
        "labels": _encode_png(scene.labels_u8),
        "name": name,
        "is_night": scene.is_night,
        "objects": make_objects(_annotate(name, scene)),
    }


def _annotate(name: str, scene: RenderedScene) -> Iterator[AnnotatedObject]:
    for box, class_id, occlusion in zip(
        scene.boxes_xyxy_px.tolist(), scene.box_class_ids.tolist(), scene.occlusion, strict=True
    ):
        yield AnnotatedObject(
            box_xyxy=tuple(box),
            label=CLASS_NAMES[class_id],
            class_id=class_id,
            role=Role.POSITIVE,
            where=name,
            occlusion=_to_level(float(occlusion)),
        )


def _to_bytes(record: Mapping[str, Any]) -> bytes:
    """All that a record holds, for the fingerprint."""
    boxes = [
        [*item["bbox_xyxy_px"].tolist(), item["label"], item["occlusion"]]
        for item in record["objects"]
    ]
    text = repr((record["name"], record["is_night"], boxes))
    return record["visible_thermal"] + record["labels"] + text.encode()


def _to_level(occlusion: float) -> int:
    """KAIST's levels of a hidden share: 0 none, 1 partial, 2 heavy."""
    return int(occlusion > 0) + int(occlusion > _HEAVY_OCCLUSION)


def _encode_png(image_u8: np.ndarray) -> bytes:
    _, encoded = cv2.imencode(".png", image_u8, [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL])
    return encoded.tobytes()
