"""`mdjax predict`: what a trained network says of images of one's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from mdjax.cli.options import parse_options
from mdjax.cli.output import print_json, shows_progress
from mdjax.predict.files import predict_files
from mdjax.predict.inputs import SimulateCamera
from mdjax.runs.loading import CheckpointName, load_network


@dataclass(frozen=True)
class Predict:
    """Label or find objects in images of your own, whichever the network was trained for.

    Give one pair (IMAGES and --thermal are files), folders of pairs with the same names (both are
    folders), or PNGs of four channels, RGB + thermal (IMAGES alone). Thermal images may have their
    own lower resolution. Networks that see only visible images need no thermal ones.

    Attributes:
        run_dir: Run directory, or a checkpoint's folder.
        images: Visible image, PNG of four channels, or a folder of either.
        thermal: Thermal image, or the folder of them.
        out_dir: Folder for NAME_labels.png, NAME_overlay.png and classes.json; or, of a detector,
            NAME_detections.png and detections.json.
        checkpoint: The last state, or the best on the validation split.
        simulate_camera: Make thermal images as coarse as those of the training: auto does so where
            they have the size of the visible image, and takes coarser ones as they are.
        score_threshold: Of a detector: lowest score of what is drawn and written; 0.3 by default.
        batch_size: Images at once.
        overwrite: Replace files of an earlier prediction.
        json: Print one JSON object instead of the summary.
    """

    run_dir: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN_DIR")]]
    images: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="IMAGES")]]
    thermal: Path | None = None
    out_dir: Path = Path("predictions")
    checkpoint: CheckpointName = "last"
    simulate_camera: SimulateCamera = "auto"
    score_threshold: float | None = None
    batch_size: int = 4
    overwrite: bool = False
    json: bool = False


def run_predict(arguments: Sequence[str]) -> int:
    """Run `mdjax predict RUN_DIR IMAGES [options]`."""
    command: Predict = parse_options(
        Predict, arguments, prog="mdjax predict", config=(tyro.conf.FlagCreatePairsOff,)
    )
    loaded = load_network(command.run_dir, command.checkpoint)
    predictions = predict_files(
        loaded,
        command.images,
        command.thermal,
        out_dir=command.out_dir,
        score_threshold=command.score_threshold,
        simulate=command.simulate_camera,
        batch_size=command.batch_size,
        overwrite=command.overwrite,
        show_progress=shows_progress(),
    )
    if command.json:
        network = type(loaded.config.network).__name__.removesuffix("Config")
        head = {"run_dir": command.run_dir, "network": network, "step": loaded.step}
        print_json(head | predictions.to_dict())
    else:
        print(predictions.format_summary())
    return 0
