"""A trained network as files for other programs: what `mdjax export` does."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from mdjax.export.artefact import (
    FILES,
    Artefact,
    ModelFormat,
    NewFile,
    check_place,
    describe_network,
    format_metadata,
    write_artefact,
)
from mdjax.export.deployment import InputType, deploy
from mdjax.export.int8 import Int8Model, Int8Options, create_int8_model
from mdjax.export.interface import Interface, describe_onnx, describe_stablehlo
from mdjax.export.measuring import measure_steps
from mdjax.export.onnx_graph import DEFAULT_OPSET
from mdjax.export.onnx_model import Layout, count_operators, create_onnx_model
from mdjax.export.simplification import simplify
from mdjax.export.stablehlo import create_stablehlo
from mdjax.export.weights import write_weights
from mdjax.io.json_file import write_text
from mdjax.models.modalities import Missing
from mdjax.runs.loading import LoadedNetwork
from mdjax.types import MdjaxError

INT8_FILE = "model_int8.onnx"
CALIBRATION_FILE, END_NODES_FILE = "calibration.npz", "end_nodes.txt"


def export_network(
    loaded: LoadedNetwork,
    out_dir: Path,
    *,
    formats: Sequence[ModelFormat] = tuple(FILES),
    head: str | None = None,
    input_type: InputType = "uint8",
    layout: Layout = "nchw",
    opset: int = DEFAULT_OPSET,
    batch_size: int = 1,
    missing: Missing = "none",
    in_one_array: bool = False,
    low_resolution_stem: bool = False,
    int8: Int8Options | None = None,
    overwrite: bool = False,
) -> Artefact:
    """Simplify a trained network exactly and write it for other programs.

    Args:
        loaded: From `load_network`.
        out_dir: Folder for the models and their card.
        formats: Which models.
        head: What it answers with, see `list_heads`; None for the usual one.
        input_type: Of the images.
        layout: Of the images of the ONNX model; StableHLO takes [b h w c].
        opset: Version of ONNX's operators.
        batch_size: Images of a batch of the ONNX model; StableHLO takes any number.
        missing: Image that the network has to do without.
        in_one_array: Take RGB and thermal as four channels of one array.
        low_resolution_stem: Convolve the thermal image at the resolution of its sensor; see
            docs/export.md for when this is faster.
        int8: How the network is brought to 8 bits too, in a second model; None: float alone.
        overwrite: Replace an earlier export.

    Raises:
        MdjaxError: The network has no scores or weights that are not finite, an operation cannot be
            written, nothing can be computed at the resolution of the sensor, or something else is
            in the place of the folder.

    Example:
        >>> from pathlib import Path
        >>> import mdjax
        >>> loaded = mdjax.load_network(Path("runs/distilled"))
        >>> artefact = mdjax.export_network(loaded, Path("exported"))
        >>> sorted(artefact.card["files"])
        ['model.onnx', 'model.safetensors', 'model.stablehlo']
    """
    check_place(out_dir, overwrite=overwrite)
    if not formats:
        raise MdjaxError(f"formats names none; give at least one of {', '.join(FILES)}.")
    if batch_size < 1:
        raise MdjaxError(f"batch_size is {batch_size}; give 1 or more.")
    deployment = deploy(
        loaded, head=head, input_type=input_type, missing=missing, in_one_array=in_one_array
    )
    if int8 is not None and batch_size > 1:
        raise MdjaxError("int8 is calibrated with one pair at a time; omit --batch-size.")
    if deployment.head.nms is not None and batch_size > 1:
        raise MdjaxError(f"head {deployment.head_name} takes one image; omit --batch-size.")
    has_onnx = "onnx" in formats
    facts = describe_network(
        loaded,
        deployment,
        missing=missing,
        batch_size=batch_size if has_onnx else None,
    )
    steps = simplify(deployment, batch_size, low_resolution_stem=low_resolution_stem)
    files: dict[str, NewFile] = {}
    if has_onnx:
        interface = describe_onnx(deployment, layout, batch_size)
        model = create_onnx_model(
            steps[-1].graph,
            deployment,
            opset=opset,
            layout=layout,
            metadata=format_metadata({**facts, **interface}),
        )
        files[FILES["onnx"]] = _hold_onnx(model, interface)
        if int8 is not None:
            made = create_int8_model(
                loaded, deployment, steps[-1].graph, model, int8, layout=layout
            )
            facts["int8"] = made.facts
            in_int8 = _hold_onnx(onnx.load_model_from_string(made.model), interface)
            files |= {INT8_FILE: in_int8, **_list_for_compilers(made)}
    elif int8 is not None:
        raise MdjaxError("int8 is an ONNX model; add onnx to --formats.")
    if "stablehlo" in formats:
        program = create_stablehlo(deployment, low_resolution_stem=low_resolution_stem)
        files[FILES["stablehlo"]] = _hold(program, describe_stablehlo(deployment))
    if "safetensors" in formats:
        files[FILES["safetensors"]] = NewFile(lambda path: write_weights(loaded.variables, path))
    measured = measure_steps(
        steps, deployment, batch_size=batch_size, onnx_opset=opset if has_onnx else None
    )
    return write_artefact(out_dir, facts, measured, files, overwrite=overwrite)


def _list_for_compilers(made: Int8Model) -> dict[str, NewFile]:
    """What compilers want that bring the model in float to 8 bits by themselves."""
    calibration: Any = made.calibration
    end_nodes = "".join(f"{name}\n" for name in made.end_nodes)
    return {
        CALIBRATION_FILE: NewFile(lambda path: np.savez_compressed(path, **calibration)),
        END_NODES_FILE: NewFile(lambda path: write_text(path, end_nodes)),
    }


def _hold_onnx(model: onnx.ModelProto, interface: Interface) -> NewFile:
    described = {**interface, "operators": count_operators(model)}
    return _hold(model.SerializeToString(), described)


def _hold(content: bytes, interface: Interface) -> NewFile:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return NewFile(write, interface)
