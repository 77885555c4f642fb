"""`mdjax prepare`: check and package a data set for training."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import rich
import tyro

from data_builders.checks.annotations import Role
from data_builders.checks.faults import FaultyFilesError
from data_builders.checks.left_out import describe_left_out, write_left_out
from data_builders.checks.report import write_report
from data_builders.command import PairOptions, PrepareCommand
from data_builders.kaist import PrepareKaist
from data_builders.mfnet import PrepareMfnet
from data_builders.msrs import PrepareMsrs
from data_builders.prepared import PreparedSummary, make_summary_table, make_warnings
from data_builders.published.command import PublishedOptions
from data_builders.published.cvc14 import PrepareCvc14
from data_builders.published.flir_adas_v2 import PrepareFlirAdasV2
from data_builders.published.flir_aligned import PrepareFlirAligned
from data_builders.published.fmb import PrepareFmb
from data_builders.published.llvip import PrepareLlvip
from data_builders.published.m3fd import PrepareM3fd
from data_builders.published.pst900 import PreparePst900
from data_builders.rgbt_folder import PrepareRgbtFolder
from data_builders.synthetic import PrepareSynthetic
from mdjax.cli.options import parse_options
from mdjax.cli.output import shows_progress
from mdjax.figures.contact_sheet import draw_contact_sheet
from mdjax.io.findings import Findings
from mdjax.io.write_failure import make_folder
from mdjax.presets import TRAIN_PRESETS
from mdjax.tasks.detection import DetectionTask
from mdjax.types import MdjaxError, format_count

Command = (
    Annotated[PrepareRgbtFolder, tyro.conf.subcommand("rgbt-folder")]
    | Annotated[PrepareMfnet, tyro.conf.subcommand("mfnet")]
    | Annotated[PrepareSynthetic, tyro.conf.subcommand("synthetic")]
    | Annotated[PrepareKaist, tyro.conf.subcommand("kaist")]
    | Annotated[PrepareMsrs, tyro.conf.subcommand("msrs")]
    | Annotated[PrepareLlvip, tyro.conf.subcommand("llvip")]
    | Annotated[PrepareFlirAligned, tyro.conf.subcommand("flir-aligned")]
    | Annotated[PrepareM3fd, tyro.conf.subcommand("m3fd")]
    | Annotated[PrepareFmb, tyro.conf.subcommand("fmb")]
    | Annotated[PreparePst900, tyro.conf.subcommand("pst900")]
    | Annotated[PrepareCvc14, tyro.conf.subcommand("cvc14")]
    | Annotated[PrepareFlirAdasV2, tyro.conf.subcommand("flir-adas-v2")]
)


def run_prepare(arguments: Sequence[str]) -> int:
    """Run `mdjax prepare mfnet --raw DIR`, `mdjax prepare synthetic`, and so on."""
    command: PrepareCommand = parse_options(Command, arguments, prog="mdjax prepare")
    report = None
    if isinstance(command, PairOptions):
        report = command.report
        _make_room(command)
    try:
        summary = command.prepare(show_progress=shows_progress())
    except FaultyFilesError as error:
        findings = Findings([*error.problems], [*error.warnings], [*error.notes])
        raise _report_failure(error.list_in_file(command.data_dir), findings, report) from None
    except MdjaxError as error:
        told = _report_failure(error, Findings([str(error)]), report)
        if told is error:
            raise
        raise told from error
    rich.print(make_summary_table(summary))
    sheet_error = None
    if isinstance(command, PairOptions):
        sheet_error = _draw_contact_sheet(summary, command.data_dir, command.contact_sheet)
    if isinstance(command, PrepareRgbtFolder) and not any(summary.num_night.values()):
        print("Note: all images count as day; list those taken at night in night.txt.")
    if isinstance(command, PrepareRgbtFolder | PublishedOptions):
        print(_format_next_step(summary, command.data_dir))
    _list_left_out(summary, command.data_dir)
    if summary.warnings:
        rich.print(make_warnings(summary))
    if report is not None:
        _report_success(summary, report)
    if sheet_error is not None:
        raise sheet_error
    return 0


def _make_room(options: PairOptions) -> None:
    """Refuse files that cannot be written before anything is read, and make their folders."""
    sheet, report = options.contact_sheet, options.report
    if sheet is not None and sheet.suffix.lower() != ".png":
        raise MdjaxError(f"--contact-sheet {sheet}: give a name that ends in .png.")
    for option, path in (("--contact-sheet", sheet), ("--report", report)):
        if path is None:
            continue
        if path.is_dir():
            raise MdjaxError(f"{option} {path}: is a folder; give the name of a file.")
        make_folder(path.parent)
        if not os.access(path.parent, os.W_OK):
            raise MdjaxError(f"{option} {path}: its folder takes no new files; give another one.")


def _report_success(summary: PreparedSummary, path: Path) -> None:
    of_left_out = dict.fromkeys(x for problems in summary.left_out.values() for x in problems)
    findings = Findings([*of_left_out], [*summary.warnings], [*summary.notes])
    write_report(path, findings, dataset=summary.dataset, left_out=[*summary.left_out])


def _report_failure(error: MdjaxError, findings: Findings, path: Path | None) -> MdjaxError:
    """Write the report of a data set that was refused, and return the error to raise."""
    if path is None:
        return error
    try:
        write_report(path, findings, dataset=None)
    except MdjaxError as report_error:
        # What is wrong with the data set must not be hidden by what is wrong with the report.
        return MdjaxError(f"{error}\nThe report could not be written ({report_error}).")
    return error


def _draw_contact_sheet(
    summary: PreparedSummary, data_dir: Path, path: Path | None
) -> MdjaxError | None:
    """Draw what was prepared, and tell where; return why not if this file was asked for."""
    default = summary.folder.with_name("contact_sheet.png")
    try:
        draw_contact_sheet(
            summary.dataset,
            path or default,
            data_dir=data_dir,
            num_day=summary.num_day,
            num_night=summary.num_night,
        )
    except MdjaxError as error:
        print(f"Note: there is no contact sheet: {error}")
        return None if path is None else error
    print(f"Look at some pairs: {path or default}")
    return None


def _list_left_out(summary: PreparedSummary, data_dir: Path) -> None:
    """Print what is wrong with the pairs that were left out, and where all of them are listed."""
    if not summary.left_out or summary.raw_dir is None:
        return
    path = data_dir.expanduser() / f"{summary.raw_dir.name}_left_out.txt"
    write_left_out(summary.left_out, path)
    print(f"Left out {format_count(len(summary.left_out), 'faulty pair')}:")
    for line in describe_left_out(summary.left_out):
        print(f"  {line}")
    print(f"All of them, one per line: {path}")


def _format_next_step(summary: PreparedSummary, data_dir: Path) -> str:
    """Name the command that trains on a data set without presets, and what it would leave out."""
    if not summary.box_counts:
        preset = TRAIN_PRESETS[name := "mfnet-small-teacher"]
    else:
        preset = TRAIN_PRESETS[name := "msrs-small-teacher"]
    options = ["--dataset", summary.dataset]
    if data_dir != preset.data_dir:
        options += ["--data-dir", str(data_dir)]
    remark = ""
    if isinstance(preset.task, DetectionTask):
        labels = sorted(
            {
                label
                for counts in summary.box_counts.values()
                for label, of_role in counts.items()
                if of_role[Role.POSITIVE] or of_role[Role.IGNORED]
            }
        )
        others = [label for label in labels if label not in preset.task.classes]
        if others:
            options += ["--task.classes", *labels]
            remark = f" (without --task.classes, only {', '.join(preset.task.classes)})"
    if "train" not in summary.num_day:
        return (
            f"Score a network on it: mdjax evaluate RUN {shlex.join(options)}; it has no split "
            "'train', which --split-by makes where a data set has this option."
        )
    return f"Train on it: mdjax train {name} runs/teacher {shlex.join(options)}{remark}"
