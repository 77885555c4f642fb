"""What a task wants to know of an image, and how it follows the image into a batch."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from jaxtyping import UInt8

from mdjax.data.geometry import (
    Augmentation,
    Geometry,
    apply_geometry_to_labels,
    resize_labels,
    sample_geometry,
)
from mdjax.io.images import decode_labels
from mdjax.types import IGNORED_LABEL

SizeHw = tuple[int, int]


class TruthReader(Protocol):
    """Reads one kind of annotation; the pipeline is the same for all kinds."""

    def decode(self, record: Mapping[str, Any], image_size_hw: SizeHw, size_hw: SizeHw) -> Any:
        """Read the annotation of an image and scale it from the image's size to the working size.

        Raises:
            MdjaxError: It is damaged; the message names the record.
        """
        ...

    def sample_geometry(
        self, truth: Any, augmentation: Augmentation, size_hw: SizeHw, rng: np.random.Generator
    ) -> Geometry:
        """Draw mirror and crop, which may depend on where the objects are."""
        ...

    def apply_geometry(self, truth: Any, geometry: Geometry, size_hw: SizeHw) -> Any:
        """Mirror and crop as the images are."""
        ...

    def create_padding(self, size_hw: SizeHw) -> Any:
        """Return the annotation of no image."""
        ...

    def stack(self, truths: Sequence[Any]) -> Any:
        """Return what stands in `Batch.truth`."""
        ...


class LabelMapReader:
    """Label maps: one class id per pixel, uint8 [b h w], for segmentation."""

    def read(self, record: Mapping[str, Any]) -> UInt8[np.ndarray, "h w"]:
        """Decode the label PNG, as it was stored.

        Raises:
            MdjaxError: It is damaged; the message names the record.
        """
        return decode_labels(record["labels"], f"labels of record {get_name(record)}")

    def decode(
        self, record: Mapping[str, Any], image_size_hw: SizeHw, size_hw: SizeHw
    ) -> np.ndarray:
        """Decode the label PNG and resize it by the nearest pixel centre."""
        del image_size_hw  # a label map is resized whatever its size
        return resize_labels(self.read(record), size_hw)

    def sample_geometry(
        self,
        truth: np.ndarray,
        augmentation: Augmentation,
        size_hw: SizeHw,
        rng: np.random.Generator,
    ) -> Geometry:
        """Draw mirror and crop, whatever they show."""
        del truth
        return sample_geometry(augmentation, size_hw, rng)

    def apply_geometry(self, truth: np.ndarray, geometry: Geometry, size_hw: SizeHw) -> np.ndarray:
        """Crop, resize back and mirror; outside the image lies `IGNORED_LABEL`."""
        del size_hw
        return apply_geometry_to_labels(truth, geometry)

    def create_padding(self, size_hw: SizeHw) -> np.ndarray:
        """Return a map without a pixel that counts."""
        return np.full(size_hw, IGNORED_LABEL, np.uint8)

    def stack(self, truths: Sequence[np.ndarray]) -> np.ndarray:
        """Stack the maps."""
        return np.stack(truths)


def get_name(record: Mapping[str, Any]) -> str:
    """Return the name of a record, for messages."""
    name = record["name"]
    return name.decode() if isinstance(name, bytes) else str(name)
