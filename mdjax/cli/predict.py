"""`mdjax predict`: predict your own images with a trained network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from mdjax.align.common_view import PartXyxy, make_common_view
from mdjax.cli.options import parse_options
from mdjax.cli.output import print_json, show_on_stderr, shows_progress
from mdjax.export.exported import (
    ExportedModel,
    ExportedNetwork,
    is_export,
    load_exported,
)
from mdjax.models.modalities import Missing
from mdjax.predict.files import check_inputs, follow_files, predict_files
from mdjax.predict.follow import StopRule
from mdjax.predict.inputs import SimulateCamera
from mdjax.runs.loading import CheckpointName, LoadedNetwork, load_network
from mdjax.types import MdjaxError


@dataclass(frozen=True)
class Predict:
    """Label your own images or videos or find objects in them, depending on the network's task.

    Give one pair (IMAGES and --thermal are files), two folders whose names match (both are
    folders), one folder of pairs in any layout that `mdjax prepare rgbt-folder` reads, such as
    visible/ and thermal/, or a_rgb.png and a_ir.png (IMAGES alone), or four-channel PNGs, RGB +
    thermal (IMAGES alone). Thermal images may have a lower resolution than visible ones. Networks
    that see only visible images need no thermal ones. Without a visible camera, give thermal
    images alone as IMAGES, with --missing visible. Videos are given like files.
    With --follow, IMAGES (and --thermal) are folders that are being filled: each pair is predicted
    once both files are whole, until Ctrl-C.
    For a network that was trained on a data set prepared with --homography or --visible-crop, give
    the same here.

    Attributes:
        network: Run directory, the folder of a checkpoint, or the folder of `mdjax export`.
        images: Visible image, four-channel PNG, a folder of either, a folder of pairs, or a video
            (mp4, avi, mkv, mov).
        thermal: Thermal image, folder of thermal images, or thermal video, as long as the other.
        out_dir: Folder for NAME_labels.png, NAME_overlay.png and classes.json; or, for detectors,
            NAME_detections.png and detections.json. Of a video, NAME_overlay.mp4, the folder
            NAME_labels and NAME_labels.json; or NAME_detections.mp4 and detections.json.
        checkpoint: Of a run: the last state, or the best on the validation split.
        model: Of an export: the ONNX model in float or in 8 bits (both in ONNX Runtime), or
            StableHLO; by default the first of float and StableHLO that is there.
        simulate_camera: Coarsen thermal images as in training: auto does so if they have the size
            of the visible image, and uses smaller ones unchanged.
        score_threshold: For detectors: lowest score that is drawn and written; 0.3 by default.
        batch_size: Images per batch; with --follow always 1.
        missing: Image that the network has to do without, see `mdjax evaluate --help`.
        visible_crop: Left, top, right and bottom edge in pixels: the part of visible images that
            thermal images show, see `mdjax prepare rgbt-folder --help`.
        homography: File of `mdjax align`, for the same.
        follow: Predict what comes into the folders, and what is there already, but for what an
            earlier call with the same --out-dir has predicted.
        idle_seconds: With --follow: end after so many seconds without a new pair.
        max_pairs: With --follow: end after so many predicted pairs.
        overwrite: Replace files of an earlier prediction.
        json: Print one JSON object instead of the summary.
    """

    network: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN_OR_EXPORT")]]
    images: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="IMAGES")]]
    thermal: Path | None = None
    out_dir: Path = Path("predictions")
    checkpoint: CheckpointName = "last"
    model: ExportedModel | None = None
    simulate_camera: SimulateCamera = "auto"
    score_threshold: float | None = None
    batch_size: int = 4
    missing: Missing = "none"
    visible_crop: PartXyxy | None = None
    homography: Path | None = None
    follow: bool = False
    idle_seconds: float | None = None
    max_pairs: int | None = None
    overwrite: bool = False
    json: bool = False


def run_predict(arguments: Sequence[str]) -> int:
    """Run `mdjax predict RUN_OR_EXPORT IMAGES [options]`."""
    command: Predict = parse_options(
        Predict, arguments, prog="mdjax predict", config=(tyro.conf.FlagCreatePairsOff,)
    )
    stop = _choose_stop(command)
    # A wrong path is told before seconds have passed.
    check_inputs(command.images, command.thermal, missing=command.missing, follow=command.follow)
    view = make_common_view(command.visible_crop, command.homography)
    loaded = _load(command)
    options: Any = {
        "out_dir": command.out_dir,
        "score_threshold": command.score_threshold,
        "simulate": command.simulate_camera,
        "overwrite": command.overwrite,
        "missing": command.missing,
        "view": view,
    }
    if command.follow:
        predictions = follow_files(
            loaded, command.images, command.thermal, stop=stop, tell=show_on_stderr, **options
        )
    else:
        predictions = predict_files(
            loaded,
            command.images,
            command.thermal,
            batch_size=command.batch_size,
            show_progress=shows_progress(),
            **options,
        )
    if command.json:
        network = type(loaded.config.network).__name__.removesuffix("Config")
        is_run = isinstance(loaded, LoadedNetwork)
        head = {
            "run_dir" if is_run else "model": loaded.source,
            "network": network,
            "step": loaded.step,
        }
        print_json(head | predictions.to_dict())
    else:
        print(predictions.format_summary())
    return 0


def _choose_stop(command: Predict) -> StopRule:
    stop = StopRule(command.idle_seconds, command.max_pairs)
    if not command.follow and stop != StopRule():
        raise MdjaxError(
            "--idle-seconds and --max-pairs are for streams; add --follow, or omit them."
        )
    stop.check()
    return stop


def _load(command: Predict) -> LoadedNetwork | ExportedNetwork:
    """Load a run or an export, and refuse the options of the other."""
    if not is_export(command.network):
        if command.model is not None:
            raise MdjaxError(
                f"{command.network}: is no export; omit --model, or give what `mdjax export` wrote."
            )
        return load_network(command.network, command.checkpoint)
    if command.checkpoint != "last":
        raise MdjaxError(
            f"{command.network}: is an export, of one state; omit --checkpoint, or give its run."
        )
    loaded = load_exported(command.network, command.model)
    loaded.check_missing(command.missing)
    return loaded
