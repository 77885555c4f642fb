"""Trains what a plan lists, keeps each result, and says how long the rest takes."""

import time
from collections.abc import Sequence

from mdjax.runs.results import RunResult
from mdjax.studies.jobs import Job
from mdjax.studies.plan import Plan
from mdjax.studies.study import Print, RowFailure, run_jobs
from mdjax.types import MdjaxError, format_count


def run_plan(
    plan: Plan,
    *,
    command: str,
    show: Print,
    num_workers: int = 1,
) -> list[RowFailure]:
    """Train what is missing. Interrupted, the same call goes on.

    Args:
        plan: What to train.
        command: What was typed, without the places of files, for the files.
        show: Takes lines that a person should read.
        num_workers: Runs at a time.

    Returns:
        The runs that could not be finished.

    Raises:
        MdjaxError: The data set is not prepared, or as `run_jobs`.
    """
    if not plan.todo:
        return []
    fingerprint = plan.dataset_fingerprint
    if fingerprint is None:
        raise MdjaxError(plan.missing_data)
    failures: list[RowFailure] = []
    remaining = list(plan.todo)
    start = time.monotonic()

    def keep(job: Job, result: RunResult) -> None:
        remaining.remove(job)
        if job.run_dir not in plan.kept_dirs:
            try:
                plan.kept.keep(job, plan.jobs, result, fingerprint, command)
            except (MdjaxError, OSError) as error:  # A full disk; the next call keeps it.
                failures.append(RowFailure(job.row, job.seed, str(error)))
                show(f"FAILED: {failures[-1]}")
        done = len(plan.todo) - len(remaining)
        line = f"{done} of {format_count(len(plan.todo), 'run')} done"
        elapsed = time.monotonic() - start
        if left := estimate_left(plan, remaining, elapsed, num_workers):
            line += f", about {left} left"
        show(line)

    run_jobs(
        plan.todo,
        show=show,
        on_finished=keep,
        on_failed=failures.append,
        num_workers=num_workers,
    )
    return failures


def estimate_left(
    plan: Plan, remaining: Sequence[Job], elapsed_seconds: float, num_workers: int
) -> str:
    """Estimate the time of the remaining runs; "" where nothing is known.

    From measured steps per second, or from the runs that were finished by now.
    """
    if not remaining:
        return ""
    known = [plan.seconds[job.run_dir] for job in remaining if job.run_dir in plan.seconds]
    if len(known) == len(remaining):
        return format_duration(sum(known) / num_workers)
    num_done = len(plan.todo) - len(remaining)
    return format_duration(elapsed_seconds / num_done * len(remaining)) if num_done else ""


def format_duration(seconds: float) -> str:
    """Write seconds as hours and minutes, such as "2 h 05 min"."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
