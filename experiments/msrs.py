"""All networks of modality distillation finding persons on MSRS.

    mdjax prepare msrs --raw DIR
    python experiments/msrs.py                   # two CPU cores, hours

Finished runs are kept, an interrupted one is resumed: call it again. Results go to
`experiments/results/msrs_small.json` and `.md`, curves of the first seed to
`msrs_small_curves.png`, and what its students find to `msrs_small_detections.png`, drawn on what
the cheap camera sees. The same on MSRS's own images, which are not ours to publish, stays with the
runs in `detections.png`.
"""

from collections.abc import Mapping
from pathlib import Path

import tyro

from mdjax.figures.pictures import draw_boxes
from mdjax.presets import configure_msrs_small
from mdjax.runs.loading import LoadedNetwork
from mdjax.runs.scoring import evaluate_network
from mdjax.studies.experiment import Experiment, StudyBudget
from mdjax.studies.report import Columns, load_first_networks
from mdjax.studies.rows import create_rows
from mdjax.tasks.detection_scores import DetectionEvaluation
from mdjax.viz.curves import MissRateCurve, plot_miss_rate_curves

RESULTS_DIR = Path(__file__).parent / "results"
EXPERIMENT = Experiment(
    "msrs_small",
    Columns(
        titles={
            "miss_rate/day": "MR day",
            "miss_rate/night": "MR night",
            "miss_rate/all": "MR all",
            "ap50/day": "AP50 day",
            "ap50/night": "AP50 night",
            "ap50/all": "AP50 all",
        },
        judged=("miss_rate/all", "ap50/all"),
        lower_is_better=("miss_rate/day", "miss_rate/night", "miss_rate/all"),
    ),
)


def main() -> None:
    """Run the study, write its table and draw its pictures."""
    budget = tyro.cli(StudyBudget, description=__doc__)
    rows = create_rows(configure_msrs_small, budget.adjust)
    results, _ = EXPERIMENT.run(rows, budget, RESULTS_DIR)
    networks = load_first_networks(results)
    draw_boxes(networks, results.study_dir / "detections.png")
    name = EXPERIMENT.name
    draw_boxes(networks, RESULTS_DIR / f"{name}_detections.png", shows_visible=False)
    draw_curves(networks, RESULTS_DIR / f"{name}_curves.png")


def draw_curves(networks: Mapping[str, LoadedNetwork], path: Path) -> None:
    """Draw miss rate over false positives per image of every network on the test split."""
    curves = []
    for name, loaded in networks.items():
        evaluation = evaluate_network(loaded)
        assert isinstance(evaluation, DetectionEvaluation)
        score = evaluation.miss_rates["person"]["all"]
        curves.append(MissRateCurve(f"{name}, {score.percent:.1f} %", score.fppi, score.miss_rate))
    plot_miss_rate_curves(curves, path, title="MSRS, persons of a reasonable size, first seed")


if __name__ == "__main__":
    main()
