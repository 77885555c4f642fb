"""`mdjax train` and `mdjax distill`: a preset, overridden from the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tyro

from mdjax.cli.output import print_json, show_on_stderr
from mdjax.presets import DESCRIPTIONS, DISTILL_PRESETS, TRAIN_PRESETS
from mdjax.runs.config import DistillConfig, TrainConfig
from mdjax.runs.training import train


@dataclass(frozen=True)
class _Options:
    """What a run needs besides its configuration.

    Attributes:
        run_dir: New directory for the run.
        resume: Continue the run in this directory from its last checkpoint.
        json: Print one JSON object with the scores last, instead of the table.
    """

    run_dir: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN_DIR")]]
    resume: bool = False
    json: bool = False


@dataclass(frozen=True)
class Train(_Options):
    """Train a network on its task."""

    config: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)


@dataclass(frozen=True)
class Distill(_Options):
    """Train a student on its task and on what a frozen teacher shows it."""

    config: Annotated[DistillConfig, tyro.conf.arg(name="")] = field(default_factory=DistillConfig)


Command = TypeVar("Command", Train, Distill)


def run_train(arguments: Sequence[str]) -> int:
    """Run `mdjax train PRESET RUN_DIR [options]`."""
    return _run(_parse("train", Train, TRAIN_PRESETS, arguments))


def run_distill(arguments: Sequence[str]) -> int:
    """Run `mdjax distill PRESET RUN_DIR --teacher DIR [options]`."""
    return _run(_parse("distill", Distill, DISTILL_PRESETS, arguments))


def _parse(
    name: str, command: type[Command], presets: Mapping[str, Any], arguments: Sequence[str]
) -> Command:
    subcommands = tyro.extras.subcommand_type_from_defaults(
        {preset: command(tyro.MISSING, config=config) for preset, config in presets.items()},
        DESCRIPTIONS,
        prefix_names=False,
    )
    return tyro.cli(
        subcommands,
        args=arguments,
        prog=f"mdjax {name}",
        config=(tyro.conf.AvoidSubcommands,),
    )


def _run(command: Train | Distill) -> int:
    result = train(command.config, command.run_dir, resume=command.resume, show=show_on_stderr)
    if command.json:
        print_json(result.to_dict())
    else:
        print(result.format_table())
    return 0
