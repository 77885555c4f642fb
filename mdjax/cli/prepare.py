"""`mdjax prepare`: check and package a data set for training."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import rich
import tyro

from data_builders.checks.faults import FaultyFilesError
from data_builders.command import PrepareCommand
from data_builders.kaist import PrepareKaist
from data_builders.mfnet import PrepareMfnet
from data_builders.msrs import PrepareMsrs
from data_builders.prepared import PreparedSummary, make_summary_table, make_warnings
from data_builders.rgbt_folder import PrepareRgbtFolder
from data_builders.synthetic import PrepareSynthetic
from mdjax.cli.options import parse_options
from mdjax.cli.output import shows_progress
from mdjax.presets import TRAIN_PRESETS
from mdjax.tasks.detection import DetectionTask

Command = (
    Annotated[PrepareMfnet, tyro.conf.subcommand("mfnet")]
    | Annotated[PrepareSynthetic, tyro.conf.subcommand("synthetic")]
    | Annotated[PrepareKaist, tyro.conf.subcommand("kaist")]
    | Annotated[PrepareMsrs, tyro.conf.subcommand("msrs")]
    | Annotated[PrepareRgbtFolder, tyro.conf.subcommand("rgbt-folder")]
)


def run_prepare(arguments: Sequence[str]) -> int:
    """Run `mdjax prepare mfnet --raw DIR`, `mdjax prepare synthetic`, and so on."""
    command: PrepareCommand = parse_options(Command, arguments, prog="mdjax prepare")
    try:
        summary = command.prepare(show_progress=shows_progress())
    except FaultyFilesError as error:
        raise error.list_in_file(command.data_dir) from None
    rich.print(make_summary_table(summary))
    if isinstance(command, PrepareRgbtFolder):
        if not any(summary.num_night.values()):
            print("Note: all images count as day; list those taken at night in night.txt.")
        print(_format_next_step(summary, command.data_dir))
    if summary.warnings:
        rich.print(make_warnings(summary))
    return 0


def _format_next_step(summary: PreparedSummary, data_dir: Path) -> str:
    """Name the command that trains on a data set of the user's own, and what it would leave out."""
    if not summary.box_counts:
        preset = TRAIN_PRESETS[name := "mfnet-small-teacher"]
    else:
        preset = TRAIN_PRESETS[name := "msrs-small-teacher"]
    options = ["--dataset", summary.dataset]
    if data_dir != preset.data_dir:
        options += ["--data-dir", str(data_dir)]
    remark = ""
    if isinstance(preset.task, DetectionTask):
        labels = sorted({label for counts in summary.box_counts.values() for label in counts})
        others = [label for label in labels if label not in preset.task.classes]
        if others:
            options += ["--task.classes", *labels]
            remark = f" (without --task.classes, only {', '.join(preset.task.classes)})"
    return f"Train on it: mdjax train {name} runs/teacher {shlex.join(options)}{remark}"
