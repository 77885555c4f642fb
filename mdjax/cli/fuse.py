"""`mdjax fuse`: decision-level fusion of two trained networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from mdjax.cli.options import parse_options
from mdjax.cli.output import print_json, show_on_stderr
from mdjax.runs.config import FuseConfig
from mdjax.runs.fusion import fuse


@dataclass(frozen=True)
class Fuse:
    """Average the predictions of a visible-only and a thermal-only network.

    They must have been trained separately, on the same data, at the same size; this command trains
    nothing. The new run directory can be used like that of a training to evaluate and predict.

    Attributes:
        visible: Run directory of the network that sees the visible image.
        thermal: Run directory of the network that sees the thermal image.
        run_dir: New directory for the fused network.
        json: Print one JSON object with the scores last, instead of the table.
    """

    visible: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="VISIBLE_RUN_DIR")]]
    thermal: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="THERMAL_RUN_DIR")]]
    run_dir: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN_DIR")]]
    json: bool = False


def run_fuse(arguments: Sequence[str]) -> int:
    """Run `mdjax fuse VISIBLE_RUN_DIR THERMAL_RUN_DIR RUN_DIR`."""
    command: Fuse = parse_options(Fuse, arguments, prog="mdjax fuse")
    config = FuseConfig(command.visible, command.thermal)
    result = fuse(config, command.run_dir, show=show_on_stderr)
    if command.json:
        print_json(result.to_dict())
    else:
        print(result.format_table())
    return 0
