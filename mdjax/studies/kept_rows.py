"""Results of finished runs, one JSON file each: what a table needs, without any weights.

They are small enough to be committed, so that a study goes on on another machine, and tables are
made where nothing was trained. A file states the configuration of its run and of all runs that it
needed; a run of another configuration is never taken for it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from mdjax.io.json_file import format_json, read_json_object, seal, unseal, write_text
from mdjax.io.metrics_log import read_metrics
from mdjax.io.write_failure import make_folder
from mdjax.runs.config import RunConfig, TrainConfig
from mdjax.runs.missing import evaluate_run
from mdjax.runs.results import RunResult
from mdjax.runs.resuming import MAY_DIFFER_ON_RESUME
from mdjax.runs.stored_config import (
    find_differences,
    read_stored_config,
    store_without_places,
)
from mdjax.studies.jobs import Job, add_needed
from mdjax.studies.per_image import ImageResult, describe_images
from mdjax.types import MdjaxError

LOGGED = ("train/loss", "train/focal_mask_perplexity_share")
"""What is kept of the log of a training."""

# Where data, teachers and weights lie does not matter; that a run starts from weights does.
_MAY_DIFFER = tuple(name for name in MAY_DIFFER_ON_RESUME if name != "pretrained")
_REMEDY = "Restore it, or delete it to train the row again."
_NAME = re.compile(r"seed(\d+)_(.+)\.json")


@dataclass(frozen=True)
class KeptRow:
    """The result of a finished run.

    Attributes:
        row: Its row.
        seed: Its seed.
        configs: By row, stored configurations of the run and of all that it needed.
        dataset_fingerprint: Of the prepared data set.
        result: Scores, versions and machine, as `result.json` but for the folders above the study.
        images: What was scored of each test image.
        log: Some of the values of each line of the log.
        steps_per_second: Median over the training; None if nothing was trained.
        command: What was typed, without the places of files.
    """

    row: str
    seed: int
    configs: Mapping[str, Any]
    dataset_fingerprint: str
    result: Mapping[str, Any]
    images: Sequence[ImageResult]
    log: Sequence[Mapping[str, float]]
    steps_per_second: float | None
    command: str


@dataclass(frozen=True)
class KeptFile:
    """A file whose name is that of a kept row.

    Attributes:
        row: The row that it is named after.
        seed: The seed that it is named after.
        path: Where it is.
    """

    row: str
    seed: int
    path: Path


@dataclass(frozen=True)
class KeptRows:
    """A folder of such files, `seed0_teacher.json` and so on.

    Attributes:
        folder: One for each set of rows that share data set, recipe and folds.
        merged: Folders of other machines; their files count as if `merge` had copied them.
    """

    folder: Path
    merged: tuple[Path, ...] = ()

    def get_path(self, row: str, seed: int) -> Path:
        """Return where the result of a run is kept."""
        return self.folder / f"seed{seed}_{row}.json"

    def find(self) -> list[KeptFile]:
        """List what has the name of a kept row, by row and seed, read or not."""
        paths: dict[str, Path] = {}
        for folder in (self.folder, *self.merged):
            for path in folder.glob("seed*_*.json"):
                paths.setdefault(path.name, path)
        matches = ((path, _NAME.fullmatch(path.name)) for path in paths.values())
        files = [KeptFile(match[2], int(match[1]), path) for path, match in matches if match]
        return sorted(files, key=lambda file: (file.row, file.seed, file.path.name))

    def read(self, path: Path) -> KeptRow:
        """Read a file.

        Raises:
            MdjaxError: It is damaged.
        """
        values = unseal(
            read_json_object(path, remedy=_REMEDY), path, is_required=True, remedy=_REMEDY
        )
        try:
            return KeptRow(**values)
        except TypeError as error:
            raise MdjaxError(f"{path}: damaged ({error}). {_REMEDY}") from error

    def read_all(self, row: str, on_damage: Callable[[str], None]) -> Iterator[KeptRow]:
        """Read all seeds of a row, in ascending order.

        Args:
            row: The row.
            on_damage: Takes what is said of a file that cannot be read, which is left out.

        Raises:
            MdjaxError: As `require_name`.
        """
        for file in self.find():
            if file.row != row:
                continue
            try:
                kept = self.read(file.path)
            except MdjaxError as error:
                on_damage(str(error))
            else:
                self.require_name(kept, file.path)
                yield kept

    def require_name(self, kept: KeptRow, path: Path) -> None:
        """Refuse a file whose name says another row or seed than its contents.

        Raises:
            MdjaxError: It does; the message says which name it should have.
        """
        named = path.with_name(self.get_path(kept.row, kept.seed).name)
        if named.name == path.name:
            return
        remedy = (
            f"Delete it: there is a {named.name} already."
            if named.exists()
            else f"Rename it to {named.name}, or delete it."
        )
        raise MdjaxError(
            f"{path}: holds the result of {kept.row}, seed {kept.seed}, under the name of another. "
            + remedy
        )

    def require_same(
        self,
        kept: KeptRow,
        path: Path,
        job: Job,
        jobs: Sequence[Job],
        dataset_fingerprint: str | None = None,
    ) -> None:
        """Refuse the result of another run under the same name.

        Args:
            kept: The result.
            path: The file that it was read from.
            job: The run that it should be of.
            jobs: All runs of the study, among them those that it needs.
            dataset_fingerprint: Of the data that it would be trained on; None where there is none.

        Raises:
            MdjaxError: It is of another configuration or of other data.
        """
        lines = _compare_configs(kept, list_configs(job, jobs), path)
        if dataset_fingerprint not in (None, kept.dataset_fingerprint):
            lines.append("the prepared data set has other records")
        if lines:
            raise MdjaxError(
                f"{path}: was trained with other settings, and is not mixed with new results. Give "
                "another folder with --results-dir, or delete it to train the row again.\n  "
                + "\n  ".join(lines)
            )

    def keep(
        self, job: Job, jobs: Sequence[Job], result: RunResult, fingerprint: str, command: str
    ) -> None:
        """Score a finished run image by image, and write its file.

        Args:
            job: The run, finished in its directory.
            jobs: All runs of the study, among them those that it needs.
            result: Its result.
            fingerprint: Of the prepared data set.
            command: What was typed, without the places of files.
        """
        log_path = job.run_dir / "metrics.jsonl"  # Where nothing was trained, there is none.
        log = read_metrics(log_path) if log_path.is_file() else []
        rates = [x["train/steps_per_second"] for x in log if "train/steps_per_second" in x]
        # Of a path, what says something on another machine: study, seed and row.
        run_dir = "/".join(job.run_dir.parts[-3:])
        kept = KeptRow(
            row=job.row,
            seed=job.seed,
            configs=list_configs(job, jobs),
            dataset_fingerprint=fingerprint,
            result={**result.to_dict(), "run_dir": run_dir},
            images=describe_images(evaluate_run(job.config, job.run_dir)),
            log=[
                {name: line[name] for name in ("step", *LOGGED) if name in line}
                for line in log
                if LOGGED[0] in line
            ],
            steps_per_second=median(rates) if rates else None,
            command=command,
        )
        self.write(kept)

    def write(self, kept: KeptRow) -> None:
        """Write a file."""
        make_folder(self.folder)
        # On one line: thousands of boxes with a number a line are three times as large.
        path = self.get_path(kept.row, kept.seed)
        write_text(path, format_json(seal(vars(kept))) + "\n")

    def find_new(self) -> list[Path]:
        """List the files of other machines that are not here.

        Raises:
            MdjaxError: One is damaged or misnamed, or is here or elsewhere with other contents.
        """
        new: dict[str, Path] = {}
        for file in (file for folder in self.merged for file in KeptRows(folder).find()):
            path = file.path
            self.require_name(self.read(path), path)
            mine = new.get(path.name, self.folder / path.name)
            if not mine.exists():
                new[path.name] = path
            elif not mine.is_file() or mine.read_bytes() != path.read_bytes():
                raise MdjaxError(
                    f"{path}: differs from {mine}, the same row and seed. Delete one of them."
                )
        return list(new.values())

    def merge(self) -> None:
        """Copy what other machines have kept.

        Raises:
            MdjaxError: As `find_new`; nothing is copied then.
        """
        for path in self.find_new():
            make_folder(self.folder)
            write_text(self.folder / path.name, path.read_text(encoding="utf-8"))


def list_configs(job: Job, jobs: Sequence[Job]) -> dict[str, Any]:
    """Store the configurations of a run and of all that it needs, by row, without any places."""
    return {needed.row: _store(needed.config) for needed in add_needed([job], jobs)}


def _store(config: RunConfig) -> dict[str, Any]:
    if isinstance(config, TrainConfig) and config.pretrained is not None:
        config = replace(config, pretrained="imagenet")
    return store_without_places(config)


def _compare_configs(kept: KeptRow, wanted: Mapping[str, Any], path: Path) -> list[str]:
    """Compare configurations as read, so that an older version's defaults count as today's."""
    if set(kept.configs) != set(wanted):
        return [f"trained from {', '.join(kept.configs)} in the file, {', '.join(wanted)} now"]
    lines = []
    for row, values in wanted.items():
        began, now = (
            read_stored_config(stored, Path(), source=path)
            for stored in (kept.configs[row], values)
        )
        differences = find_differences(began, now, _MAY_DIFFER, places=("in the file", "now"))
        lines += [f"{row}: {line}" for line in differences]
    return lines
