"""What commands about kept rows share: their options, training what is missing, what it gave."""

import contextlib
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from mdjax.cli.output import print_json, show_on_stderr
from mdjax.studies.experiment import Budget
from mdjax.studies.jobs import Job, Rows, find_twins
from mdjax.studies.kept_rows import KeptRows
from mdjax.studies.plan import Plan, Shard, list_setting_jobs, make_plan
from mdjax.studies.plan_report import describe_plans, summarise_plans
from mdjax.studies.reproduction import run_plan
from mdjax.studies.study import RowFailure
from mdjax.studies.table import Setting
from mdjax.types import MdjaxError, format_count


@dataclass(frozen=True)
class KeptStudyOptions(Budget):
    """Where rows are kept, and how much is trained.

    Attributes:
        results_dir: Folder of the kept rows and of the tables.
        pretrained: Weights file instead of the download, for networks that start from ImageNet.
        dry_run: Print what would be trained and how long it takes, and train nothing.
        tables_only: Write the tables of the rows there are, and train nothing.
        shard: Train the part of one of several machines, such as 1/3; merge their results later.
        merge: Folders of results of other machines to copy first.
        num_draws: Draws of the bootstrap.
        json: Print one JSON object instead of the tables or of the plan.
    """

    results_dir: Path = Path("experiments/results")
    pretrained: Path | None = None
    dry_run: bool = False
    tables_only: bool = False
    shard: str = "1/1"
    merge: tuple[Path, ...] = ()
    num_draws: int = 1_000
    json: bool = False

    def adjust(self, config: Any) -> Any:
        """Return a configuration with data folder, steps and weights of these options."""
        config = super().adjust(config)
        if self.pretrained and config.pretrained:
            return replace(config, pretrained=self.pretrained)
        return config


_MIN_DRAWS = 100  # Fewer do not reach the ends of a 95 % interval.


def check_counts(
    options: KeptStudyOptions, setting: Setting, num_seeds: int | None, num_compared: int
) -> None:
    """Refuse numbers with which nothing could be said, before anything is trained.

    Args:
        options: What was typed.
        setting: What the rows share.
        num_seeds: At most so many trainings of each row; None if that was not typed.
        num_compared: Most differences that are judged together.

    Raises:
        MdjaxError: Seeds or draws are too few, or there are more seeds than folds.
    """
    if num_seeds is not None and num_seeds < 1:
        raise MdjaxError(f"num_seeds is {num_seeds}; give 1 or more.")
    # One fold is refused where the folds are made.
    if num_seeds is not None and 1 < setting.num_folds < num_seeds:
        raise MdjaxError(
            f"num_seeds is {num_seeds}, but {setting.name} has {setting.num_folds} folds, and seed "
            f"s tests fold s: give at most {setting.num_folds}."
        )
    if options.num_draws < _MIN_DRAWS:
        raise MdjaxError(f"num_draws is {options.num_draws}; give {_MIN_DRAWS} or more.")
    needed = setting.count_needed_draws(num_compared)
    if options.num_draws < needed:
        raise MdjaxError(
            f"num_draws is {options.num_draws}, with which none of {num_compared} differences that "
            f"are judged together could be beyond the noise; give {needed} or more."
        )


def refuse_swallowed_name(options: KeptStudyOptions, known: Collection[str]) -> None:
    """Refuse a name that was taken for one of the values of the option before it.

    Args:
        options: What was typed, without a name.
        known: All names.

    Raises:
        MdjaxError: There is one.
    """
    for field in fields(options):
        values = getattr(options, field.name)
        for value in values if isinstance(values, tuple) else ():
            if str(value) in known:
                option = f"--{field.name.replace('_', '-')}"
                raise MdjaxError(
                    f"{option} took {value} for one of its values; give {value} before {option}."
                )


_PLACES = ("--data-dir", "--runs-dir", "--results-dir", "--pretrained", "--merge")


def name_command(name: str, arguments: Sequence[str]) -> str:
    """Return a command as typed, without its places: they mean nothing on another machine.

    Args:
        name: Of the command, such as "reproduce".
        arguments: What follows it.
    """
    said, remaining = [], list(arguments)
    while remaining:
        argument = remaining.pop(0)
        option, _, value = argument.partition("=")
        if option == "--prices":  # They decide what is trained: the name of the file stays.
            said += [option, Path(value or (remaining.pop(0) if remaining else "")).name]
            continue
        if option.replace("_", "-") not in _PLACES:
            said.append(argument)
            continue
        num_values = 0 if value else len(remaining) if option == "--merge" else 1
        while num_values and remaining and not remaining[0].startswith("--"):
            del remaining[0]
            num_values -= 1
    return shlex.join(["mdjax", name, *said])


def plan_setting(
    setting: Setting,
    rows: Rows,
    num_seeds: Mapping[str, int],
    options: KeptStudyOptions,
    *,
    drawn_rows: Collection[str] = (),
) -> Plan:
    """Find out what is to be trained, as if what other machines have kept had been copied.

    Args:
        setting: What the rows share.
        rows: All rows of the setting.
        num_seeds: Trainings by row, of those that are wanted.
        options: What was typed.
        drawn_rows: Rows whose weights of the first seed are needed too, for pictures.

    Raises:
        MdjaxError: A kept result is of another configuration or other data, here or there.
    """
    for folder in options.merge:
        if not folder.is_dir():
            raise MdjaxError(
                f"{folder}: there is no such folder; give the results folder of another machine."
            )
    merged = tuple(folder / setting.name for folder in options.merge)
    kept = KeptRows(options.results_dir / setting.name, merged)
    return make_plan(
        setting,
        rows,
        num_seeds,
        kept=kept,
        study_dir=options.runs_dir / setting.name,
        drawn_rows=drawn_rows,
        shard=Shard.parse(options.shard),
    )


def print_plans(plans: Iterable[Plan], options: KeptStudyOptions) -> None:
    """Print what would be trained, and how long it takes.

    Raises:
        MdjaxError: Kept results cannot be read, or as `_list_new`.
    """
    plans = list(plans)
    for line in _list_new(plans, options):
        show_on_stderr(f"{line} to be copied")
    with reporting(_list_unreadable(plans)):
        if options.json:
            print_json(summarise_plans(plans, options.num_workers))
        else:
            print("\n".join(describe_plans(plans, options.num_workers)), flush=True)


def run_plans(plans: Iterable[Plan], options: KeptStudyOptions, typed: str) -> list[RowFailure]:
    """Copy what other machines have kept, and train what is missing unless only tables are wanted.

    Args:
        plans: What to train.
        options: What was typed.
        typed: The same as text, for the files, see `name_command`.

    Returns:
        The runs that could not be finished, and those whose kept results cannot be read.

    Raises:
        MdjaxError: As `_list_new`, or as `run_plan`.
    """
    plans = list(plans)
    new = _list_new(plans, options)
    for plan in plans:
        plan.kept.merge()
    for line in new:
        show_on_stderr(f"{line} copied")
    failures = _list_unreadable(plans)
    if options.tables_only:
        return failures
    for plan in plans:
        try:
            failures += run_plan(
                plan, command=typed, show=show_on_stderr, num_workers=options.num_workers
            )
        except KeyboardInterrupt:
            show_on_stderr("The same command continues.")
            raise
    return failures


def _list_new(plans: Sequence[Plan], options: KeptStudyOptions) -> list[str]:
    """Say how many results each folder of another machine has that are not here.

    Raises:
        MdjaxError: Such a folder has no results at all for what is planned.
    """
    names = [plan.setting.name for plan in plans]
    for folder in options.merge:
        if any(KeptRows(folder / name).find() for name in names):
            continue
        above = [folder.parent] if folder.name in names else []
        below = [path.parent for name in names for path in sorted(folder.glob(f"*/{name}"))]
        remedy = f"give {(above + below)[0]}." if above or below else "give another or omit it."
        raise MdjaxError(
            f"--merge {folder}: there are no results in {' or '.join(f'{x}/' for x in names)} "
            f"below it; {remedy}"
        )
    lines = []
    for plan in plans:
        new = [path.parent for path in plan.kept.find_new()]
        lines += [
            f"{folder}: {format_count(new.count(folder), 'result')} for {plan.kept.folder}"
            for folder in plan.kept.merged
        ]
    return lines


def _list_unreadable(plans: Sequence[Plan]) -> list[RowFailure]:
    return [failure for plan in plans for failure in plan.unreadable]


@contextlib.contextmanager
def reporting(failures: Sequence[RowFailure]) -> Iterator[None]:
    """Report the runs that failed last, whether or not what there is can be written.

    Raises:
        MdjaxError: There are some.
    """
    lines = ["some rows failed:", *map(str, failures)] if failures else []
    try:
        yield
    except (MdjaxError, OSError) as error:
        if not failures:
            raise
        raise MdjaxError("\n".join([str(error), *lines])) from error
    if failures:
        raise MdjaxError("\n".join(lines))


def read_images(plan: Plan, rows: Rows, names: Iterable[str]) -> dict[str, dict[int, Any]]:
    """Read what was scored of each test image, by row and seed, of all seeds that are kept.

    Args:
        plan: Of the setting.
        rows: All rows of the setting; of two with one configuration, one is kept.
        names: Those that are wanted.

    Raises:
        MdjaxError: A kept result is of another configuration or other data.
    """
    twins, kept = find_twins(rows), plan.kept
    jobs_of: dict[int, list[Job]] = {}
    images: dict[str, dict[int, Any]] = {}
    for name in names:
        images[name] = {}
        for found in kept.read_all(twins[name], show_on_stderr):
            if found.seed not in jobs_of:
                jobs_of[found.seed] = list_setting_jobs(plan.setting, rows, [found.seed], Path())
            jobs = jobs_of[found.seed]
            (job,) = (job for job in jobs if job.row == twins[name])
            path = kept.get_path(found.row, found.seed)
            kept.require_same(found, path, job, jobs, plan.dataset_fingerprint)
            images[name][found.seed] = found.images
    return images
