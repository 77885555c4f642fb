"""Which transfer weights suit training detectors from scratch on MSRS? Chosen on validation.

    python experiments/msrs.py           # or at least its seed 0: teacher and native are from there
    python experiments/msrs_options.py

Only the method's options differ, everything else is the recipe `msrs-small`.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tyro

from mdjax.io.json_file import write_json, write_text
from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.models.config import MdStudentConfig
from mdjax.presets import DETECTOR_FROM_SCRATCH, FROM_SCRATCH, configure_msrs_small
from mdjax.runs.config import DistillConfig
from mdjax.runs.results import RunResult, read_result
from mdjax.studies.study import NATIVE, TEACHER, train_or_read_result
from mdjax.types import MdjaxError

RESULTS_DIR = Path(__file__).parent / "results"
METHODS = {
    "MSE sem 0.3 att 0.1": FROM_SCRATCH,
    "MSE sem 2 att 1": DETECTOR_FROM_SCRATCH,
    "MSE sem 6 att 1": replace(DETECTOR_FROM_SCRATCH, semantic_weight=6.0),
    "F-MSE sem 1 att 1 (paper)": ModalityDistillation(),
}
METRICS = {
    "miss_rate/all": "MR all",
    "miss_rate/day": "MR day",
    "miss_rate/night": "MR night",
    "ap50/all": "AP50 all",
}


@dataclass(frozen=True)
class Arguments:
    """Where data and runs are.

    Attributes:
        data_dir: Folder of prepared data sets.
        study_dir: Runs of `experiments/msrs.py`; teacher and native of seed 0 are used.
        out: Folder of the runs.
    """

    data_dir: Path = Path("data")
    study_dir: Path = Path("runs/msrs_small")
    out: Path = Path("runs/msrs_options")


def main() -> None:
    """Try every method and write JSON and table."""
    arguments = tyro.cli(Arguments, description=__doc__)
    study_dir = arguments.study_dir / "seed0"
    native = read_result(study_dir / NATIVE)
    if native is None:
        raise MdjaxError(f"{study_dir / NATIVE}: is not trained yet; run experiments/msrs.py.")
    results = {"native": native}
    base = configure_msrs_small(DistillConfig(teacher=study_dir / TEACHER), MdStudentConfig)
    for name, method in METHODS.items():
        config = replace(base, data_dir=arguments.data_dir, method=method)
        run_dir = arguments.out / re.sub(r"[^a-z0-9.]+", "_", name.lower())
        results[f"distilled, {name}"] = train_or_read_result(config, run_dir)
    table = format_rows(results)
    command = " ".join(["python", "experiments/msrs_options.py", *sys.argv[1:]])
    write_json(
        RESULTS_DIR / "msrs_options.json",
        {"command": command, "options": {name: run.to_dict() for name, run in results.items()}},
    )
    write_text(RESULTS_DIR / "msrs_options.md", f"{table}\n\n`{command}`\n")
    print(table)


def format_rows(results: Mapping[str, RunResult]) -> str:
    """Lay out the validation scores as a Markdown table."""
    lines = ["| option | " + " | ".join(METRICS.values()) + " |", "|---|" + "---|" * len(METRICS)]
    for name, run in results.items():
        scores: Mapping[str, Any] = run.scores["val"]
        cells = " | ".join(f"{scores[metric]:.1f}" for metric in METRICS)
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
