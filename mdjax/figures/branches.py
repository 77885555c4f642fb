"""What the exchange and the gate of CSK-Net do, in one picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from mdjax.figures.scenes import (
    choose_fullest_scenes,
    convert_to_u8,
    gather_scenes,
    name_time,
    run_network,
)
from mdjax.models.config import CskNetConfig
from mdjax.models.csknet import CskOutput
from mdjax.models.modalities import BOTH
from mdjax.models.private_layers import is_given_up
from mdjax.runs.loading import LoadedNetwork
from mdjax.tasks.segmentation import SegmentationTask
from mdjax.types import MdjaxError
from mdjax.viz.branches import BranchRow, make_branch_figure
from mdjax.viz.colours import create_palette
from mdjax.viz.labels import overlay_labels

NUM_SCENES_SHOWN = 4


@dataclass(frozen=True)
class FusedImage:
    """One image of the figure.

    Attributes:
        index: In the test split.
        is_night: Whether it was taken at night.
        gate: Mean of the gate over channels and positions, in its share of the visible branch; None
            for a network without a gate.
    """

    index: int
    is_night: bool
    gate: float | None


@dataclass(frozen=True)
class BranchFigure:
    """What the figure shows.

    Attributes:
        images: From top to bottom.
        exchanged: Percent of the channels that a branch takes from the other, by block and branch.
    """

    images: tuple[FusedImage, ...]
    exchanged: dict[str, dict[str, float]]


def draw_branches(
    loaded: LoadedNetwork,
    path: Path,
    *,
    image_indices: Sequence[int] | None = None,
    shows_visible: bool = True,
    data_dir: Path | None = None,
) -> BranchFigure:
    """Draw what each branch of CSK-Net says of image pairs, how they are fused, and the exchange.

    The gate is its mean over the channels. What the branches say is drawn for networks that label
    pixels: the visible branch, the thermal one, and both fused.

    Args:
        loaded: CSK-Net of any task.
        path: PNG file to write.
        image_indices: In the test split; by default the `NUM_SCENES_SHOWN` images with most
            labelled pixels or area of objects, half of them at night.
        shows_visible: Whether the visible images are shown.
        data_dir: Folder of prepared data sets; by default as in training.

    Returns:
        What is shown.

    Raises:
        MdjaxError: The network is another one, or there is no such image.
    """
    if not isinstance(loaded.config.network, CskNetConfig):
        raise MdjaxError(
            f"{loaded.run_dir}: is not CSK-Net, which alone has branches; give another run."
        )
    if image_indices is None:
        image_indices = choose_fullest_scenes(loaded.config, NUM_SCENES_SHOWN, data_dir=data_dir)
    batch = gather_scenes(loaded.config, image_indices, data_dir=data_dir)
    output: Any = run_network(loaded, batch)
    gates = None if output.gate is None else np.asarray(output.gate, np.float32).mean(axis=-1)
    images, rows = [], []
    for i, index in enumerate(image_indices):
        is_night = bool(batch.is_night[i])
        gate = None if gates is None else gates[i]
        images.append(FusedImage(index, is_night, None if gate is None else float(gate.mean())))
        thermal_u8 = convert_to_u8(batch.thermal_camera[i]).repeat(3, axis=-1)
        pictures = {"thermal camera": thermal_u8}
        if shows_visible:
            pictures = {"RGB": convert_to_u8(batch.visible[i]), **pictures}
        pictures |= _draw_labels(loaded, output, i, next(iter(pictures.values())))
        rows.append(BranchRow(name_time(is_night), pictures, gate))
    exchanged = _measure_exchange(output)
    legend = {}
    if isinstance(loaded.config.task, SegmentationTask):
        names = loaded.class_names
        legend = dict(zip(names, create_palette(len(names)), strict=True))
    make_branch_figure(rows, exchanged, legend, path)
    return BranchFigure(tuple(images), exchanged)


def _draw_labels(
    loaded: LoadedNetwork, output: CskOutput, row: int, background_u8: np.ndarray
) -> dict[str, np.ndarray]:
    if not isinstance(loaded.config.task, SegmentationTask):
        return {}
    palette = create_palette(len(loaded.class_names))
    predictions = {
        **{f"{name} branch": output.branch_predictions[name] for name in BOTH},
        "both, fused": output.prediction,
    }
    return {
        title: overlay_labels(
            background_u8, np.asarray(logits[row]).argmax(axis=-1).astype(np.uint8), palette
        )
        for title, logits in predictions.items()
    }


def _measure_exchange(output: CskOutput) -> dict[str, dict[str, float]]:
    def measure(scale: Float[Any, " c"]) -> float:
        return 100 * float(is_given_up(scale, below=output.exchange_below).mean())

    return {
        block.replace("_", " "): {branch: measure(scale) for branch, scale in scales.items()}
        for block, scales in sorted(output.exchange_scales.items())
    }
