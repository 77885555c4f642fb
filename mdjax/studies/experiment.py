"""A study with its table, as the scripts in `experiments` declare it."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mdjax.io.json_file import write_json
from mdjax.io.write_failure import make_folder
from mdjax.runs.config import change_num_steps
from mdjax.studies.comparison import Difference
from mdjax.studies.jobs import Rows
from mdjax.studies.report import (
    Columns,
    StudyReport,
    create_report,
    describe_runs,
    write_report,
)
from mdjax.studies.rows import DIFFERENCES
from mdjax.studies.study import StudyResults, run_study
from mdjax.studies.workers import share_gpus
from mdjax.types import MdjaxError

Adjust = Callable[[Any], Any]


@dataclass(frozen=True)
class Budget:
    """Where data and runs are, and how much is run.

    Attributes:
        data_dir: Folder of prepared data sets.
        runs_dir: Folder of the studies, each with its runs.
        num_steps: Steps of each training; those of the recipe by default.
        num_workers: Trainings at a time, each in a process of its own; they share out the cores.
    """

    data_dir: Path = Path("data")
    runs_dir: Path = Path("runs")
    num_steps: int | None = None
    num_workers: int = 1

    def __post_init__(self):
        for name in ("num_steps", "num_workers"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise MdjaxError(f"{name} is {value}; give 1 or more.")

    def adjust(self, config: Any) -> Any:
        """Return a configuration with data folder and steps of this budget."""
        num_steps = self.num_steps or config.loop.num_steps
        return replace(change_num_steps(config, num_steps), data_dir=self.data_dir)


@dataclass(frozen=True)
class StudyBudget(Budget):
    """A budget for the same seeds of all rows.

    Attributes:
        num_seeds: Trainings of each row.
    """

    num_seeds: int = 3


@dataclass(frozen=True)
class Experiment:
    """A study whose table is kept.

    Attributes:
        name: Of the result files and of the folder of its runs.
        columns: Scores of the table.
        differences: Rows that are compared, seed by seed.
        split: Where they are scored.
    """

    name: str
    columns: Columns
    differences: Sequence[Difference] = DIFFERENCES
    split: str = "test"

    def run(
        self, rows: Rows, budget: StudyBudget, results_dir: Path
    ) -> tuple[StudyResults, StudyReport]:
        """Run what is not finished, and write NAME.json and NAME.md.

        The JSON is written after each finished run: a study that was cut leaves what it has.

        Args:
            rows: What to train.
            budget: How much of it.
            results_dir: Folder of the result files.

        Returns:
            The results, and the report, which is also printed.
        """
        share_gpus(budget.num_workers)
        path = results_dir / self.name
        command = " ".join(["python", f"experiments/{Path(sys.argv[0]).name}", *sys.argv[1:]])

        def keep(results: StudyResults) -> None:
            make_folder(path.parent)
            write_json(path.with_suffix(".json"), {"command": command, **describe_runs(results)})

        results = run_study(
            rows,
            budget.runs_dir / self.name,
            seeds=range(budget.num_seeds),
            on_finished_run=keep,
            num_workers=budget.num_workers,
        )
        report = create_report(
            results, self.columns, differences=self.differences, split=self.split
        )
        write_report(report, path, command=command)
        print(report.format_text())
        return results, report
