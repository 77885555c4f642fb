"""What a plan says before anything is trained: for people and as JSON."""

from collections.abc import Sequence
from typing import Any

from mdjax.studies.jobs import Job
from mdjax.studies.plan import Plan
from mdjax.studies.reproduction import format_duration
from mdjax.types import format_count


def describe_plans(plans: Sequence[Plan], num_workers: int = 1) -> list[str]:
    """List what would be trained, a line a run, and the time that it takes, also of all plans."""
    lines = [line for plan in plans for line in _describe(plan, num_workers)]
    todo = [job for plan in plans for job in plan.todo]
    if len(plans) < 2 or not todo:
        return lines
    known = _list_seconds(plans)
    total = f"all settings: {format_count(len(todo), 'run')} to train"
    if num_unknown := len(todo) - len(known):
        total += f", {num_unknown} of a time not known yet"
    if known:
        total += f", {'the others ' if num_unknown else ''}{_format_total(known, num_workers)}"
    return [*lines, total]


def summarise_plans(plans: Sequence[Plan], num_workers: int = 1) -> dict[str, Any]:
    """Return the same as JSON; seconds that are not known are None."""
    return {
        "settings": {plan.setting.name: _summarise(plan, num_workers) for plan in plans},
        "num_runs": sum(len(plan.todo) for plan in plans),
        "num_workers": num_workers,
        "seconds": _sum_seconds(plans, num_workers),
    }


def _describe(plan: Plan, num_workers: int) -> list[str]:
    head = (
        f"{plan.setting.name}: {format_count(len(plan.todo), 'run')} to train, "
        f"{_count_finished(plan)} finished or not needed"
    )
    if plan.unreadable:
        head += f", {format_count(len(plan.unreadable), 'kept result')} damaged"
    lines = [f"{head}; results in {plan.kept.folder}"]
    for job in plan.todo:
        seconds = plan.seconds.get(job.run_dir)
        time_needed = "time not known yet" if seconds is None else format_duration(seconds)
        user = _find_user(job, plan)
        why = f" (kept, but {user} needs its weights)" if user else ""
        lines.append(f"  {job}: {time_needed}{why}")
    if plan.todo and _sum_seconds([plan], num_workers) is not None:
        lines.append(f"  together {_format_total(_list_seconds([plan]), num_workers)}")
    return [*lines, f"  {plan.missing_data}"] if plan.missing_data else lines


def _summarise(plan: Plan, num_workers: int) -> dict[str, Any]:
    return {
        "results_dir": plan.kept.folder,
        "runs": [
            {
                "row": job.row,
                "seed": job.seed,
                "seconds": plan.seconds.get(job.run_dir),
                "is_kept": job.run_dir in plan.kept_dirs,
            }
            for job in plan.todo
        ],
        "num_finished": _count_finished(plan),
        "seconds": _sum_seconds([plan], num_workers),
        "unreadable": [vars(failure) for failure in plan.unreadable],
        "missing_data": plan.missing_data or None,
    }


def _count_finished(plan: Plan) -> int:
    damaged = {(failure.row, failure.seed) for failure in plan.unreadable}
    done = [job for job in plan.jobs if job not in plan.todo]
    return sum((job.row, job.seed) not in damaged for job in done)


def _find_user(job: Job, plan: Plan) -> str:
    """What needs the weights of a run whose result is kept."""
    if job.run_dir not in plan.kept_dirs:
        return ""
    return "the picture" if job.run_dir in plan.drawn_dirs else "another run"


def _list_seconds(plans: Sequence[Plan]) -> list[float]:
    """Those that are known."""
    return [
        plan.seconds[job.run_dir]
        for plan in plans
        for job in plan.todo
        if job.run_dir in plan.seconds
    ]


def _sum_seconds(plans: Sequence[Plan], num_workers: int) -> float | None:
    known = _list_seconds(plans)
    is_complete = len(known) == sum(len(plan.todo) for plan in plans)
    return sum(known) / num_workers if is_complete else None


def _format_total(seconds: Sequence[float], num_workers: int) -> str:
    workers = format_count(num_workers, "worker")
    return f"about {format_duration(sum(seconds) / num_workers)} with {workers}"
