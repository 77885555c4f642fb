"""The runs that a study consists of, and which of them need which.

A row is a function from the run directories of its seed to a configuration, so that a student can
name its teacher:

    rows = {
        "teacher": lambda runs: recipe(TrainConfig(), FeatureLevelConfig),
        "distilled": lambda runs: recipe(DistillConfig(teacher=runs["teacher"]), MdStudentConfig),
    }
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mdjax.runs.config import RunConfig, TrainConfig


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
class Job:
    """A run of a study.

    Attributes:
        seed: Its seed.
        row: Its row.
        config: What is trained, fused or tested in another way.
        run_dir: Where.
        needed: Run directories that must be finished before.
    """

    seed: int
    row: str
    config: RunConfig
    run_dir: Path
    needed: tuple[Path, ...]

    def __str__(self) -> str:
        return f"{self.row}, seed {self.seed}"

    def needs(self, other: "Job") -> bool:
        """Whether the other run must be finished before this one."""
        return other.run_dir in self.needed


def list_jobs(
    rows: Rows, study_dir: Path, seeds: Sequence[int], *, shared_rows: Collection[str] = ()
) -> list[Job]:
    """List a run for every row and seed; what a run needs comes before it.

    Args:
        rows: What to train.
        study_dir: Holds the runs, `seed0/teacher` and so on.
        seeds: One training of each row per seed.
        shared_rows: Rows that are trained for the first seed alone, and used by all.
    """
    jobs: list[Job] = []
    for seed in seeds:
        run_dirs: dict[str, Path] = {}
        for name, configure in rows.items():
            is_shared = name in shared_rows
            run_dir = study_dir / f"seed{seeds[0] if is_shared else seed}" / name
            if not is_shared or seed == seeds[0]:
                seed_runs = SeedRuns(seed, dict(run_dirs))
                config = configure(seed_runs)
                if isinstance(config, TrainConfig):
                    config = replace(config, seed=seed)
                jobs.append(Job(seed, name, config, run_dir, tuple(seed_runs.asked)))
            run_dirs[name] = run_dir
    return jobs


def add_needed(wanted: Collection[Job], jobs: Sequence[Job]) -> list[Job]:
    """Return the wanted jobs and all that they need, in the order of `jobs`."""
    chosen = {job.run_dir for job in wanted}
    for job in reversed(jobs):  # What a run needs comes before it.
        if job.run_dir in chosen:
            chosen.update(job.needed)
    return [job for job in jobs if job.run_dir in chosen]


def find_twins(rows: Rows) -> dict[str, str]:
    """Return, for each row, the first row of equal configuration: often itself.

    Twins are one run under two names, such as a recipe's own student and a line of an ablation.
    """
    first: dict[str, str] = {}
    seen: list[Job] = []
    for job in list_jobs(rows, Path(), [0]):
        twin = next((other for other in seen if other.config == job.config), job)
        first[job.row] = twin.row
        if twin is job:
            seen.append(job)
    return first
