"""What distillation is worth on real images: seven networks, cross-validated, with intervals.

    mdjax prepare mfnet --raw DIR
    python experiments/evidence.py mfnet    # label maps
    mdjax prepare msrs --raw DIR
    python experiments/evidence.py msrs     # persons

Seed s trains on four fifths of all pairs and tests on fold s, each with its own teacher; over five
seeds every pair is tested once. Finished runs are kept as one JSON each in
`experiments/results/evidence_NAME`, with what was scored of each test image, and are not run again
on any machine. The tables, `experiments/results/evidence_NAME.md`, pool the images of all seeds;
intervals are a paired bootstrap over seeds and images.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import tyro

from mdjax.data.folds import Folds
from mdjax.io.json_file import read_json, write_json, write_text
from mdjax.presets import configure_mfnet_small, configure_msrs_small
from mdjax.runs.loading import load_network
from mdjax.runs.scoring import evaluate_network
from mdjax.studies.experiment import Budget
from mdjax.studies.per_image import describe_images, make_box_score, make_label_score
from mdjax.studies.pooling import PooledDifference, PooledResults, estimate_pooled_difference
from mdjax.studies.rows import (
    DECISION,
    DISTILLED,
    NATIVE,
    STUDENT,
    TEACHER,
    THERMAL,
    VISIBLE,
    Recipe,
    create_rows,
)
from mdjax.studies.study import Row, SeedRuns, run_study

RESULTS_DIR = Path(__file__).parent / "results"
NUM_FOLDS = 5
CONTROLS = (VISIBLE, THERMAL, DECISION)
"""Rows of which fewer seeds will do."""
NEEDS = {DISTILLED: (TEACHER,), DECISION: (VISIBLE, THERMAL)}
DIFFERENCES = (
    (DISTILLED, STUDENT, "what distillation gives"),
    (DISTILLED, NATIVE, "what a user gets"),
    (STUDENT, NATIVE, "what mask and block give"),
    (TEACHER, STUDENT, "what there is to distil"),
    (TEACHER, NATIVE, "feature-level over image-level fusion"),
    (NATIVE, VISIBLE, "what the cheap thermal camera gives"),
    (NATIVE, THERMAL, "what the visible image gives"),
    (DECISION, NATIVE, "decision-level over image-level fusion"),
)


@dataclass(frozen=True)
class Evidence:
    """What is measured on a data set.

    Attributes:
        recipe: Configures the networks.
        make_score: Builds a score of a set of images, from its name and the classes.
        class_names: Of the task.
        scores: Title of each score by its name.
    """

    recipe: Recipe
    make_score: Callable[[str, Sequence[str]], Callable[..., float]]
    class_names: tuple[str, ...]
    scores: dict[str, str]


EVIDENCE = {
    "mfnet": Evidence(
        configure_mfnet_small,
        make_label_score,
        (
            *("unlabelled", "car", "person", "bike", "curve", "car_stop", "guardrail"),
            *("color_cone", "bump"),
        ),
        {
            "mean_accuracy_9/all": "mAcc all",
            "mean_accuracy_9/day": "mAcc day",
            "mean_accuracy_9/night": "mAcc night",
            "mean_iou_9/all": "mIoU all",
        },
    ),
    "msrs": Evidence(
        configure_msrs_small,
        make_box_score,
        ("person",),
        {
            "miss_rate/all": "MR all",
            "miss_rate/day": "MR day",
            "miss_rate/night": "MR night",
            "ap50/all": "AP50 all",
        },
    ),
}


@dataclass(frozen=True)
class Arguments(Budget):
    """What to run.

    Attributes:
        name: Data set.
        num_seeds: Trainings of teacher, native, student and distilled; each tests its own fold.
        num_control_seeds: Trainings of the other rows.
        num_draws: Of the bootstrap.
    """

    name: tyro.conf.Positional[Literal["mfnet", "msrs"]] = "mfnet"
    num_seeds: int = NUM_FOLDS
    num_control_seeds: int = 3
    num_draws: int = 1_000


def main() -> None:
    """Run what is missing, and write the tables of all there is."""
    arguments = tyro.cli(Arguments, description=__doc__)
    evidence = EVIDENCE[arguments.name]
    folder = RESULTS_DIR / f"evidence_{arguments.name}"
    rows = create_rows(evidence.recipe, arguments.adjust)
    main_rows = {name: row for name, row in rows.items() if name not in CONTROLS}
    controls = {name: row for name, row in rows.items() if name in CONTROLS}
    # What the question is about first: a study that is cut has its answer before its controls.
    for seed in range(arguments.num_seeds):
        run_missing(main_rows, seed, folder, arguments)
    for seed in range(arguments.num_control_seeds):
        run_missing(controls, seed, folder, arguments)
    results = PooledResults({row: read_images(folder, row) for row in rows})
    write_tables(results, evidence, folder.with_suffix(".md"), arguments)


def run_missing(rows: dict[str, Row], seed: int, folder: Path, arguments: Arguments) -> None:
    """Train the rows of a seed that have no result yet, and what they need; keep each result."""
    missing = {row for row in rows if not _get_path(folder, row, seed).is_file()}
    needed = {row for name in missing for row in NEEDS.get(name, ())}

    def keep(results: Any) -> None:
        for row, by_seed in results.runs.items():
            path = _get_path(folder, row, seed)
            if seed in by_seed and not path.is_file():
                loaded = load_network(results.study_dir / f"seed{seed}" / row)
                path.parent.mkdir(parents=True, exist_ok=True)
                write_json(
                    path,
                    {
                        "command": f"python experiments/evidence.py {' '.join(sys.argv[1:])}",
                        "row": row,
                        "seed": seed,
                        "result": by_seed[seed].to_dict(),
                        "images": describe_images(evaluate_network(loaded)),
                    },
                )

    results = run_study(
        {name: _fold(row) for name, row in rows.items() if name in missing | needed},
        arguments.runs_dir / folder.name,
        seeds=[seed],
        on_finished_run=keep,
    )
    for failure in results.failures:
        print(f"FAILED: {failure}")


def _fold(row: Row) -> Row:
    """Test the fold that has the seed's number."""

    def configure(runs: SeedRuns) -> Any:
        config: Any = row(runs)
        if not hasattr(config, "folds"):  # A fusion has those of its networks.
            return config
        return replace(config, folds=Folds(NUM_FOLDS, runs.seed % NUM_FOLDS))

    return configure


def _get_path(folder: Path, row: str, seed: int) -> Path:
    return folder / f"seed{seed}_{row}.json"


def read_images(folder: Path, row: str) -> dict[int, list[Any]]:
    """Read what was scored of the test images of each seed."""
    records = [read_json(path) for path in sorted(folder.glob(f"seed*_{row}.json"))]
    return {record["seed"]: record["images"] for record in records}


def write_tables(
    results: PooledResults[Any], evidence: Evidence, path: Path, arguments: Arguments
) -> None:
    """Print and write the scores of each row and the differences between rows."""
    scores = {name: evidence.make_score(name, evidence.class_names) for name in evidence.scores}
    lines = [
        f"`python experiments/evidence.py {arguments.name}`: percent, test images of all folds",
        f"pooled; 95 % intervals by {arguments.num_draws} draws of a paired bootstrap over seeds",
        "and images.",
        "",
        "| network | seeds | images | " + " | ".join(evidence.scores.values()) + " |",
        "|---|---|---|" + "---|" * len(scores),
    ]
    for row, by_seed in results.rows.items():
        if by_seed:
            cells = [f"{results.score(row, score, list(by_seed)):.2f}" for score in scores.values()]
            num_images = sum(map(len, by_seed.values()))
            lines.append(f"| {row} | {len(by_seed)} | {num_images} | {' | '.join(cells)} |")
    lines += [
        "",
        "| difference | is | seeds | " + " | ".join(evidence.scores.values()) + " |",
        "|---|---|---|" + "---|" * len(scores),
    ]
    for ours, theirs, meaning in DIFFERENCES:
        found = [
            estimate_pooled_difference(results, ours, theirs, score, num_draws=arguments.num_draws)
            for score in scores.values()
        ]
        if found[0].num_seeds:
            cells = " | ".join(map(_format, found))
            lines.append(f"| {ours} - {theirs} | {meaning} | {found[0].num_seeds} | {cells} |")
    text = "\n".join(lines)
    print(text)
    write_text(path, text + "\n")


def _format(difference: PooledDifference) -> str:
    return f"{difference.points:+.2f} ({difference.low:+.2f} to {difference.high:+.2f})"


if __name__ == "__main__":
    main()
