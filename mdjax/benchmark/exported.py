"""An exported folder as files that engines load."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from jax import export

from mdjax.benchmark.engine import ARRAYS_FILE, JAX, Engine
from mdjax.benchmark.engines.serving import Job
from mdjax.benchmark.models import IMAGES_FILE, Models
from mdjax.export.artefact import FILES, read_card
from mdjax.export.export import INT8_FILE
from mdjax.export.onnx_session import open_session
from mdjax.types import MdjaxError

_STATISTICS = ("running_mean", "running_var", ".mean", ".var", "num_batches_tracked")


def open_models(
    exported: Path,
    folder: Path,
    engines: Sequence[Engine],
    *,
    batch_size: int,
    num_threads: int,
) -> Models:
    """Describe what engines load of an export.

    Args:
        exported: The folder of the export.
        folder: A new one for the images.
        engines: Which will run it.
        batch_size: Pairs of a batch.
        num_threads: Of each engine.

    Raises:
        MdjaxError: It is no export, a file is missing or was changed, or nothing in it can run.
    """
    card = read_card(exported)
    files = [name for name in card["files"] if name in (FILES["stablehlo"], FILES["onnx"])]
    if not files:
        raise MdjaxError(f"{exported}: holds no model that can run; export ONNX or StableHLO too.")
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    images = {x["name"]: _make_images(x, batch_size, rng) for x in card["inputs"]}
    arrays: Any = images
    np.savez(folder / IMAGES_FILE, **arrays)
    absent = {
        engine.name: reason
        for engine in engines
        if (reason := _find_obstacle(engine, card, batch_size))
    }
    channels_first = card["inputs"][0]["axes"] == "b c h w"
    jobs = {
        engine.name: Job(
            model=str(exported / engine.model),
            images=str(folder / IMAGES_FILE),
            output_names=tuple(card["outputs"]),
            num_threads=num_threads,
            channels_first=channels_first and engine.model != FILES["stablehlo"],
            details={**engine.details, "input_names": list(images)},
        )
        for engine in engines
        if engine.name not in absent
    }
    sizes = {x["name"]: tuple(x["size_wh"]) for x in card["inputs"]}
    return Models(
        name=str(exported),
        jobs=jobs,
        absent=absent,
        expected=_answer(exported, card, images) if jobs else {},
        head_name=card["head"],
        num_parameters=_count_parameters(exported / FILES["safetensors"]),
        gflop_trained=card["steps"][0]["gflop"],
        gflop_simplified=card["steps"][-1]["gflop"],
        size_wh=tuple(card["working_size_wh"]),
        thermal_size_wh=sizes.get("thermal", (0, 0)),
        batch_size=batch_size,
    )


def _make_images(x: Mapping[str, Any], batch_size: int, rng: np.random.Generator) -> np.ndarray:
    width, height = x["size_wh"]
    num_channels = x["shape"][x["axes"].split().index("c")]
    values = rng.random((batch_size, height, width, num_channels), np.float32)
    return (values * 255).astype(np.uint8) if x["type"] == "uint8" else values


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


def _answer(
    exported: Path, card: Mapping[str, Any], images: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """What the StableHLO program answers, or else the ONNX model in 32 bits."""
    names = list(card["outputs"])
    if FILES["stablehlo"] in card["files"]:
        program = export.deserialize(bytearray((exported / FILES["stablehlo"]).read_bytes()))
        answers: Any = program.call(*images.values())
        return {name: np.asarray(answers[name]) for name in names}
    layout = "nchw" if card["inputs"][0]["axes"] == "b c h w" else "nhwc"
    run = open_session((exported / FILES["onnx"]).read_bytes(), layout=layout)
    return dict(zip(names, run(images), strict=True))


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
