"""`mdjax prepare`: check and package a data set for training."""

from collections.abc import Sequence
from typing import Annotated

import rich
import tyro

from data_builders.checks.faults import FaultyFilesError
from data_builders.command import PrepareCommand
from data_builders.kaist import PrepareKaist
from data_builders.mfnet import PrepareMfnet
from data_builders.msrs import PrepareMsrs
from data_builders.prepared import make_summary_table
from data_builders.rgbt_folder import PrepareRgbtFolder
from data_builders.synthetic import PrepareSynthetic
from mdjax.cli.options import parse_options
from mdjax.cli.output import shows_progress

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
    return 0
