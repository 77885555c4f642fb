"""The results of a run, for people and for programs."""

import platform
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

from mdjax import __version__
from mdjax.io.json_file import read_json_object, restore_scores, unseal
from mdjax.runs.config import TrainConfig
from mdjax.runs.splits import Splits
from mdjax.runs.stored_config import hash_config
from mdjax.tasks.task import Evaluation
from mdjax.train.state import count_parameters
from mdjax.types import MdjaxError, format_count


@dataclass(frozen=True)
class RunResult:
    """Final scores of a network.

    Attributes:
        run_dir: Directory of the run.
        network: Name of the network's configuration.
        num_parameters: Number of trainable parameters.
        num_steps: Number of steps it was trained for.
        main_metric: Name of the main score.
        scores: Percentages by split and metric, after the last step.
        tables: The same as text tables, by split.
        environment: Versions and machine.
        dataset: Name, configuration and version of the prepared data set.
        image_size_hw: Rows and columns of the images that the network saw.
        scored: Number and size of the scored images, by split.
        checkpoint: The state that was scored.
        missing_splits: Those of "val" and "test" that the data set does not have.
        seed: Seed of the training; None if nothing was trained.
        config_hash: Equal for equal configurations, wherever they are stored.
    """

    run_dir: str
    network: str
    num_parameters: int
    num_steps: int
    main_metric: str
    scores: Mapping[str, Mapping[str, float]]
    tables: Mapping[str, str]
    environment: Mapping[str, str]
    dataset: str = ""
    image_size_hw: tuple[int, int] | None = None
    scored: Mapping[str, str] = field(default_factory=dict)
    checkpoint: str = "last"
    missing_splits: tuple[str, ...] = ()
    seed: int | None = None
    config_hash: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the output of `train --json`, without the tables."""
        values = asdict(self)
        del values["tables"]
        return values

    def format_table(self) -> str:
        """Return the final table: a heading, then one part per split, present or missing."""
        steps = format_count(self.num_steps, "step")
        head = f"{self.network}, {self.num_parameters:,} parameters, {steps}"
        parts = [f"{self.describe_split(split)}\n{table}" for split, table in self.tables.items()]
        parts += [f"{split}: {self.dataset} has no such split." for split in self.missing_splits]
        return "\n\n".join([head, *parts])

    def describe_split(self, split: str) -> str:
        """Return split, checkpoint and image size, as the heading of a table of scores."""
        text = f"split {split}, checkpoint {self.checkpoint} (step {self.num_steps})"
        if self.image_size_hw is not None:
            height, width = self.image_size_hw
            text += f", network at {width}x{height}"
        return f"{text}, {self.scored[split]}" if split in self.scored else text


def read_result(run_dir: Path) -> RunResult | None:
    """Read the result of a finished run; return None if the run is not finished.

    Raises:
        MdjaxError: The file is damaged.
    """
    path = run_dir / "result.json"
    if not path.is_file():
        return None
    remedy = "Delete it and finish the run again with --resume, which does not train further."
    values = unseal(read_json_object(path, remedy=remedy), path, remedy=remedy)
    problem = _find_problem(values)
    if problem:
        raise MdjaxError(f"{path}: damaged ({problem}). {remedy}")
    scores = {split: restore_scores(metrics) for split, metrics in values.pop("scores").items()}
    for name in ("image_size_hw", "missing_splits"):
        if values.get(name) is not None:
            values[name] = tuple(values[name])
    return RunResult(**values, scores=scores, tables={})


def _find_problem(values: Mapping[str, Any]) -> str:
    """Say what is wrong with the values of a result, "" for nothing.

    Scores that later versions added may be missing; they then have no value.
    """
    known = {item.name: item for item in fields(RunResult) if item.name != "tables"}
    required = {name for name, item in known.items() if item.default is MISSING} - {"scored"}
    if missing := sorted(required - values.keys()):
        return f"{', '.join(missing)} missing"
    if unknown := sorted(values.keys() - known.keys()):
        return f"{', '.join(unknown)} unknown, unless a later version of mdjax wrote it"
    scores = values["scores"]
    is_scored = isinstance(scores, dict) and all(
        isinstance(metrics, dict)
        and all(type(x) in (int, float, type(None)) for x in metrics.values())
        for metrics in scores.values()
    )
    if not is_scored:
        return "its scores are not numbers"
    if type(values["num_steps"]) is not int or type(values["num_parameters"]) is not int:
        return "steps or parameters are not numbers"
    lists = [values.get(name) for name in ("image_size_hw", "missing_splits")]
    return "" if all(x is None or isinstance(x, list) for x in lists) else "sizes are not a list"


def create_result(
    *,
    run_dir: Path,
    config: TrainConfig,
    evaluations: Mapping[str, Evaluation],
    splits: Splits,
    params: Any,
    main_metric: str,
    num_steps: int,
    is_trained: bool = True,
) -> RunResult:
    """Collect the results of a run."""
    return RunResult(
        run_dir=str(run_dir),
        network=type(config.network).__name__.removesuffix("Config"),
        num_parameters=count_parameters(params),
        num_steps=num_steps,
        main_metric=main_metric,
        scores={split: evaluation.to_metrics() for split, evaluation in evaluations.items()},
        tables={split: evaluation.format_table() for split, evaluation in evaluations.items()},
        environment=describe_environment(),
        dataset=splits.train.dataset_name,
        image_size_hw=config.pipeline.image_size_hw,
        scored={split: evaluation.describe() for split, evaluation in evaluations.items()},
        missing_splits=splits.missing,
        seed=config.seed if is_trained else None,
        config_hash=hash_config(config),
    )


def describe_environment() -> dict[str, str]:
    """Return the versions and the machine of a measurement."""
    device = jax.devices()[0]
    return {
        "mdjax": __version__,
        "jax": jax.__version__,
        "flax": version("flax"),
        "python": platform.python_version(),
        "device": f"{len(jax.devices())} x {device.device_kind} ({device.platform})",
        "machine": f"{platform.machine()} {platform.system()}",
    }
