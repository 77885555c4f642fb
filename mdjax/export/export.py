"""A trained network as files for other programs: what `mdjax export` does."""

from collections.abc import Sequence
from pathlib import Path

from mdjax.export.artefact import (
    FILES,
    Artefact,
    ModelFormat,
    Write,
    check_place,
    describe_network,
    format_metadata,
    write_artefact,
)
from mdjax.export.deployment import InputType, deploy
from mdjax.export.onnx_graph import DEFAULT_OPSET
from mdjax.export.onnx_model import Layout, create_onnx_model
from mdjax.export.simplification import measure_steps, simplify
from mdjax.export.stablehlo import create_stablehlo
from mdjax.export.weights import write_weights
from mdjax.models.modalities import Missing
from mdjax.runs.loading import LoadedNetwork
from mdjax.types import MdjaxError

_AXES: dict[Layout, str] = {"nchw": "b c h w", "nhwc": "b h w c"}


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
        overwrite: Replace an earlier export.

    Raises:
        MdjaxError: The network has no scores or weights that are not finite, an operation cannot be
            written, or something else is in the place of the folder.

    Example:
        >>> from pathlib import Path
        >>> import mdjax
        >>> loaded = mdjax.load_network(Path("runs/distilled"))
        >>> artefact = mdjax.export_network(loaded, Path("exported"))
        >>> sorted(artefact.card["files"])
        ['model.onnx', 'model.safetensors', 'model.stablehlo']
    """
    check_place(out_dir, overwrite=overwrite)
    if batch_size < 1:
        raise MdjaxError(f"batch_size is {batch_size}; give 1 or more.")
    deployment = deploy(
        loaded, head=head, input_type=input_type, missing=missing, in_one_array=in_one_array
    )
    if deployment.head.nms is not None and batch_size > 1:
        raise MdjaxError(f"head {deployment.head_name} takes one image; omit --batch-size.")
    facts = describe_network(loaded, deployment, axes=_AXES[layout], missing=missing)
    steps = simplify(deployment)
    models: dict[str, Write] = {}
    if "onnx" in formats:
        batch = steps if batch_size == 1 else simplify(deployment, batch_size)
        model = create_onnx_model(
            batch[-1].graph,
            deployment,
            opset=opset,
            layout=layout,
            metadata=format_metadata(facts),
        ).SerializeToString()
        models[FILES["onnx"]] = lambda path: _write_bytes(path, model)
    if "stablehlo" in formats:
        program = create_stablehlo(deployment)
        models[FILES["stablehlo"]] = lambda path: _write_bytes(path, program)
    if "safetensors" in formats:
        models[FILES["safetensors"]] = lambda path: write_weights(loaded.variables, path)
    measured = measure_steps(steps, deployment)
    return write_artefact(out_dir, facts, measured, models, overwrite=overwrite)


def _write_bytes(path: Path, content: bytes) -> None:
    path.write_bytes(content)
