"""A network as files that engines load, with images and what it has to answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from mdjax.benchmark.engine import ARRAYS_FILE, ENGINES, JAX, Engine
from mdjax.benchmark.engines.serving import Job
from mdjax.benchmark.torch_facts import describe_architecture, has_twin, write_arrays
from mdjax.export.artefact import FILES
from mdjax.export.deployment import Deployment, ImageInput, deploy
from mdjax.export.export import INT8_FILE
from mdjax.export.feeds import Feed
from mdjax.export.graph import Graph
from mdjax.export.measuring import make_random_images
from mdjax.export.onnx_model import create_onnx_model
from mdjax.export.quantisation import quantise
from mdjax.export.sensitivity import measure_layer_errors
from mdjax.export.simplification import simplify
from mdjax.export.stablehlo import create_stablehlo
from mdjax.models.modalities import THERMAL
from mdjax.runs.loading import LoadedNetwork
from mdjax.train.state import count_parameters

IMAGES_FILE = "images.npz"

SizesWh = tuple[tuple[int, int], tuple[int, int]]
"""Width and height in pixels of the visible images, then of the thermal images."""


@dataclass(frozen=True)
class Models:
    """A network for batches of one size.

    Attributes:
        name: Of the network.
        jobs: What each engine loads, by its name.
        absent: Why an engine cannot run it, by its name.
        expected: What it answers to the images of the jobs, by the name of the output; of images
            [b h w c].
        head_name: What the answers are, see `list_heads`.
        num_parameters: Trainable ones; None if unknown.
        gflop_trained: Billions of operations of one pair as trained, as XLA counts them.
        gflop_simplified: The same after the export's simplification.
        size_wh: Of the visible images.
        thermal_size_wh: Of the thermal images; (0, 0) where it takes none.
        batch_size: Pairs of a batch.
    """

    name: str
    jobs: Mapping[str, Job]
    absent: Mapping[str, str]
    expected: Mapping[str, np.ndarray]
    head_name: str
    num_parameters: int | None
    gflop_trained: float
    gflop_simplified: float
    size_wh: tuple[int, int]
    thermal_size_wh: tuple[int, int]
    batch_size: int

    def get_gflop(self, engine: Engine) -> float:
        """Return the operations of one pair in an engine."""
        return self.gflop_simplified if engine.is_simplified else self.gflop_trained


@dataclass(frozen=True)
class Origin:
    """Where the JAX engine finds a network.

    Attributes:
        run_dir: Run directory.
        checkpoint: Its name.
        size_hw: Rows and columns of the images, if other than in training.
        resolution: Of the thermal camera, if another than in training.
    """

    run_dir: Path
    checkpoint: str
    size_hw: tuple[int, int] | None = None
    resolution: str | None = None


def list_sizes_wh(working_size_hw: tuple[int, int], inputs: Sequence[ImageInput]) -> SizesWh:
    """Return the sizes of visible and thermal images; of the latter (0, 0) where it takes none."""
    height, width = working_size_hw
    thermal_h, thermal_w = {x.name: x.size_hw for x in inputs}.get(THERMAL, (0, 0))
    return (width, height), (thermal_w, thermal_h)


def write_models(
    loaded: LoadedNetwork,
    origin: Origin,
    folder: Path,
    engines: Sequence[Engine],
    *,
    name: str,
    batch_size: int,
    num_threads: int,
    feeds: Sequence[Feed] = (),
) -> Models:
    """Write what engines load of a network.

    Args:
        loaded: With the sizes of the origin.
        origin: Where it comes from.
        folder: A new one for the files.
        engines: Which will run it.
        name: Of the network.
        batch_size: Pairs of a batch.
        num_threads: Of each engine.
        feeds: Pairs that 8 bits are calibrated with; by default a random one, which is enough to
            tell how fast they are.
    """
    folder.mkdir(parents=True)
    deployment = deploy(loaded)
    images = make_random_images(deployment, batch_size=batch_size)
    names = [x.name for x in deployment.inputs]
    arrays: Any = dict(zip(names, images, strict=True))
    np.savez(folder / IMAGES_FILE, **arrays)
    expected, gflop_trained = _compile_and_run(deployment.run, images)
    single = simplify(deployment)[-1].graph
    wanted = {engine.model for engine in engines}
    _write_onnx(deployment, single, folder, wanted, feeds, batch_size=batch_size)
    if FILES["stablehlo"] in wanted:
        (folder / FILES["stablehlo"]).write_bytes(create_stablehlo(deployment))
    absent: dict[str, str] = {}
    facts: Mapping[str, Any] = {}
    if ARRAYS_FILE in wanted:
        if has_twin(loaded):
            write_arrays(loaded, deployment, folder / ARRAYS_FILE)
            facts = describe_architecture(loaded, deployment)
        else:
            kind = type(loaded.network).__name__
            why = f"{kind} has no twin in PyTorch here"
            absent = {engine.name: why for engine in ENGINES.values() if engine.is_torch}
    make_job = partial(
        Job,
        images=str(folder / IMAGES_FILE),
        output_names=tuple(deployment.output_names),
        num_threads=num_threads,
    )
    jobs = {}
    for engine in engines:
        details = dict(engine.details)
        if engine is JAX:
            details |= {**vars(origin), "run_dir": str(origin.run_dir)}
        jobs[engine.name] = make_job(
            model=str(folder / engine.model) if engine.model else "",
            channels_first=engine.model not in ("", FILES["stablehlo"]),
            details={**details, "input_names": names, "facts": facts},
        )
    size_wh, thermal_size_wh = list_sizes_wh(deployment.working_size_hw, deployment.inputs)
    return Models(
        name=name,
        jobs=jobs,
        absent=absent,
        expected=dict(zip(deployment.output_names, expected, strict=True)),
        head_name=deployment.head_name,
        num_parameters=count_parameters(loaded.variables["params"]),
        gflop_trained=gflop_trained / batch_size,
        gflop_simplified=_compile_and_run(single, [x[:1] for x in images])[1],
        size_wh=size_wh,
        thermal_size_wh=thermal_size_wh,
        batch_size=batch_size,
    )


def _write_onnx(
    deployment: Deployment,
    single: Graph,
    folder: Path,
    wanted: set[str],
    feeds: Sequence[Feed],
    *,
    batch_size: int,
) -> None:
    if not wanted & {FILES["onnx"], INT8_FILE}:
        return
    graph = single if batch_size == 1 else simplify(deployment, batch_size)[-1].graph
    model = create_onnx_model(graph, deployment)
    (folder / FILES["onnx"]).write_bytes(model.SerializeToString())
    if INT8_FILE not in wanted:
        return
    if feeds:
        shown = [[feed[x.name] for x in deployment.inputs] for feed in feeds]
        errors = measure_layer_errors(single, shown)
    else:
        errors = []  # Of random images they would say nothing: no layer stays in float.
        images = make_random_images(deployment, batch_size=batch_size)
        feeds = [dict(zip((x.name for x in deployment.inputs), images, strict=True))]
    quantised, _ = quantise(model, feeds, errors)
    (folder / INT8_FILE).write_bytes(quantised)


def _compile_and_run(function: Any, images: Sequence[np.ndarray]) -> tuple[list[np.ndarray], float]:
    """Return the outputs and the billions of operations."""
    program: Any = jax.jit(function).lower(*images).compile()
    outputs = [np.asarray(x) for x in program(*images)]
    return outputs, float(program.cost_analysis()["flops"]) / 1e9
