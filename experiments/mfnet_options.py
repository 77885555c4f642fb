"""Which guidance and transfer weights suit training from scratch on MFNet? Chosen on validation.

    python experiments/mfnet.py          # or at least its seed 0: the teacher is taken from there
    python experiments/mfnet_options.py

One option differs at a time, everything else is the recipe `mfnet-small` with fewer steps. Beside
the scores stands what explains them: the gradient norm of each term, before its weight, over that
of the segmentation loss.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tyro

from mdjax.io.json_file import write_json, write_text
from mdjax.io.metrics_log import read_metrics
from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.models.config import FeatureLevelConfig, ImageLevelConfig, MdStudentConfig
from mdjax.presets import configure_mfnet_small
from mdjax.runs.config import DistillConfig, TrainConfig
from mdjax.runs.results import RunResult
from mdjax.studies.study import train_or_read_result
from mdjax.tasks.segmentation import SegmentationTask

RESULTS_DIR = Path(__file__).parent / "results"
GUIDANCE_WEIGHTS = (0.0, 0.1, 1.0)
METHODS = {
    "F-MSE sem 1 att 1 (paper)": ModalityDistillation(),
    "F-MSE sem 0.01 att 0.1": ModalityDistillation(0.1, 0.01),
    "F-MSE relative sem 0.03 att 0.1": ModalityDistillation(0.1, 0.03, mask_reduction="relative"),
    "MSE sem 0.3 att 0.1": ModalityDistillation(0.1, 0.3, "mse"),
    "MSE sem 0.03 att 0.1": ModalityDistillation(0.1, 0.03, "mse"),
    "att 0.3 alone": ModalityDistillation(0.3, 0.0),
}
TASK = "segmentation"
METRICS = {
    "mean_accuracy_9/all": "mAcc all",
    "mean_accuracy_9/day": "mAcc day",
    "mean_accuracy_9/night": "mAcc night",
    "mean_iou_9/all": "mIoU all",
}


@dataclass(frozen=True)
class Arguments:
    """Where data and runs are, and how long each option is tried.

    Attributes:
        data_dir: Folder of prepared data sets.
        study_dir: Runs of `experiments/mfnet.py`; the teacher of seed 0 is used.
        out: Folder of the runs.
        num_steps: Steps of each training.
    """

    data_dir: Path = Path("data")
    study_dir: Path = Path("runs/mfnet_small")
    out: Path = Path("runs/mfnet_options")
    num_steps: int = 600


def main() -> None:
    """Try every option and write JSON and table."""
    arguments = tyro.cli(Arguments, description=__doc__)
    rows: dict[str, dict[str, Any]] = {}
    for name, config in create_options(arguments.study_dir / "seed0" / "teacher").items():
        loop = replace(config.loop, num_steps=arguments.num_steps, evaluate_every=0)
        config = replace(config, data_dir=arguments.data_dir, loop=loop)
        run_dir = arguments.out / re.sub(r"[^a-z0-9.]+", "_", name.lower())
        rows[name] = summarise(train_or_read_result(config, run_dir), read_probes(run_dir))
        print(name, rows[name], flush=True)
    table = format_rows(rows)
    command = " ".join(["python", "experiments/mfnet_options.py", *sys.argv[1:]])
    RESULTS_DIR.mkdir(exist_ok=True)
    write_json(RESULTS_DIR / "mfnet_options.json", {"command": command, "options": rows})
    write_text(RESULTS_DIR / "mfnet_options.md", f"{table}\n\n`{command}`\n")
    print(table)


def create_options(teacher: Path) -> dict[str, TrainConfig]:
    """List what is tried, by the name of the row."""
    teacher_config = configure_mfnet_small(TrainConfig(), FeatureLevelConfig)
    options: dict[str, TrainConfig] = {
        f"teacher, guidance {weight:g}": replace(
            teacher_config, task=SegmentationTask(guidance_weight=weight)
        )
        for weight in GUIDANCE_WEIGHTS
    }
    options["native"] = configure_mfnet_small(TrainConfig(), ImageLevelConfig)
    distill_config = configure_mfnet_small(DistillConfig(teacher=teacher), MdStudentConfig)
    for name, method in METHODS.items():
        options[f"distilled, {name}"] = replace(distill_config, method=method)
    return options


def read_probes(run_dir: Path) -> dict[str, dict[str, float]]:
    """Read what the first and the last probe of the gradients logged."""
    entries = read_metrics(run_dir / "metrics.jsonl")
    probes = [entry for entry in entries if any("gradient_norm/" in name for name in entry)]
    return {
        when: {name: value for name, value in entry.items() if name != "step"}
        for when, entry in (("first", probes[0]), ("last", probes[-1]))
    }


def summarise(result: RunResult, probes: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """Keep scores and the gradients of the terms relative to the task's."""
    shares = {
        when: {
            name.removeprefix("gradient_norm/"): value / probe[f"gradient_norm/{TASK}"]
            for name, value in probe.items()
            if name.startswith("gradient_norm/")
        }
        for when, probe in probes.items()
    }
    return {
        "scores": {
            split: {metric: scores[metric] for metric in METRICS}
            for split, scores in result.scores.items()
        },
        "gradient_norm_over_segmentation": shares,
        "num_steps": result.num_steps,
        "environment": dict(result.environment),
    }


def format_rows(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Lay out the validation scores and the gradients of the last probe as a Markdown table."""
    lines = [
        "| option | " + " | ".join(METRICS.values()) + " | gradient norms over segmentation's |",
        "|---|" + "---|" * (len(METRICS) + 1),
    ]
    for name, row in rows.items():
        scores = " | ".join(f"{row['scores']['val'][metric]:.1f}" for metric in METRICS)
        shares = row["gradient_norm_over_segmentation"]["last"].items()
        gradients = ", ".join(f"{term} {share:.2g}" for term, share in shares if term != TASK)
        lines.append(f"| {name} | {scores} | {gradients} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
