"""A study: rows that are trained for every seed, finished once, resumed when cut.

A row is a function from the run directories of its seed to a configuration, so that a student can
name its teacher:

    rows = {
        "teacher": lambda runs: recipe(TrainConfig(), FeatureLevelConfig),
        "distilled": lambda runs: recipe(DistillConfig(teacher=runs["teacher"]), MdStudentConfig),
    }
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

from mdjax.runs.config import FuseConfig, RunConfig
from mdjax.runs.fusion import fuse
from mdjax.runs.results import RunResult, read_result
from mdjax.runs.resuming import require_same_config, require_same_run
from mdjax.runs.training import train
from mdjax.studies.workers import open_workers
from mdjax.types import MdjaxError, format_count

Print = Callable[[str], None]


class SeedRuns:
    """Run directories of one seed by row; a row needs those that it asks for.

    Attributes:
        seed: For what follows from it besides the training, such as the fold that is tested.
        asked: Run directories that were asked for.
    """

    def __init__(self, seed: int, run_dirs: Mapping[str, Path]):
        self.seed = seed
        self._run_dirs = run_dirs
        self.asked: list[Path] = []

    def __getitem__(self, row: str) -> Path:
        """Return where the run of an earlier row is.

        Raises:
            ValueError: There is no such row, or it comes later.
        """
        if row not in self._run_dirs:
            raise ValueError(
                f"there is no row {row!r} before this one, only {list(self._run_dirs)}"
            )
        self.asked.append(self._run_dirs[row])
        return self._run_dirs[row]


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


@dataclass(frozen=True)
class _Job:
    """A run of a study."""

    seed: int
    row: str
    config: RunConfig
    run_dir: Path
    needed: tuple[Path, ...]
    """Run directories that must be finished before."""

    def needs(self, other: "_Job") -> bool:
        """Whether the other run must be finished before this one."""
        return other.run_dir in self.needed


def run_study(
    rows: Rows,
    study_dir: Path,
    *,
    seeds: Sequence[int],
    show: Print = print,
    on_finished_run: Callable[[StudyResults], None] = lambda results: None,
    num_workers: int = 1,
    shared_rows: Collection[str] = (),
) -> StudyResults:
    """Train every row for every seed.

    Call it again after an interruption: finished runs are read, those in progress are resumed. A
    row that fails is reported, and so is each row that needs it; all others go on.

    Args:
        rows: What to train.
        study_dir: Holds the runs, `seed0/teacher` and so on.
        seeds: One training of each row per seed.
        show: Takes lines that a person should read; picklable where there are several workers.
        on_finished_run: Takes what there is so far, each time that a run is finished.
        num_workers: Runs at a time, each in a process of its own; see `open_workers`.
        shared_rows: Rows that are trained for the first seed alone, and used by all.

    Raises:
        MdjaxError: A run in the directory has another configuration; nothing has been run then. Or
            the process of a run was killed.
    """
    waiting = _list_jobs(rows, study_dir, seeds, shared_rows)
    for job in waiting:
        if (job.run_dir / "config.json").is_file():
            require_same_config(job.run_dir, job.config)
    runs: dict[str, dict[int, RunResult]] = {name: {} for name in rows}
    failures: list[RowFailure] = []

    def fail(job: _Job, reason: str) -> None:
        failures.append(RowFailure(job.row, job.seed, reason))
        show(f"FAILED: {failures[-1]}")
        for other in [other for other in waiting if other.needs(job)]:
            waiting.remove(other)
            fail(other, f"needs {job.row}, which failed.")

    running: dict[Future[RunResult], _Job] = {}
    num_unfinished = sum(read_result(job.run_dir) is None for job in waiting)
    num_workers = max(1, min(num_workers, num_unfinished))
    with open_workers(num_workers) as submit:
        while waiting or running:
            while len(running) < num_workers and (job := _find_ready(waiting, running.values())):
                waiting.remove(job)
                name = f"seed{job.seed}/{job.row}"
                running[submit(name, run_or_read, job.config, job.run_dir, show)] = job
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job = running.pop(future)
                # Whatever stops one run, a full disk for instance, does not stop the others.
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    raise MdjaxError(
                        f"{job.run_dir}: its process was killed, perhaps for lack of memory. Run "
                        "the same again to continue, with fewer workers (--num-workers 1)."
                    ) from error
                if error:
                    fail(job, str(error) if isinstance(error, MdjaxError) else repr(error))
                    continue
                runs[job.row][job.seed] = future.result()
                on_finished_run(StudyResults(study_dir, runs, tuple(failures)))
    in_order = {
        row: {seed: by_seed[seed] for seed in seeds if seed in by_seed}
        for row, by_seed in runs.items()
    }
    return StudyResults(study_dir, in_order, tuple(failures))


def _find_ready(waiting: Sequence[_Job], running: Collection[_Job]) -> _Job | None:
    """Return the first run all of whose needs are finished."""
    unfinished = [*waiting, *running]
    ready = (job for job in waiting if not any(map(job.needs, unfinished)))
    return next(ready, None)


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
    show(f"{run_dir}: {format_count(config.loop.num_steps, 'step')}")
    return train(config, run_dir, resume=(run_dir / "config.json").is_file(), show=show)


def _list_jobs(
    rows: Rows, study_dir: Path, seeds: Sequence[int], shared_rows: Collection[str]
) -> list[_Job]:
    jobs: list[_Job] = []
    for seed in seeds:
        run_dirs: dict[str, Path] = {}
        for name, configure in rows.items():
            is_shared = name in shared_rows
            run_dir = study_dir / f"seed{seeds[0] if is_shared else seed}" / name
            if not is_shared or seed == seeds[0]:
                seed_runs = SeedRuns(seed, dict(run_dirs))
                config = configure(seed_runs)
                if not isinstance(config, FuseConfig):
                    config = replace(config, seed=seed)
                jobs.append(_Job(seed, name, config, run_dir, tuple(seed_runs.asked)))
            run_dirs[name] = run_dir
    return jobs
