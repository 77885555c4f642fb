"""Teacher, visible-only, native and distilled student finding persons on MSRS.

    mdjax prepare msrs --raw DIR
    python experiments/msrs.py                            # two CPU cores, hours

Finished runs are kept, an interrupted one is resumed: call it again. `--num-steps` sets the budget
of every network alike. Results go to `experiments/results/NAME.json` and `NAME.md`, curves of the
first seed to `NAME_curves.png`, and what its students find to `NAME_detections.png`, drawn on what
the cheap camera sees. The same on MSRS's own images, which are not ours to publish, stays with the
runs in `detections.png`.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tyro

from mdjax.presets import configure_msrs_small
from mdjax.runs.loading import LoadedNetwork, load_network
from mdjax.runs.scoring import evaluate_network
from mdjax.studies.pictures import draw_boxes
from mdjax.studies.report import write_report
from mdjax.studies.study import run_study
from mdjax.tasks.detection_scores import DetectionEvaluation
from mdjax.viz.curves import MissRateCurve, plot_miss_rate_curves

RESULTS_DIR = Path(__file__).parent / "results"
METRICS = {
    "miss_rate/day": "MR day",
    "miss_rate/night": "MR night",
    "miss_rate/all": "MR all",
    "ap50/day": "AP50 day",
    "ap50/night": "AP50 night",
    "ap50/all": "AP50 all",
}
MISTAKES = ("miss_rate/day", "miss_rate/night", "miss_rate/all")


@dataclass(frozen=True)
class Arguments:
    """The study to run.

    Attributes:
        name: Name of the result files.
        data_dir: Folder of prepared data sets.
        study_dir: Folder of the runs.
        num_seeds: Trainings of each network.
        num_steps: Steps of each training; those of the recipe by default.
    """

    name: str = "msrs_small"
    data_dir: Path = Path("data")
    study_dir: Path = Path("runs/msrs_small")
    num_seeds: int = 3
    num_steps: int | None = None


def main() -> None:
    """Run the study and write its table."""
    arguments = tyro.cli(Arguments, description=__doc__)

    def adjust(config: Any) -> Any:
        num_steps = arguments.num_steps or config.loop.num_steps
        loop = replace(config.loop, num_steps=num_steps)
        return replace(config, data_dir=arguments.data_dir, loop=loop)

    results = run_study(
        configure_msrs_small,
        arguments.study_dir,
        seeds=range(arguments.num_seeds),
        adjust=adjust,
    )
    networks = {name: load_network(arguments.study_dir / "seed0" / name) for name in results}
    draw_boxes(networks, arguments.study_dir / "detections.png")
    picture = RESULTS_DIR / f"{arguments.name}_detections.png"
    draw_boxes(networks, picture, shows_visible=False)
    draw_curves(networks, RESULTS_DIR / f"{arguments.name}_curves.png")
    text = write_report(
        results,
        study_dir=arguments.study_dir,
        metrics=METRICS,
        lower_is_better=MISTAKES,
        report=RESULTS_DIR / arguments.name,
        command=" ".join(["python", "experiments/msrs.py", *sys.argv[1:]]),
    )
    print(text)


def draw_curves(networks: Mapping[str, LoadedNetwork], path: Path) -> None:
    """Draw miss rate over false positives per image of every network on the test split."""
    curves = []
    for name, loaded in networks.items():
        evaluation = evaluate_network(loaded)
        assert isinstance(evaluation, DetectionEvaluation)
        score = evaluation.miss_rates["person"]["all"]
        curves.append(MissRateCurve(f"{name}, {score.percent:.1f} %", score.fppi, score.miss_rate))
    plot_miss_rate_curves(curves, path, title="MSRS, persons of a reasonable size, seed 0")


if __name__ == "__main__":
    main()
