"""Everything that a page needs to know about runs, and what of it cannot be read."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mdjax.io.metrics_log import read_metrics
from mdjax.io.run_directory import RunDirectory
from mdjax.runs.config import RunConfig
from mdjax.runs.overview import RunSummary, list_runs
from mdjax.runs.results import RunResult, read_result
from mdjax.runs.stored_config import read_run_config
from mdjax.types import MdjaxError

_Read = TypeVar("_Read")


@dataclass(frozen=True)
class ReportedRun:
    """One run of a page.

    Attributes:
        name: Its path below the folder that holds all runs of the page.
        summary: Its state and main scores.
        config: Its configuration; None if that cannot be read.
        result: Its result; None unless it is finished.
        log: Lines of its `metrics.jsonl`.
        problems: What cannot be read, and why.
    """

    name: str
    summary: RunSummary
    config: RunConfig | None
    result: RunResult | None
    log: Sequence[dict[str, Any]]
    problems: Sequence[str]


def collect_runs(places: Sequence[Path]) -> list[ReportedRun]:
    """Read the runs in folders and below them, each once; damaged ones as far as they are readable.

    Args:
        places: Run directories, or folders that contain some.

    Raises:
        MdjaxError: A folder does not exist, or holds no run.
    """
    summaries: dict[Path, RunSummary] = {}
    for place in places:
        if not place.is_dir():
            raise MdjaxError(
                f"{place}: there is no such folder; give run directories or folders of runs."
            )
        found = list_runs(place)
        if not found:
            raise MdjaxError(
                f"{place}: holds no runs; give run directories or folders of runs (`mdjax runs "
                "FOLDER` lists them)."
            )
        for summary in found:
            summaries.setdefault(summary.run_dir.resolve(), summary)
    names = _name_runs(list(summaries))
    return [_read(name, x) for name, x in zip(names, summaries.values(), strict=True)]


def make_path_shortener(runs: Sequence[ReportedRun]) -> Callable[[Path], Path]:
    """Return how a page tells paths: runs that are on it by name, others by their last two parts.

    A page that is passed on does not tell where its maker keeps files.
    """
    names = {run.summary.run_dir.resolve(): Path(run.name) for run in runs}

    def shorten(path: Path) -> Path:
        return names.get(path.resolve()) or Path(*path.resolve().parts[-2:])

    return shorten


def _name_runs(run_dirs: Sequence[Path]) -> list[str]:
    """Paths below the folder that holds them all."""
    if len(run_dirs) == 1:
        names = [run_dirs[0].name]
    else:
        above = os.path.commonpath(run_dirs)
        names = [path.relative_to(above).as_posix() for path in run_dirs]
    return [_replace_unprintable(name) for name in names]


def _replace_unprintable(text: str) -> str:
    return "".join(x if x.isprintable() else "\N{REPLACEMENT CHARACTER}" for x in text)


def _read(name: str, summary: RunSummary) -> ReportedRun:
    directory = RunDirectory(summary.run_dir)
    problems = [summary.problem] if summary.problem else []

    def attempt(read: Callable[[], _Read]) -> _Read | None:
        try:
            return read()
        except Exception as error:  # Whatever is wrong with one file, the others are shown.
            is_ours = isinstance(error, MdjaxError)
            reason = str(error) if is_ours else f"{directory.path}: {error!r}"
            problems.append(reason.splitlines()[0])
            return None

    config = attempt(lambda: read_run_config(directory.path))
    is_finished = summary.state == "finished"
    result = attempt(lambda: read_result(directory.path)) if is_finished else None
    has_log = directory.metrics_path.is_file()
    log = attempt(lambda: read_metrics(directory.metrics_path)) if has_log else None
    told = [_name_places(text, directory.path, name) for text in dict.fromkeys(problems)]
    return ReportedRun(name, summary, config, result, log or [], told)


def _name_places(text: str, run_dir: Path, name: str) -> str:
    """Tell a run by its name, like everything on a page, and not by its place."""
    for place in dict.fromkeys((str(run_dir), str(run_dir.resolve()))):
        text = text.replace(place, name)
    return text
