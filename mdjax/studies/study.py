"""A study: rows that are trained for every seed, finished once, resumed when cut.

A row is a function from the run directories of its seed to a configuration, so that a student can
name its teacher:

    rows = {
        "teacher": lambda runs: recipe(TrainConfig(), FeatureLevelConfig),
        "distilled": lambda runs: recipe(DistillConfig(teacher=runs["teacher"]), MdStudentConfig),
    }
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mdjax.runs.config import FuseConfig, RunConfig
from mdjax.runs.fusion import fuse
from mdjax.runs.results import RunResult, read_result
from mdjax.runs.resuming import require_same_config, require_same_run
from mdjax.runs.training import train
from mdjax.types import MdjaxError

Print = Callable[[str], None]


class SeedRuns:
    """Run directories of one seed by row; a row needs those that it asks for.

    Attributes:
        seed: For what follows from it besides the training, such as the fold that is tested.
        asked: Rows that were asked for.
    """

    def __init__(self, seed: int, seed_dir: Path, rows: Sequence[str]):
        self.seed = seed
        self._seed_dir = seed_dir
        self._rows = rows
        self.asked: list[str] = []

    def __getitem__(self, row: str) -> Path:
        """Return where the run of an earlier row is.

        Raises:
            ValueError: There is no such row, or it comes later.
        """
        if row not in self._rows:
            raise ValueError(f"there is no row {row!r} before this one, only {list(self._rows)}")
        self.asked.append(row)
        return self._seed_dir / row


Row = Callable[[SeedRuns], RunConfig]
"""Configures a run of a study; the seed of the training is set by the study."""

Rows = Mapping[str, Row]
"""Rows by name, in the order of the table; a row can name those before it."""


@dataclass(frozen=True)
class RowFailure:
    """A run that could not be finished.

    Attributes:
        row: Its row.
        seed: Its seed.
        reason: What went wrong.
    """

    row: str
    seed: int
    reason: str

    def __str__(self) -> str:
        return f"{self.row}, seed {self.seed}: {self.reason}"


@dataclass(frozen=True)
class StudyResults:
    """What a study has reached.

    Attributes:
        study_dir: Holds the runs, `seed0/teacher` and so on.
        runs: Results of finished runs by row and seed.
        failures: Runs that could not be finished.
    """

    study_dir: Path
    runs: Mapping[str, Mapping[int, RunResult]]
    failures: tuple[RowFailure, ...] = ()


def run_study(
    rows: Rows,
    study_dir: Path,
    *,
    seeds: Sequence[int],
    show: Print = print,
    on_finished_run: Callable[[StudyResults], None] = lambda results: None,
) -> StudyResults:
    """Train every row for every seed, one after the other.

    Call it again after an interruption: finished runs are read, the one in progress is resumed. A
    row that fails is reported, and so is each row that needs it; all others go on.

    Args:
        rows: What to train.
        study_dir: Holds the runs, `seed0/teacher` and so on.
        seeds: One training of each row a seed.
        show: Takes lines that a person should read.
        on_finished_run: Takes what there is so far, each time that a run is finished.

    Raises:
        MdjaxError: A run in the directory has another configuration; nothing has been run then.
    """
    runs: dict[str, dict[int, RunResult]] = {name: {} for name in rows}
    failures: list[RowFailure] = []
    for seed in seeds:
        for _, config, run_dir, _ in _configure(rows, study_dir, seed):
            if (run_dir / "config.json").is_file():
                require_same_config(run_dir, config)
    for seed in seeds:
        for name, config, run_dir, needed in _configure(rows, study_dir, seed):
            broken = [row for row in needed if seed not in runs[row]]
            try:
                if broken:
                    raise MdjaxError(f"needs {', '.join(broken)}, which failed.")
                runs[name][seed] = run_or_read(config, run_dir, show)
            # Whatever stops one run, a full disk for instance, does not stop the others.
            except Exception as error:
                reason = str(error) if isinstance(error, MdjaxError) else repr(error)
                failures.append(RowFailure(name, seed, reason))
                show(f"FAILED: {failures[-1]}")
            else:
                on_finished_run(StudyResults(study_dir, runs, tuple(failures)))
    return StudyResults(study_dir, runs, tuple(failures))


def run_or_read(config: RunConfig, run_dir: Path, show: Print = print) -> RunResult:
    """Train, resume or fuse, unless the run is finished: then read its result.

    Raises:
        MdjaxError: The run in the directory has another configuration.
    """
    finished = read_result(run_dir)
    if finished is not None:
        # Numbers of other settings, teachers or data must not pass for these.
        require_same_run(run_dir, config)
        show(f"{run_dir}: finished before")
        return finished
    if isinstance(config, FuseConfig):
        return fuse(config, run_dir, show=show)
    show(f"{run_dir}: {config.loop.num_steps} steps")
    return train(config, run_dir, resume=(run_dir / "config.json").is_file(), show=show)


def _configure(
    rows: Rows, study_dir: Path, seed: int
) -> Iterator[tuple[str, RunConfig, Path, list[str]]]:
    """Name, configuration, directory and needed rows of each run of a seed."""
    seed_dir = study_dir / f"seed{seed}"
    earlier: list[str] = []
    for name, configure in rows.items():
        seed_runs = SeedRuns(seed, seed_dir, tuple(earlier))
        config = configure(seed_runs)
        if not isinstance(config, FuseConfig):
            config = replace(config, seed=seed)
        yield name, config, seed_dir / name, seed_runs.asked
        earlier.append(name)
