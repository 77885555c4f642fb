"""What is still to be trained for some tables, how long it takes, and which machine does it."""

import heapq
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from mdjax.data.folds import Folds
from mdjax.runs.config import TrainConfig
from mdjax.runs.results import describe_environment, read_result
from mdjax.runs.splits import open_splits
from mdjax.studies.jobs import Job, Row, Rows, SeedRuns, add_needed, find_twins, list_jobs
from mdjax.studies.kept_rows import KeptFile, KeptRow, KeptRows
from mdjax.studies.study import RowFailure
from mdjax.studies.table import Setting
from mdjax.types import MdjaxError


@dataclass(frozen=True)
class Shard:
    """The part of the work that one of several machines does.

    Attributes:
        index: Of this machine, from 1.
        count: Number of machines.
    """

    index: int = 1
    count: int = 1

    @staticmethod
    def parse(text: str) -> "Shard":
        """Read "2/3".

        Raises:
            MdjaxError: It is something else, or the machine is not one of them.
        """
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        if not match or not 1 <= int(match[1]) <= int(match[2]):
            raise MdjaxError(f"shard is {text!r}; give the machine and their number, such as 1/3.")
        return Shard(int(match[1]), int(match[2]))


WHOLE = Shard()
"""All of the work."""


@dataclass(frozen=True)
class Plan:
    """The runs of a setting.

    Attributes:
        setting: What they share.
        kept: Their results.
        jobs: All runs that this machine has to do with, those that others need first.
        todo: Those of them that have to be trained.
        kept_dirs: Run directories of those whose results are kept.
        drawn_dirs: Run directories of those whose weights a picture needs.
        unreadable: Those whose results cannot be read; they are not trained again.
        seconds: How long each takes, by run directory; where nothing like it was measured on such a
            machine, it is not there.
        dataset_fingerprint: Of the prepared data set; None if there is none here.
    """

    setting: Setting
    kept: KeptRows
    jobs: tuple[Job, ...]
    todo: tuple[Job, ...]
    kept_dirs: frozenset[Path]
    drawn_dirs: frozenset[Path]
    unreadable: tuple[RowFailure, ...]
    seconds: Mapping[Path, float]
    dataset_fingerprint: str | None

    @property
    def missing_data(self) -> str:
        """What is said of a data set that is needed and not prepared; "" if nothing is missing."""
        if not self.todo or self.dataset_fingerprint is not None:
            return ""
        config = next(job.config for job in self.jobs if isinstance(job.config, TrainConfig))
        return (
            f"the data set {config.dataset} is not prepared in {config.data_dir}; "
            "`mdjax prepare --help` tells how, --data-dir where it is."
        )


def make_plan(
    setting: Setting,
    rows: Rows,
    num_seeds: Mapping[str, int],
    *,
    kept: KeptRows,
    study_dir: Path,
    drawn_rows: Collection[str] = (),
    shard: Shard = WHOLE,
) -> Plan:
    """Find out what has to be trained.

    A run whose result is kept is not trained again, even if its weights are gone, unless another
    run needs them that is to be trained. Tables read all seeds of a row that are kept: all are
    checked here, and so is all that is to be merged, before anything is trained or copied.

    Args:
        setting: What the rows share.
        rows: All rows of the setting, without folds.
        num_seeds: Trainings by row, of those that are wanted.
        kept: The results so far.
        study_dir: Holds the runs.
        drawn_rows: Rows whose weights of the first seed are needed too, for pictures.
        shard: Which part is this machine's.

    Raises:
        MdjaxError: A kept result is of another configuration or other data, or its file has the
            name of another; or as `KeptRows.find_new`.
    """
    twins = find_twins(rows)
    drawn = {twins[name] for name in drawn_rows}

    def is_drawn(job: Job) -> bool:
        return job.row in drawn and job.seed == 0

    seeds_of: dict[str, int] = {}
    for name, count in num_seeds.items():
        seeds_of[twins[name]] = max(count, seeds_of.get(twins[name], 0))
    files = kept.find()
    seeds = {*range(max(seeds_of.values(), default=0)), *(file.seed for file in files)}
    every = list_setting_jobs(setting, rows, sorted(seeds), study_dir)
    wanted = [job for job in every if job.seed < seeds_of.get(job.row, 0)]
    jobs = _take_shard(add_needed(wanted, every), shard)
    fingerprint = _find_fingerprint(jobs)
    is_here = {job.run_dir for job in jobs}
    new = set(kept.find_new())
    merged = {(file.row, file.seed) for file in files if file.path in new}
    read = [
        job
        for job in every
        if job.run_dir in is_here or job.row in seeds_of or (job.row, job.seed) in merged
    ]
    kept_dirs, unreadable, rates = _check_kept(files, kept, read, every, fingerprint)
    missing = [
        job
        for job in wanted
        if job in jobs
        and (job.run_dir not in kept_dirs or (is_drawn(job) and not _is_finished(job)))
    ]
    todo = [job for job in add_needed(missing, jobs) if job in missing or not _is_finished(job)]
    return Plan(
        setting,
        kept,
        tuple(jobs),
        tuple(todo),
        kept_dirs,
        frozenset(job.run_dir for job in wanted if is_drawn(job)),
        unreadable,
        _estimate_seconds(todo, rates),
        fingerprint,
    )


def list_setting_jobs(
    setting: Setting, rows: Rows, seeds: Sequence[int], study_dir: Path
) -> list[Job]:
    """List all runs of a setting for some seeds, each with the fold of its seed."""
    folded = {name: _fold(row, setting.num_folds) for name, row in rows.items()}
    return list_jobs(folded, study_dir, seeds)


def _check_kept(
    files: Sequence[KeptFile],
    kept: KeptRows,
    read: Sequence[Job],
    every: Sequence[Job],
    fingerprint: str | None,
) -> tuple[frozenset[Path], tuple[RowFailure, ...], dict[str, list[float]]]:
    """Find which runs are kept, which of them cannot be read, and the steps per second by row.

    Whatever row a file is named after, it may hold one that would be trained again.
    """
    environment = describe_environment()
    jobs = {(job.row, job.seed): job for job in read}
    kept_dirs, unreadable = set[Path](), list[RowFailure]()
    rates: dict[str, list[float]] = {}
    for file in files:
        job = jobs.get((file.row, file.seed))
        if job:
            kept_dirs.add(job.run_dir)
        try:
            found = kept.read(file.path)
        except MdjaxError as error:
            if job:  # Another is named where it is wanted.
                unreadable.append(RowFailure(job.row, job.seed, str(error)))
            continue
        kept.require_name(found, file.path)
        if found.steps_per_second and _is_alike(found, environment):
            rates.setdefault(found.row, []).append(found.steps_per_second)
        if job:
            kept.require_same(found, file.path, job, every, fingerprint)
    return frozenset(kept_dirs), tuple(unreadable), rates


def _fold(row: Row, num_folds: int) -> Row:
    """Test the fold that has the seed's number."""

    def configure(runs: SeedRuns) -> Any:
        config: Any = row(runs)
        # What is not trained has the folds of its networks.
        if num_folds == 0 or not isinstance(config, TrainConfig):
            return config
        return replace(config, folds=Folds(num_folds, runs.seed % num_folds))

    return configure


def _is_finished(job: Job) -> bool:
    try:
        return read_result(job.run_dir) is not None
    except MdjaxError:  # It is reported when it is run.
        return False


def _find_fingerprint(jobs: Sequence[Job]) -> str | None:
    trained = [job.config for job in jobs if isinstance(job.config, TrainConfig)]
    if not trained:
        return None
    try:
        return open_splits(trained[0].dataset, trained[0].data_dir, Folds()).fingerprint
    except MdjaxError:
        return None


def _take_shard(jobs: Sequence[Job], shard: Shard) -> list[Job]:
    """Deal groups of runs that need each other, the longest first, to the machine with least work.

    The same on every machine, whatever it has finished.
    """
    group_of: dict[Path, Path] = {}

    def find(path: Path) -> Path:
        while group_of.setdefault(path, path) != path:
            path = group_of[path]
        return path

    for job in jobs:
        for needed in job.needed:
            group_of[find(job.run_dir)] = find(needed)
    steps: dict[Path, int] = {}
    for job in jobs:
        group = find(job.run_dir)
        steps[group] = steps.get(group, 0) + _count_steps(job)
    loads = [(0, machine) for machine in range(1, shard.count + 1)]
    mine = set()
    for group in sorted(steps, key=lambda group: (-steps[group], str(group))):
        load, machine = heapq.heappop(loads)
        heapq.heappush(loads, (load + steps[group], machine))
        if machine == shard.index:
            mine.add(group)
    return [job for job in jobs if find(job.run_dir) in mine]


def _count_steps(job: Job) -> int:
    return job.config.loop.num_steps if isinstance(job.config, TrainConfig) else 0


def _estimate_seconds(
    todo: Sequence[Job], rates: Mapping[str, Sequence[float]]
) -> dict[Path, float]:
    """From the steps per second of the same row, or of any row, on a machine of this kind."""
    any_rate = median([rate for of_row in rates.values() for rate in of_row]) if rates else None
    found = {}
    for job in todo:
        rate = median(rates[job.row]) if job.row in rates else any_rate
        if rate is not None:
            found[job.run_dir] = _count_steps(job) / rate
    return found


def _is_alike(row: KeptRow, environment: Mapping[str, str]) -> bool:
    then = row.result.get("environment", {})
    return all(then.get(name) == environment[name] for name in ("device", "machine"))
