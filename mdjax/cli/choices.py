"""Parts of a preset that can be replaced as a whole: network, task, optimiser, method, steps.

They determine which options a command has. So they are read first, and define the configuration
that the other options then change.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

import tyro

from mdjax.cli.options import parse_known_options
from mdjax.presets import METHODS, NETWORKS, OPTIMISERS, TASKS, list_parts
from mdjax.runs.config import DistillConfig, TrainConfig, change_num_steps
from mdjax.train.optimiser import fit_warmup

Config = TypeVar("Config", bound=TrainConfig)

if TYPE_CHECKING:
    NetworkName: TypeAlias = str
    TaskName: TypeAlias = str
    OptimiserName: TypeAlias = str
    MethodName: TypeAlias = str
else:
    NetworkName, TaskName, OptimiserName, MethodName = (
        tyro.extras.literal_type_from_choices(list(names))
        for names in (NETWORKS, TASKS, OPTIMISERS, METHODS)
    )


@dataclass(frozen=True)
class TrainChoices:
    """Each brings its own settings, which the dotted options change.

    Attributes:
        network: The network to train, with the preset's backbone.
        task: Label every pixel, or find objects.
        optimiser: SGD as in the paper, or AdamW for short trainings.
    """

    network: NetworkName
    task: TaskName
    optimiser: OptimiserName


@dataclass(frozen=True)
class DistillChoices(TrainChoices):
    """Each brings its own settings, which the dotted options change.

    Attributes:
        method: What the student learns from its teacher, with the preset's weights.
    """

    method: MethodName


@dataclass(frozen=True)
class _Loop:
    num_steps: int


def name_choices(config: TrainConfig, preset: str) -> TrainChoices:
    """Name the parts that a preset's configuration has."""
    names = {
        field: next(name for name, part in parts.items() if type(part) is type(value))
        for field, parts in list_parts(preset).items()
        if (value := getattr(config, field, None)) is not None
    }
    return DistillChoices(**names) if isinstance(config, DistillConfig) else TrainChoices(**names)


def exchange_parts(
    config: Config, preset: str, arguments: Sequence[str], *, prog: str
) -> tuple[Config, TrainChoices]:
    """Replace the parts of a preset's configuration that the command line selects.

    With another number of steps or another optimiser, the warm-up is limited to a quarter of the
    steps. Everything else stays as in the preset.

    Args:
        config: Configuration of the preset.
        preset: Its name.
        arguments: The arguments after the preset.
        prog: The command line up to the preset, for messages.

    Returns:
        The configuration that the other options change, and the names of its parts.

    Raises:
        MdjaxError: There is no such part, or the parts do not fit together.
    """
    kept = name_choices(config, preset)
    form: Any = tuple[
        Annotated[type(kept), tyro.conf.arg(name="")], Annotated[_Loop, tyro.conf.arg(name="loop")]
    ]
    chosen, loop = parse_known_options(
        form, arguments, prog=prog, default=(kept, _Loop(config.loop.num_steps))
    )
    available = list_parts(preset)
    parts: dict[str, Any] = {
        field: available[field][name]
        for field, name in asdict(chosen).items()
        if name != getattr(kept, field)
    }
    if "optimiser" in parts:
        parts["optimiser"] = fit_warmup(parts["optimiser"], config.loop.num_steps)
    config = replace(config, **parts)
    if loop.num_steps != config.loop.num_steps:
        config = change_num_steps(config, loop.num_steps)
    return config, chosen
