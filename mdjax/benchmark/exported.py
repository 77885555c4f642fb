"""An exported folder as files that engines load."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

from mdjax.benchmark.engine import ARRAYS_FILE, JAX, Engine
from mdjax.benchmark.engines.serving import Job
from mdjax.benchmark.models import IMAGES_FILE, Models, SizesWh, list_sizes_wh
from mdjax.export.artefact import CARD_FILE, FILES, read_card
from mdjax.export.export import INT8_FILE
from mdjax.export.exported import ExportedModel, ExportedNetwork, load_exported
from mdjax.export.feeds import convert_to_input
from mdjax.export.heads import IS_VALID
from mdjax.types import MdjaxError

_STATISTICS = ("running_mean", "running_var", ".mean", ".var", "num_batches_tracked")


@dataclass(frozen=True)
class OpenedExport:
    """An export whose files are those that were written.

    Attributes:
        folder: Of the export.
        card: What its card says.
        network: The StableHLO program, or else the ONNX model in 32 bits: what engines have to
            answer.
        gflop_trained: Billions of operations of one pair as trained, as XLA counts them.
        gflop_simplified: The same after the export's simplification.
    """

    folder: Path
    card: Mapping[str, Any]
    network: ExportedNetwork
    gflop_trained: float
    gflop_simplified: float

    @property
    def sizes_wh(self) -> SizesWh:
        """Of the visible and of the thermal images."""
        return list_sizes_wh(self.network.config.pipeline.image_size_hw, self.network.inputs)


def open_export(folder: Path) -> OpenedExport:
    """Check the files of an export, and load the model that engines are compared with.

    Raises:
        MdjaxError: It is no export, a file is missing or was changed, its card is damaged, or
            nothing in it can run.
    """
    card = read_card(folder)
    models: dict[str, ExportedModel] = {FILES["stablehlo"]: "stablehlo", FILES["onnx"]: "float"}
    there: list[ExportedModel] = [model for name, model in models.items() if name in card["files"]]
    if not there:
        raise MdjaxError(f"{folder}: holds no model that can run; export ONNX or StableHLO too.")
    network = load_exported(folder, there[0])
    try:
        gflop = [float(step["gflop"]) for step in card["steps"]]
        return OpenedExport(folder, card, network, gflop[0], gflop[-1])
    except (LookupError, TypeError, ValueError) as error:
        raise MdjaxError(f"{folder / CARD_FILE}: is damaged. Export the run again.") from error


def prepare_models(
    exported: OpenedExport,
    folder: Path,
    engines: Sequence[Engine],
    *,
    batch_size: int,
    num_threads: int,
) -> Models:
    """Describe what engines load of an export.

    Args:
        exported: The export.
        folder: A new one for the images.
        engines: Which will run it.
        batch_size: Pairs of a batch.
        num_threads: Of each engine.
    """
    network = exported.network
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    images = {
        x.name: convert_to_input(
            rng.random((batch_size, *x.size_hw, x.num_channels), np.float32), network.input_type
        )
        for x in network.inputs
    }
    arrays: Any = images
    np.savez(folder / IMAGES_FILE, **arrays)
    absent = {
        engine.name: reason
        for engine in engines
        if (reason := _find_obstacle(engine, exported.card, batch_size))
    }
    files = exported.card["files"]
    # What all models answer: StableHLO says besides which rows of selected boxes are some.
    names = tuple(x for x in files[network.source.name]["outputs"] if x not in IS_VALID)
    jobs = {
        engine.name: Job(
            model=str(exported.folder / engine.model),
            images=str(folder / IMAGES_FILE),
            output_names=names,
            num_threads=num_threads,
            channels_first=files[engine.model]["inputs"][0]["axes"] == "b c h w",
            details={**engine.details, "input_names": list(images)},
        )
        for engine in engines
        if engine.name not in absent
    }
    answers = network.answer(images) if jobs else {}
    size_wh, thermal_size_wh = exported.sizes_wh
    return Models(
        name=str(exported.folder),
        jobs=jobs,
        absent=absent,
        expected={name: np.asarray(answers[name]) for name in names if jobs},
        head_name=network.head_name,
        num_parameters=_count_parameters(exported.folder / FILES["safetensors"]),
        gflop_trained=exported.gflop_trained,
        gflop_simplified=exported.gflop_simplified,
        size_wh=size_wh,
        thermal_size_wh=thermal_size_wh,
        batch_size=batch_size,
    )


def _find_obstacle(engine: Engine, card: Mapping[str, Any], batch_size: int) -> str:
    """Say why an engine cannot run an export; "" if it can."""
    if engine is JAX or engine.model == ARRAYS_FILE:
        return "an export has no network as trained; give the run directory too"
    if engine.model not in card["files"]:
        remedy = "--int8" if engine.model == INT8_FILE else "--formats"
        return f"holds no {engine.model}; export it with {remedy}"
    if engine.model == FILES["stablehlo"]:
        return ""
    taken = card["batch_size"]
    if taken != batch_size:
        return f"{engine.model} takes batches of {taken}; export it with --batch-size {batch_size}"
    return ""


def _count_parameters(weights: Path) -> int | None:
    """Count the values of an exported file of weights, running statistics aside."""
    if not weights.is_file():
        return None
    with safetensors.safe_open(weights, "numpy") as tensors:
        return sum(
            int(np.prod(tensors.get_slice(name).get_shape()))
            for name in tensors.keys()  # noqa: SIM118  (it is no mapping)
            if not name.endswith(_STATISTICS)
        )
