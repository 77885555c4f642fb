"""The outcome of a run, for people and for programs."""

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

from mdjax import __version__
from mdjax.io.json_file import read_json, restore_scores
from mdjax.runs.config import TrainConfig
from mdjax.tasks.task import Evaluation
from mdjax.train.state import count_parameters


@dataclass(frozen=True)
class RunResult:
    """Final scores of a network.

    Attributes:
        run_dir: Where everything else about the run is.
        network: Name of the network's configuration.
        num_parameters: Trainable numbers.
        num_steps: Steps that it was trained for.
        main_metric: Name of the score that counts most.
        scores: Percentages by split and metric, after the last step.
        tables: The same for people, by split.
        environment: Versions and machine.
    """

    run_dir: str
    network: str
    num_parameters: int
    num_steps: int
    main_metric: str
    scores: Mapping[str, Mapping[str, float]]
    tables: Mapping[str, str]
    environment: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return what `train --json` prints; the tables are left out."""
        values = asdict(self)
        del values["tables"]
        return values

    def format_table(self) -> str:
        """Return the final table."""
        head = f"{self.network}, {self.num_parameters:,} parameters, {self.num_steps} steps"
        return "\n\n".join([head, *(f"{name}\n{table}" for name, table in self.tables.items())])


def read_result(run_dir: Path) -> RunResult | None:
    """Read the result of a finished run; None where the run is not finished.

    Raises:
        MdjaxError: The file is damaged.
    """
    path = run_dir / "result.json"
    if not path.is_file():
        return None
    values = read_json(path)
    scores = {split: restore_scores(metrics) for split, metrics in values.pop("scores").items()}
    return RunResult(**values, scores=scores, tables={})


def create_result(
    *,
    run_dir: Path,
    config: TrainConfig,
    evaluations: Mapping[str, Evaluation],
    params: Any,
    main_metric: str,
) -> RunResult:
    """Gather the outcome of a run."""
    return RunResult(
        run_dir=str(run_dir),
        network=type(config.network).__name__.removesuffix("Config"),
        num_parameters=count_parameters(params),
        num_steps=config.loop.num_steps,
        main_metric=main_metric,
        scores={split: evaluation.to_metrics() for split, evaluation in evaluations.items()},
        tables={split: evaluation.format_table() for split, evaluation in evaluations.items()},
        environment=describe_environment(),
    )


def describe_environment() -> dict[str, str]:
    """Return the versions and the machine that a number was measured with."""
    device = jax.devices()[0]
    return {
        "mdjax": __version__,
        "jax": jax.__version__,
        "flax": version("flax"),
        "python": platform.python_version(),
        "device": f"{len(jax.devices())} x {device.device_kind} ({device.platform})",
        "machine": f"{platform.machine()} {platform.system()}",
    }
