"""A study: rows that are trained for every seed, finished once, resumed when cut."""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from mdjax.io.checkpoint import has_checkpoint, read_metadata
from mdjax.io.checkpoint_store import CheckpointStore
from mdjax.runs.config import FuseConfig, MissingConfig, RunConfig
from mdjax.runs.fusion import fuse
from mdjax.runs.missing import score_without
from mdjax.runs.results import RunResult, read_result
from mdjax.runs.resuming import require_same_config, require_same_run
from mdjax.runs.stored_config import read_run_config
from mdjax.runs.training import train
from mdjax.studies.jobs import Job, Rows, list_jobs
from mdjax.studies.workers import open_workers
from mdjax.types import MdjaxError, format_count

Print = Callable[[str], None]


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
    num_workers: int = 1,
    shared_rows: Collection[str] = (),
) -> StudyResults:
    """Train every row for every seed.

    Args:
        rows: What to train.
        study_dir: Holds the runs, `seed0/teacher` and so on.
        seeds: One training of each row per seed.
        show: Takes lines that a person should read; picklable where there are several workers.
        on_finished_run: Takes what there is so far, each time that a run is finished.
        num_workers: Runs at a time, each in a process of its own; see `open_workers`.
        shared_rows: Rows that are trained for the first seed alone, and used by all.

    Raises:
        MdjaxError: As of `run_jobs`.
    """
    jobs = list_jobs(rows, study_dir, seeds, shared_rows=shared_rows)
    runs: dict[str, dict[int, RunResult]] = {name: {} for name in rows}
    failures: list[RowFailure] = []

    def keep(job: Job, result: RunResult) -> None:
        runs[job.row][job.seed] = result
        on_finished_run(StudyResults(study_dir, runs, tuple(failures)))

    run_jobs(jobs, show=show, on_finished=keep, on_failed=failures.append, num_workers=num_workers)
    in_order = {
        row: {seed: by_seed[seed] for seed in seeds if seed in by_seed}
        for row, by_seed in runs.items()
    }
    return StudyResults(study_dir, in_order, tuple(failures))


def run_jobs(
    jobs: Sequence[Job],
    *,
    show: Print = print,
    on_finished: Callable[[Job, RunResult], None],
    on_failed: Callable[[RowFailure], None],
    num_workers: int = 1,
) -> None:
    """Train what is not finished.

    Call it again after an interruption: finished runs are read, those in progress are resumed. A
    run that fails is reported, and so is each run that needs it; all others go on. A run directory
    that cannot be read is such a failure, and is left as it is.

    Args:
        jobs: What a run needs comes before it.
        show: Takes lines that a person should read; picklable where there are several workers.
        on_finished: Takes each run that is finished, and its result.
        on_failed: Takes each run that could not be finished.
        num_workers: Runs at a time, each in a process of its own; see `open_workers`.

    Raises:
        MdjaxError: A run directory has another configuration; nothing has been run then. Or the
            process of a run was killed.
    """
    waiting = list(jobs)

    def fail(job: Job, reason: str) -> None:
        failure = RowFailure(job.row, job.seed, reason)
        on_failed(failure)
        show(f"FAILED: {failure}")
        for other in [other for other in waiting if other.needs(job)]:
            if other in waiting:  # Not failed yet for want of another one.
                waiting.remove(other)
                fail(other, f"needs {job.row}, which failed.")

    unreadable = {job.run_dir: reason for job in jobs if (reason := _find_damage(job))}
    for job in jobs:
        if job.run_dir not in unreadable and (job.run_dir / "config.json").is_file():
            require_same_config(job.run_dir, job.config)
    for job in jobs:
        if job.run_dir in unreadable and job in waiting:
            waiting.remove(job)
            fail(job, unreadable[job.run_dir])

    running: dict[Future[RunResult], Job] = {}
    # The last run that is missing gets no more cores than before: it would round differently.
    if all(read_result(job.run_dir) for job in waiting):
        num_workers = 1
    with open_workers(num_workers) as submit:
        while waiting or running:
            while len(running) < num_workers and (job := _find_ready(waiting, running.values())):
                waiting.remove(job)
                name = f"seed{job.seed}/{job.row}"
                with _explaining_kills(job):
                    running[submit(name, run_or_read, job.config, job.run_dir, show)] = job
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job = running.pop(future)
                # Whatever stops one run, a full disk for instance, does not stop the others.
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    with _explaining_kills(job):
                        raise error
                if error:
                    fail(job, str(error) if isinstance(error, MdjaxError) else repr(error))
                    continue
                on_finished(job, future.result())


@contextlib.contextmanager
def _explaining_kills(job: Job) -> Iterator[None]:
    """Within this context, a worker that is gone is a message: at a result, or at new work."""
    try:
        yield
    except BrokenProcessPool as error:
        raise MdjaxError(
            f"{job.run_dir}: its process or another was killed, perhaps for lack of memory. Run "
            "the same again to continue, with fewer workers (--num-workers 1)."
        ) from error


def _find_damage(job: Job) -> str | None:
    """Say what is wrong with a run directory that cannot be read; None where there is nothing."""
    if not (job.run_dir / "config.json").is_file():
        return None
    try:
        read_run_config(job.run_dir)
        read_result(job.run_dir)
        last = CheckpointStore(job.run_dir).last
        if has_checkpoint(last):
            read_metadata(last)
    except MdjaxError as error:
        return str(error)
    return None


def _find_ready(waiting: Sequence[Job], running: Collection[Job]) -> Job | None:
    """Return the first run all of whose needs are finished."""
    unfinished = [*waiting, *running]
    ready = (job for job in waiting if not any(map(job.needs, unfinished)))
    return next(ready, None)


def run_or_read(config: RunConfig, run_dir: Path, show: Print = print) -> RunResult:
    """Train, resume, fuse or score, unless the run is finished: then read its result.

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
    if isinstance(config, MissingConfig):
        return score_without(config, run_dir, show=show)
    show(f"{run_dir}: {format_count(config.loop.num_steps, 'step')}")
    return train(config, run_dir, resume=(run_dir / "config.json").is_file(), show=show)
