"""What each step of the exact simplification saves at full width, and how far it changes answers.

    python -m experiments.simplification [--out FILE.json]

Untrained students at 640x512, batch 1; all steps of a network are timed in turn, as by
`mdjax export`, which prints the same table for a network of yours. Needs onnxruntime.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import tyro

from mdjax.data.thermal_camera import ThermalCamera
from mdjax.export.deployment import deploy, get_thermal_size_hw
from mdjax.export.measuring import MeasuredStep, measure_steps
from mdjax.export.simplification import simplify
from mdjax.io.json_file import write_json
from mdjax.models.config import MdStudentConfig
from mdjax.recipes import configure_kaist, configure_mfnet
from mdjax.runs.config import TrainConfig
from mdjax.runs.results import describe_environment
from mdjax.runs.untrained import create_untrained
from mdjax.studies.table import format_row

SIZE_HW = (512, 640)
LABELS = configure_mfnet(TrainConfig(), MdStudentConfig)
PERSONS = configure_kaist(TrainConfig(), MdStudentConfig)
NUM_CLASSES = {"labels": 9, "persons": 1}


@dataclass(frozen=True)
class Arguments:
    """How precisely to measure.

    Attributes:
        num_rounds: Runs of each step.
        out: JSON file for all numbers.
    """

    num_rounds: int = 30
    out: Path | None = None


def main() -> None:
    """Measure all networks and print one table for each."""
    arguments = tyro.cli(Arguments, description=__doc__)
    tables = []
    for name, config in list_configs().items():
        loaded = create_untrained(config, NUM_CLASSES[name.split(",")[0]])
        deployment = deploy(loaded)
        steps = measure_steps(
            simplify(deployment, low_resolution_stem=True),
            deployment,
            onnx_opset=17,
            num_rounds=arguments.num_rounds,
        )
        height, width = get_thermal_size_hw(config)
        title = f"{name}, thermal image of {width}x{height}"
        print(f"\n{title}\n\n{format_steps(steps)}", flush=True)
        tables.append({"network": title, "steps": [asdict(step) for step in steps]})
    if arguments.out:
        write_json(arguments.out, {"environment": describe_environment(), "networks": tables})


def list_configs() -> dict[str, TrainConfig]:
    """List the students: each task, three thermal cameras, and a backbone of less stride."""
    backbone = replace(LABELS.network.backbone, output_stride=8)
    fine = replace(LABELS, network=replace(LABELS.network, backbone=backbone))
    configs = {"labels, output stride 8": show(fine, "16x"), "persons, 16x": show(PERSONS, "16x")}
    cameras = {f"labels, {name}": show(LABELS, name) for name in ("4x", "16x", "64x")}
    return {**cameras, **configs}


def show(config: TrainConfig, resolution: str) -> TrainConfig:
    """Give a network images of 640x512 and a thermal camera of so many times fewer pixels."""
    pipeline = replace(
        config.pipeline, image_size_hw=SIZE_HW, camera=ThermalCamera(resolution=resolution)
    )
    return replace(config, pipeline=pipeline)


def format_steps(steps: list[MeasuredStep]) -> str:
    """Write a Markdown table; a ratio is to the step before."""
    heads = ["step", "GFLOP", "JAX ms", "ratio", "ONNX Runtime ms", "ratio", "difference"]
    rows = [format_row(heads), format_row(["---"] * len(heads))]
    for before, step in zip([None, *steps[:-1]], steps, strict=True):
        cells = [step.name, f"{step.gflop:.2f}", f"{step.milliseconds:.1f}"]
        cells.append(f"{step.milliseconds / before.milliseconds:.2f}" if before else "")
        if step.onnx_milliseconds is None:
            cells += ["", ""]
        else:
            cells.append(f"{step.onnx_milliseconds:.1f}")
            earlier = before.onnx_milliseconds if before else None
            cells.append(f"{step.onnx_milliseconds / earlier:.2f}" if earlier else "")
        rows.append(format_row([*cells, f"{step.difference:.0e}"]))
    return "\n".join(rows)


if __name__ == "__main__":
    main()
