"""Train a teacher, distil a student: `python examples/train.py`, after `mdjax prepare synthetic`.

`--help` lists the options: other data, another folder for the runs, fewer steps.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import tyro

import mdjax
from mdjax.runs.config import change_num_steps


def main(
    dataset: str = "synthetic",
    data_dir: Path = Path("data"),
    runs_dir: Path = Path("runs/example"),
    num_steps: int = 300,
) -> None:
    """Train both networks, and print the student's scores."""

    def configure(preset: str, **changes: Any) -> Any:
        config = replace(mdjax.get_preset(preset), dataset=dataset, data_dir=data_dir, **changes)
        return change_num_steps(config, num_steps)

    mdjax.train_network(configure("synthetic-teacher"), runs_dir / "teacher")
    student = configure("synthetic-md", teacher=runs_dir / "teacher")
    print(mdjax.train_network(student, runs_dir / "student").format_table())


if __name__ == "__main__":
    tyro.cli(main)
