"""`mdjax train`, `mdjax distill` and `mdjax resume`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from mdjax.cli.choices import TrainChoices, exchange_parts
from mdjax.cli.options import HELP_OPTIONS, parse_options, suggest
from mdjax.cli.output import print_json, show_on_stderr
from mdjax.cli.together import joining
from mdjax.presets import DESCRIPTIONS, DISTILL_PRESETS, TRAIN_PRESETS, list_parts
from mdjax.runs.config import DistillConfig, FuseConfig, MissingConfig, TrainConfig
from mdjax.runs.stored_config import read_run_config
from mdjax.runs.training import train
from mdjax.train.joining import ProcessOptions
from mdjax.train.loop import InterruptedTraining
from mdjax.train.processes import is_first_process
from mdjax.types import MdjaxError

RunDir = tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN_DIR")]]


@dataclass(frozen=True)
class NewRun:
    """Options of a new run besides its configuration.

    Attributes:
        run_dir: New directory for the run.
        resume: Continue the run in this directory; `mdjax resume RUN_DIR` needs no other options.
        json: Print one JSON object with the scores last, instead of the table.
        processes: The other processes, often on other machines, that train this run too.
    """

    run_dir: RunDir
    resume: bool = False
    json: bool = False
    processes: ProcessOptions = field(default_factory=ProcessOptions)


@dataclass(frozen=True)
class ResumedRun:
    """Options of a resumed run besides its configuration.

    Attributes:
        run_dir: Directory of the run.
        json: Print one JSON object with the scores last, instead of the table.
        processes: The other processes, often on other machines, that train this run too.
    """

    run_dir: RunDir
    json: bool = False
    processes: ProcessOptions = field(default_factory=ProcessOptions)

    @property
    def resume(self) -> bool:
        """Always true, as `NewRun` has it."""
        return True


def run_train(arguments: Sequence[str]) -> int:
    """Run `mdjax train PRESET RUN_DIR [options]`."""
    return _begin("train", "Train a network on its task.", TRAIN_PRESETS, arguments)


def run_distill(arguments: Sequence[str]) -> int:
    """Run `mdjax distill PRESET RUN_DIR --teacher DIR [options]`."""
    description = "Train a student on its task and on the outputs of a frozen teacher."
    return _begin("distill", description, DISTILL_PRESETS, arguments)


def run_resume(arguments: Sequence[str]) -> int:
    """Run `mdjax resume RUN_DIR [options]`."""
    # The directory comes first: what its run began with gives the options their values.
    run_dir = next(iter(arguments), "")
    if run_dir in HELP_OPTIONS:
        stored = TrainConfig()
    elif not run_dir or run_dir.startswith("-"):
        raise MdjaxError("give the directory of the run first: mdjax resume RUN_DIR [options]")
    else:
        stored = _read_config(Path(run_dir))
    run, config = _parse(
        (ResumedRun(tyro.MISSING), stored),
        arguments,
        prog="mdjax resume",
        description="Continue a training or distillation from its last checkpoint. Options may "
        "change the location of data and teacher, and how often it logs and saves.",
    )
    return _run("resume", config, run)


def _begin(
    command: str, description: str, presets: Mapping[str, TrainConfig], arguments: Sequence[str]
) -> int:
    preset, *rest = arguments or ("",)
    if preset in HELP_OPTIONS:
        print(_format_presets(command, description, presets))
        return 0
    if preset not in presets:
        raise MdjaxError(_explain_preset(command, preset, presets))
    prog = f"mdjax {command} {preset}"
    config, choices = exchange_parts(presets[preset], preset, rest, prog=prog)
    if isinstance(config, DistillConfig):
        config = replace(config, teacher=tyro.MISSING)
    try:
        run, _, config = _parse(
            (NewRun(tyro.MISSING), choices, config),
            rest,
            prog=prog,
            description=f"{description}\n\n{preset}: {DESCRIPTIONS[preset]}.",
        )
    except MdjaxError as error:
        raise MdjaxError("\n".join([str(error), *_explain(str(error), preset, choices)])) from None
    return _run(command, config, run)


def _parse(parts: tuple[Any, ...], arguments: Sequence[str], **settings: Any) -> tuple[Any, ...]:
    """Read options of several dataclasses, none with a prefix, over the values of these."""
    form: Any = tuple[tuple(Annotated[type(x), tyro.conf.arg(name="")] for x in parts)]
    markers = (tyro.conf.AvoidSubcommands,)
    return parse_options(form, arguments, default=parts, config=markers, **settings)


def _read_config(run_dir: Path) -> TrainConfig:
    config = read_run_config(run_dir)
    if isinstance(config, MissingConfig):
        raise MdjaxError(f"{run_dir}: is a test of a network without an image; nothing is trained.")
    if isinstance(config, FuseConfig):
        raise MdjaxError(
            f"{run_dir}: holds two networks whose predictions are averaged without training; "
            "run mdjax fuse again, into a new directory."
        )
    return config


def _run(command: str, config: TrainConfig, run: NewRun | ResumedRun) -> int:
    continue_with = f"Continue with: mdjax resume {run.run_dir}"
    try:
        with joining(run.processes, command=command, remedy=continue_with):
            result = train(config, run.run_dir, resume=run.resume, show=show_on_stderr)
    except InterruptedTraining:
        show_on_stderr(continue_with)
        raise
    if not is_first_process():
        return 0
    if run.json:
        print_json(result.to_dict())
    else:
        print(result.format_table())
    return 0


def _format_presets(command: str, description: str, presets: Mapping[str, TrainConfig]) -> str:
    width = max(map(len, presets)) + 2
    return "\n".join(
        [
            f"usage: mdjax {command} PRESET RUN_DIR [options]",
            "",
            description,
            "",
            *(f"  {name:{width}}{DESCRIPTIONS[name]}" for name in presets),
            "",
            f"`mdjax {command} PRESET --help` explains the options of a preset, with their values.",
        ]
    )


def _explain_preset(command: str, preset: str, presets: Mapping[str, TrainConfig]) -> str:
    where = f"`mdjax {command} --help` lists the presets."
    if not preset or preset.startswith("-"):
        return f"give a preset first: mdjax {command} PRESET RUN_DIR [options]\n{where}"
    for other, others in (("train", TRAIN_PRESETS), ("distill", DISTILL_PRESETS)):
        if preset in others:
            return f"{preset} is a preset of another command: mdjax {other} {preset} RUN_DIR"
    hint = suggest(preset, list(presets)) or f"there are {', '.join(presets)}."
    return f"there is no preset {preset}; {hint}\n{where}"


def _explain(message: str, preset: str, choices: TrainChoices) -> list[str]:
    """Say more about options that depend on the preset or on what was chosen."""
    lines = []
    for option, part, name in re.findall(r"no option (--(\w+)\.([\w.-]+\w))", message):
        others = list_parts(preset).get(part, {}) if hasattr(choices, part) else {}
        owners = [
            other for other, value in others.items() if hasattr(value, name.replace("-", "_"))
        ]
        lines += [f"{option} is an option of --{part} {owner}." for owner in owners]
    if "    --teacher PATH" in message.splitlines():
        recipe = preset.rpartition("-")[0]
        lines += [
            "For example:",
            f"    mdjax train {recipe}-teacher runs/teacher",
            f"    mdjax distill {preset} runs/student --teacher runs/teacher",
        ]
    return lines
