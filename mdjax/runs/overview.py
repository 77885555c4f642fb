"""The runs below a folder, with their progress."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from mdjax.io.checkpoint import has_checkpoint, read_metadata
from mdjax.io.checkpoint_store import CheckpointStore
from mdjax.io.json_file import restore_scores
from mdjax.io.metrics_log import read_metrics
from mdjax.io.run_directory import RunDirectory, find_run_dirs
from mdjax.models.modalities import Missing
from mdjax.runs.config import DistillConfig, FuseConfig, MissingConfig, RunConfig, TrainConfig
from mdjax.runs.results import read_result
from mdjax.runs.stored_config import read_run_config
from mdjax.types import MdjaxError

State = Literal["finished", "running", "interrupted", "damaged"]


@dataclass(frozen=True)
class RunSummary:
    """One run in a list of runs.

    Attributes:
        run_dir: Its directory.
        state: Finished, running, interrupted (can be resumed) or damaged (cannot be read).
        step: Steps done: saved, or for a running one, logged.
        num_steps: Steps of the whole training; 0 if nothing is trained.
        network: Name of the network's configuration.
        dataset: Name of the data set.
        main_metric: Name of the main score.
        scores: This score by split: of the result, or of the last saved state.
        teacher: Run directory of the teacher; None for a run without one.
        missing: Image that the network had to do without.
        problem: For a damaged run, what cannot be read.
    """

    run_dir: Path
    state: State
    step: int = 0
    num_steps: int = 0
    network: str = ""
    dataset: str = ""
    main_metric: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    teacher: Path | None = None
    missing: Missing = "none"
    problem: str = ""


def list_runs(folder: Path) -> list[RunSummary]:
    """Summarise all runs in a folder and below it, in the order of their paths.

    Nothing is changed, and no arrays are read. Damaged runs are listed as such.

    Raises:
        MdjaxError: There is no such folder.
    """
    if not folder.is_dir():
        raise MdjaxError(f"{folder}: there is no such folder; give one, mdjax runs FOLDER.")
    return [_summarise(path) for path in find_run_dirs(folder)]


def _summarise(run_dir: Path) -> RunSummary:
    try:
        return _read_summary(run_dir)
    except Exception as error:  # Whatever is wrong with one run, the others are listed.
        reason = str(error) if isinstance(error, MdjaxError) else f"{run_dir}: {error!r}"
        return RunSummary(run_dir, "damaged", problem=reason.splitlines()[0])


def _read_summary(run_dir: Path) -> RunSummary:
    directory = RunDirectory(run_dir)
    if not directory.config_path.is_file():
        raise MdjaxError(f"{directory.config_path}: is missing.")
    config, result = read_run_config(run_dir), read_result(run_dir)
    if result is not None:
        return RunSummary(
            run_dir,
            "finished",
            step=result.num_steps,
            num_steps=result.num_steps,
            network=result.network,
            dataset=result.dataset,
            main_metric=result.main_metric,
            scores={split: scores[result.main_metric] for split, scores in result.scores.items()},
            teacher=_get_teacher(config),
            missing=_get_missing(config),
        )
    state = "running" if directory.is_held() else "interrupted"
    if not isinstance(config, TrainConfig):
        network = "DecisionLevel" if isinstance(config, FuseConfig) else ""
        return RunSummary(run_dir, state, network=network, missing=_get_missing(config))
    summary = RunSummary(
        run_dir,
        state,
        num_steps=config.loop.num_steps,
        network=type(config.network).__name__.removesuffix("Config"),
        dataset=config.dataset,
        teacher=_get_teacher(config),
    )
    last = CheckpointStore(run_dir).last
    if has_checkpoint(last):
        metadata = read_metadata(last)
        main_metric = config.task.get_main_metric(tuple(metadata["class_names"]))
        scores = restore_scores(metadata["scores"])
        split = metadata.get("scored_split") or "val"
        summary = replace(
            summary,
            step=metadata["step"],
            main_metric=main_metric,
            scores={split: scores[main_metric]} if main_metric in scores else {},
        )
    if state == "running" and directory.metrics_path.is_file():
        logged = max((entry["step"] for entry in read_metrics(directory.metrics_path)), default=0)
        summary = replace(summary, step=max(summary.step, logged))
    return summary


def _get_missing(config: RunConfig) -> Missing:
    return config.missing if isinstance(config, MissingConfig) else "none"


def _get_teacher(config: RunConfig) -> Path | None:
    return config.teacher if isinstance(config, DistillConfig) else None
