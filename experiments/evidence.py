"""What distillation is worth on real images, cross-validated, with intervals.

    mdjax prepare mfnet --raw DIR
    python experiments/evidence.py mfnet               # label maps, from scratch
    python experiments/evidence.py mfnet-pretrained    # what each loss adds, from ImageNet weights
    mdjax prepare msrs --raw DIR
    python experiments/evidence.py msrs                # persons, from scratch

Seed s trains on four fifths of all pairs and tests on fold s, each with its own teacher; over five
seeds every pair is tested once. Finished runs are kept as one JSON each in
`experiments/results/evidence_NAME`, with what was scored of each test image, and are not run again
on any machine. The tables, `experiments/results/evidence_NAME.md`, pool the images of all seeds;
intervals are a paired bootstrap over seeds and images; the picture beside them shows how many
positions F-MSE attended to in training. `experiments/claims.py` sums them up.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import tyro

from mdjax.data.folds import Folds
from mdjax.io.json_file import format_json, read_json, write_text
from mdjax.io.metrics_log import read_metrics
from mdjax.metrics.confusion import SegmentationScores
from mdjax.metrics.miss_rate import REASONABLE, REASONABLE_DAY, REASONABLE_NIGHT
from mdjax.presets import (
    configure_mfnet_pretrained,
    configure_mfnet_small,
    configure_msrs_small,
)
from mdjax.runs.loading import load_network
from mdjax.runs.scoring import evaluate_network
from mdjax.studies.comparison import Difference
from mdjax.studies.experiment import Budget
from mdjax.studies.per_image import describe_images, make_ap50, make_label_score, make_miss_rate
from mdjax.studies.pooling import ImageScore, PooledDifference, Rows, estimate_pooled_difference
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
from mdjax.viz.curves import plot_training_curves

RESULTS_DIR = Path(__file__).parent / "results"
NUM_FOLDS = 5
MSE, NO_ATTENTION = "distilled-mse", "distilled-no-attention"
CONTROLS = (VISIBLE, THERMAL, DECISION, MSE, NO_ATTENTION)
"""Rows of which fewer seeds will do."""
NEEDS = {
    **dict.fromkeys((DISTILLED, MSE, NO_ATTENTION), (TEACHER,)),
    DECISION: (VISIBLE, THERMAL),
}
DIFFERENCES = (
    Difference(DISTILLED, STUDENT, "what distillation gives"),
    Difference(DISTILLED, NATIVE, "what a user gets"),
    Difference(STUDENT, NATIVE, "what mask and block give"),
    Difference(TEACHER, STUDENT, "what there is to distil"),
    Difference(TEACHER, NATIVE, "feature-level over image-level fusion"),
    Difference(NATIVE, VISIBLE, "what the cheap thermal camera gives"),
    Difference(NATIVE, THERMAL, "what the visible image gives"),
    Difference(DECISION, NATIVE, "decision-level over image-level fusion"),
    Difference(DISTILLED, MSE, "F-MSE over MSE"),
    Difference(DISTILLED, NO_ATTENTION, "what attention transfer adds"),
)
LOGGED = ("train/loss", "train/focal_mask_perplexity_share")
"""What is drawn of each training."""
Adjust = Callable[[Any], Any]


@dataclass(frozen=True)
class Evidence:
    """What is measured on a data set.

    Attributes:
        create_rows: Lists the networks; takes last changes to each of their configurations.
        scores: By title.
    """

    create_rows: Callable[[Adjust], dict[str, Row]]
    scores: dict[str, ImageScore[Any, Any]]


def list_networks(recipe: Recipe) -> Callable[[Adjust], dict[str, Row]]:
    """List all networks of the paper."""
    return lambda adjust: create_rows(recipe, adjust)


def list_losses(recipe: Recipe) -> Callable[[Adjust], dict[str, Row]]:
    """List students that differ by the losses they are distilled with."""

    def change(row: Row, **options: Any) -> Row:
        def configure(runs: SeedRuns) -> Any:
            config: Any = row(runs)
            return replace(config, method=replace(config.method, **options))

        return configure

    def create(adjust: Adjust) -> dict[str, Row]:
        rows = create_rows(recipe, adjust)
        return {
            **{name: rows[name] for name in (TEACHER, NATIVE, STUDENT, DISTILLED)},
            MSE: change(rows[DISTILLED], semantic_loss="mse"),
            NO_ATTENTION: change(rows[DISTILLED], attention_weight=0.0),
        }

    return create


def compute_mean_accuracy(scores: SegmentationScores) -> float:
    """Mean accuracy of the classes that occur, in percent."""
    return 100 * scores.mean_accuracy


def compute_mean_iou(scores: SegmentationScores) -> float:
    """Mean IoU of the classes that occur, in percent."""
    return 100 * scores.mean_iou


LABEL_SCORES: dict[str, ImageScore[Any, Any]] = {
    "mAcc all": make_label_score(compute_mean_accuracy),
    "mAcc day": make_label_score(compute_mean_accuracy, is_night=False),
    "mAcc night": make_label_score(compute_mean_accuracy, is_night=True),
    "mIoU all": make_label_score(compute_mean_iou),
}
PERSON_SCORES: dict[str, ImageScore[Any, Any]] = {
    "MR all": make_miss_rate(REASONABLE),
    "MR day": make_miss_rate(REASONABLE_DAY),
    "MR night": make_miss_rate(REASONABLE_NIGHT),
    "AP50 all": make_ap50(),
}
EVIDENCE = {
    "mfnet": Evidence(list_networks(configure_mfnet_small), LABEL_SCORES),
    "mfnet-pretrained": Evidence(list_losses(configure_mfnet_pretrained), LABEL_SCORES),
    "msrs": Evidence(list_networks(configure_msrs_small), PERSON_SCORES),
}


@dataclass(frozen=True)
class Arguments(Budget):
    """What to run.

    Attributes:
        name: Which networks on which data set.
        seeds: Trainings of teacher, native, student and distilled; each tests its own fold.
        control_seeds: Trainings of the other rows. Give neither to write the tables alone.
        num_draws: Of the bootstrap.
        pretrained: Weights file instead of the download, for networks that start from ImageNet.
    """

    name: tyro.conf.Positional[Literal["mfnet", "mfnet-pretrained", "msrs"]] = "mfnet"
    seeds: tuple[int, ...] = tuple(range(NUM_FOLDS))
    control_seeds: tuple[int, ...] = (0, 1, 2)
    num_draws: int = 1_000
    pretrained: Path | None = None

    def adjust(self, config: Any) -> Any:
        """Return a configuration with data folder, steps and weights of these arguments."""
        config = super().adjust(config)
        if self.pretrained and config.pretrained:
            return replace(config, pretrained=self.pretrained)
        return config


def get_folder(name: str) -> Path:
    """Return where the rows of some evidence are kept; its table has the same name."""
    return RESULTS_DIR / f"evidence_{name.replace('-', '_')}"


def main() -> None:
    """Run what is missing, and write the tables of all there is."""
    arguments = tyro.cli(Arguments, description=__doc__)
    evidence = EVIDENCE[arguments.name]
    folder = get_folder(arguments.name)
    rows = evidence.create_rows(arguments.adjust)
    main_rows = {name: row for name, row in rows.items() if name not in CONTROLS}
    controls = {name: row for name, row in rows.items() if name in CONTROLS}
    # What the question is about first: a study that is cut has its answer before its controls.
    for seed in arguments.seeds:
        run_missing(main_rows, seed, folder, arguments)
    for seed in arguments.control_seeds:
        run_missing(controls, seed, folder, arguments)
    write_tables(read_images(folder, list(rows)), evidence, folder.with_suffix(".md"), arguments)
    plot_logs(folder, list(rows))


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
                log = loaded.run_dir / "metrics.jsonl"  # A fusion was not trained: it has none.
                record = {
                    "command": f"python experiments/evidence.py {' '.join(sys.argv[1:])}",
                    "row": row,
                    "seed": seed,
                    "result": by_seed[seed].to_dict(),
                    "images": describe_images(evaluate_network(loaded)),
                    "log": [
                        {name: line[name] for name in ("step", *LOGGED) if name in line}
                        for line in (read_metrics(log) if log.is_file() else ())
                        if LOGGED[0] in line
                    ],
                }
                # On one line: thousands of boxes with a number a line are three times as large.
                write_text(path, format_json(record) + "\n")

    results = run_study(
        {name: _fold(row) for name, row in rows.items() if name in missing | needed},
        arguments.runs_dir / folder.name,
        seeds=[seed],
        on_finished_run=keep,
        num_workers=arguments.num_workers,
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


def read_images(folder: Path, rows: Sequence[str]) -> Rows[Any]:
    """Read what was scored of the test images of each row and seed."""
    images: dict[str, dict[int, list[Any]]] = {}
    for row in rows:
        records = [read_json(path) for path in sorted(folder.glob(f"seed*_{row}.json"))]
        images[row] = {record["seed"]: record["images"] for record in records}
    return images


def plot_logs(folder: Path, rows: Sequence[str]) -> None:
    """Draw, of each row, the log of the first seed that measured the mask of F-MSE."""
    logs = {}
    for row in rows:
        kept = [read_json(path).get("log", []) for path in sorted(folder.glob(f"seed*_{row}.json"))]
        log = next((log for log in kept if any(LOGGED[1] in line for line in log)), None)
        if log:
            logs[row] = log
    if logs:
        plot_training_curves(logs, folder.with_suffix(".png"), metrics=LOGGED)


def write_tables(rows: Rows[Any], evidence: Evidence, path: Path, arguments: Arguments) -> None:
    """Print and write the scores of each row and the differences between rows."""
    lines = [
        f"`python experiments/evidence.py {arguments.name}`: percent, test images of all folds",
        f"pooled; 95 % intervals by {arguments.num_draws} draws of a paired bootstrap over seeds",
        "and images; `k of n`: seeds in which the sign is the same.",
        "",
        "| network | seeds | images | " + " | ".join(evidence.scores) + " |",
        "|---|---|---|" + "---|" * len(evidence.scores),
    ]
    for row, by_seed in rows.items():
        if by_seed:
            images = [image for of_seed in by_seed.values() for image in of_seed]
            cells = [f"{score.compute(images):.2f}" for score in evidence.scores.values()]
            lines.append(f"| {row} | {len(by_seed)} | {len(images)} | {' | '.join(cells)} |")
    lines += [
        "",
        "| difference | is | seeds | " + " | ".join(evidence.scores) + " |",
        "|---|---|---|" + "---|" * len(evidence.scores),
    ]
    for difference in DIFFERENCES:
        names = difference.minuend, difference.subtrahend
        if not set(names) <= set(rows):
            continue
        found = [
            estimate_pooled_difference(rows, *names, score, num_draws=arguments.num_draws)
            for score in evidence.scores.values()
        ]
        if found[0].num_seeds:
            cells = " | ".join(map(format_difference, found))
            lines.append(
                f"| {difference} | {difference.meaning} | {found[0].num_seeds} | {cells} |"
            )
    text = "\n".join(lines)
    print(text)
    write_text(path, text + "\n")


def format_difference(difference: PooledDifference) -> str:
    """Write the points, their interval, and in how many seeds the sign is the same."""
    return (
        f"{difference.points:+.2f} ({difference.low:+.2f} to {difference.high:+.2f}), "
        f"{difference.num_agreeing} of {difference.num_seeds}"
    )


if __name__ == "__main__":
    main()
