"""`mdjax export`: a trained network as files for other programs."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from mdjax.cli.options import parse_options
from mdjax.cli.output import print_json
from mdjax.export.artefact import FILES, ModelFormat
from mdjax.export.deployment import InputType
from mdjax.export.export import INT8_FILE, export_network
from mdjax.export.int8 import MAX_DROP, Int8Options
from mdjax.export.onnx_graph import DEFAULT_OPSET
from mdjax.export.onnx_model import Layout
from mdjax.export.quantisation import KEEP_ABOVE
from mdjax.models.modalities import Missing
from mdjax.runs.loading import CheckpointName, load_network
from mdjax.types import MdjaxError, format_count


@dataclass(frozen=True)
class Export:
    """Write a trained network for boards, servers and other programs.

    It is simplified first, without changing what it says: a table shows what each step saves. What
    is written takes images as the cameras deliver them, the thermal one at the size of its sensor:
    scaling and normalisation are part of it.

    Attributes:
        run_dir: Run directory, or the folder of a checkpoint.
        out_dir: Folder for the models and card.json, which says what they take and answer.
        formats: onnx for boards and ONNX Runtime; stablehlo for JAX without mdjax; safetensors for
            the weights, with torchvision's names.
        head: Of a network that labels pixels, logits or classes; of a detector, boxes, raw (class
            logits and box offsets of the anchors) or nms (duplicates suppressed).
        input: Images as grey levels 0 to 255, or as float32 in [0, 1].
        layout: Axes of the ONNX model's images: channels first, as boards want them, or last.
        opset: Version of ONNX's operators.
        batch_size: Images of a batch of the ONNX model.
        missing: Image that the network has to do without: CSK-Net then runs one branch.
        in_one_array: Take RGB and thermal as four channels of one array of the working size.
        low_resolution_stem: Convolve the thermal image at the resolution of its sensor, which saves
            the enlarged image, not time on most processors: see docs/export.md.
        checkpoint: The last state, or the best on the validation split.
        int8: Add model_int8.onnx, in 8 bits: calibrated, scored before and after, and refused where
            it costs too much; with calibration.npz and end_nodes.txt for compilers that want the
            model in float.
        calibrate: For int8: visible images, or a folder of pairs, that show what the network will
            see; by default pairs of the data set it was trained with.
        calibrate_thermal: The folder with the thermal images of --calibrate, if it is another.
        data_dir: For int8: folder of prepared data sets; by default as in training.
        max_drop: Points of the main score that 8 bits may cost.
        keep_above: Convolutions whose output 8 bits alone change by more than this share stay in
            float.
        symmetric: For int8: centre the steps of all values on 0, as TensorRT wants it.
        overwrite: Replace an earlier export.
        json: Print the card instead of the table.
    """

    run_dir: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN_DIR")]]
    out_dir: Path = Path("exported")
    formats: tuple[ModelFormat, ...] = tuple(FILES)
    head: str | None = None
    input: InputType = "uint8"
    layout: Layout = "nchw"
    opset: int = DEFAULT_OPSET
    batch_size: int = 1
    missing: Missing = "none"
    in_one_array: bool = False
    low_resolution_stem: bool = False
    checkpoint: CheckpointName = "last"
    int8: bool = False
    calibrate: Path | None = None
    calibrate_thermal: Path | None = None
    data_dir: Path | None = None
    max_drop: float = MAX_DROP
    keep_above: float = KEEP_ABOVE
    symmetric: bool = False
    overwrite: bool = False
    json: bool = False


def run_export(arguments: Sequence[str]) -> int:
    """Run `mdjax export RUN_DIR [options]`."""
    command: Export = parse_options(
        Export, arguments, prog="mdjax export", config=(tyro.conf.FlagCreatePairsOff,)
    )
    artefact = export_network(
        load_network(command.run_dir, command.checkpoint),
        command.out_dir,
        formats=command.formats,
        head=command.head,
        input_type=command.input,
        layout=command.layout,
        opset=command.opset,
        batch_size=command.batch_size,
        missing=command.missing,
        in_one_array=command.in_one_array,
        low_resolution_stem=command.low_resolution_stem,
        int8=_choose_int8(command),
        overwrite=command.overwrite,
    )
    if command.json:
        print_json(artefact.card)
    else:
        print(_format_summary(artefact.folder, artefact.card))
    return 0


def _choose_int8(command: Export) -> Int8Options | None:
    options = Int8Options(
        command.calibrate,
        command.calibrate_thermal,
        command.data_dir,
        command.max_drop,
        command.keep_above,
        command.symmetric,
    )
    if command.int8:
        return options
    if options != Int8Options():
        raise MdjaxError(
            "--calibrate, --calibrate-thermal, --data-dir, --max-drop, --keep-above and "
            "--symmetric are for 8 bits; add --int8, or omit them."
        )
    return None


def _format_summary(folder: Path, card: Mapping[str, Any]) -> str:
    heading = f"{'':52}{'GFLOP':>8}{'JAX ms':>9}{'ONNX ms':>9}{'difference':>12}"
    lines = [
        f"{step['name']:52}{step['gflop']:8.2f}{step['milliseconds']:9.1f}"
        f"{_format_time(step['onnx_milliseconds']):>9}{step['difference']:12.1e}"
        for step in card["steps"]
    ]
    files = [f"  {name}: {_format_size(of['num_bytes'])}" for name, of in card["files"].items()]
    return "\n".join(
        [
            "One image pair on all cores of this machine, with JAX and with ONNX Runtime; programs",
            "that run beside distort the times. The difference is the largest of any output,",
            "relative to its largest value:",
            "",
            heading,
            *lines,
            "",
            *_describe_models(card["files"]),
            *_describe_int8(card),
            f"written to {folder}, described by card.json:",
            *files,
        ]
    )


def _describe_models(files: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    for name, of in files.items():
        if "inputs" in of and name != INT8_FILE:  # In 8 bits it takes and answers the same.
            lines += [f"{name} takes", *_describe_inputs(of), "and answers", *_describe_outputs(of)]
        if "operators" in of:
            lines += [f"{name} consists of", *_list_operators(of["operators"])]
        lines += [""] if lines and lines[-1] else []
    return lines


def _describe_inputs(of: Mapping[str, Any]) -> list[str]:
    return [f"  {x['name']}: {_describe_array(x)}, {x['channels']}" for x in of["inputs"]]


def _describe_outputs(of: Mapping[str, Any]) -> list[str]:
    return [f"  {name}: {_describe_array(x)}; {x['meaning']}" for name, x in of["outputs"].items()]


def _list_operators(counts: Mapping[str, int]) -> list[str]:
    text = ", ".join(f"{name}\xa0{count}" for name, count in counts.items())  # Stay on one line.
    lines = textwrap.wrap(text, width=78, initial_indent="  ", subsequent_indent="  ")
    return [line.replace("\xa0", " ") for line in lines]


def _describe_array(described: Mapping[str, Any]) -> str:
    shape = ", ".join(map(str, described["shape"]))
    return f"{described['type']} [{shape}] ({described['axes']})"


def _format_size(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:.1f} MB" if num_bytes >= 50_000 else format_count(num_bytes, "byte")


def _format_time(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:.1f}"


def _describe_int8(card: Mapping[str, Any]) -> list[str]:
    if "int8" not in card:
        return []
    scores, kept = card["int8"]["scores"], card["int8"]["kept_in_float"]
    return [
        f"int8: {scores['metric']} {scores['float']:.2f} in float, {scores['int8']:.2f} in 8 bits "
        f"({scores['images']} of the split {scores['split']!r}); calibrated with "
        f"{format_count(card['int8']['num_calibration_pairs'], 'pair')}, "
        f"{format_count(len(kept), 'layer')} kept in float",
        "",
    ]
