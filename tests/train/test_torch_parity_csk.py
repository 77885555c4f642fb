"""One whole distillation step of CSK-Net agrees with the PyTorch twin of `tests/golden`.

The step is the one that users run: network, terms and module as a configuration builds them. All
three predictions, every term, gradients of the network and of the projections, and the running
statistics of each branch; both compute in float64.
"""

from typing import Any

import jax
import pytest

from mdjax.methods.csk import CskDistillation
from mdjax.models.backbones.resnet import ResNetConfig
from mdjax.models.config import CskNetConfig, VisibleOnlyConfig
from mdjax.models.network import select_camera_thermal
from mdjax.train.state import create_state
from mdjax.train.step import Metrics, make_distill_step
from mdjax.train.teacher import Teacher
from mdjax.train.terms import watch_output
from mdjax.types import Batch
from tests.golden.linen import create_variables, find_mismatches, to_nchw, to_results
from tests.golden.numbers import CSK_SETTINGS, load_golden
from tests.train.test_torch_parity import (
    TASK,
    create_batch,
    create_network_variables,
    create_recorder,
    tolerance,
    watch,
)

pytestmark = [pytest.mark.usefixtures("float64"), pytest.mark.slow]

METHOD = CskDistillation(**CSK_SETTINGS)
"""It compares up to 64 pixels of an image: all of the grid of 4 x 6."""

TERMS = {
    "segmentation": "task_fused",
    "segmentation_visible": "task_visible",
    "segmentation_thermal": "task_thermal",
    "spectral_logits": "divergence",
    "spectral_features": "features",
    "contrast": "contrast",
    "exchange": "penalty",
}
"""Our names of the terms and the twin's."""
DIAGNOSTICS: dict[str, Any] = {
    "gate": lambda inputs: inputs.output.gate,
    "fused_c5": lambda inputs: inputs.output.features["c5"],
    "fused_prediction": lambda inputs: inputs.output.prediction,
    "visible_prediction": lambda inputs: inputs.output.branch_predictions["visible"],
    "thermal_prediction": lambda inputs: inputs.output.branch_predictions["thermal"],
    "visible_c2": lambda inputs: inputs.output.features["visible_c2"],
    "thermal_c2": lambda inputs: inputs.output.features["thermal_c2"],
    "visible_c5": lambda inputs: inputs.output.features["visible_c5"],
    "thermal_c5": lambda inputs: inputs.output.features["thermal_c5"],
    "teacher_c2": lambda inputs: inputs.get_teacher().features["c2"],
    "teacher_prediction": lambda inputs: inputs.get_teacher().prediction,
}
"""Maps that are compared, by the twin's names."""


def create_backbone() -> ResNetConfig:
    return ResNetConfig(0.0625, stem_stride=2, output_stride=8, compute_dtype="float64")


def create_network(config: type[CskNetConfig | VisibleOnlyConfig]) -> Any:
    backbone = create_backbone()
    return config(backbone).create(TASK.create_head(9, backbone))


def create_projections(module: Any, network: Any, teacher: Teacher, batch: Batch) -> Any:
    """Variables of the method's module with the twin's numbers; only shapes are computed."""

    def run() -> Any:
        pair = select_camera_thermal(batch)
        output, _ = network.init_with_output(jax.random.key(0), *pair, train=False)
        return output, {"teacher": teacher.apply(teacher.variables, batch)}

    output, taught = jax.eval_shape(run)
    return create_variables("projector", module.init, output, taught, batch, train=False)


def watch_map(read: Any) -> Any:
    return lambda inputs: watch(read(inputs))


def collect(state: Any, metrics: Metrics) -> dict[str, Any]:
    """All results of a step by the twin's names."""
    gradients = state.opt_state["network"] | {"projector": state.opt_state["method"]}
    results = to_results("grad", gradients)
    results |= to_results("stats", state.model_state["batch_stats"])
    results |= {name: to_nchw(metrics[name]) for name in DIAGNOSTICS}
    results |= {theirs: metrics[f"loss/{ours}"] for ours, theirs in TERMS.items()}
    results |= {name: metrics[name] for name in ("exchanged_visible", "exchanged_thermal")}
    return results | {"total": metrics["loss"]}


def test_csk_distillation_step_agrees_with_twin() -> None:
    """Both branches take channels in each block of stages 2 to 4; classes are absent or rare.

    A second step draws the pixels in another order, which changes neither loss nor gradient.
    """
    batch = create_batch("csk_step")
    network, visible_only = create_network(CskNetConfig), create_network(VisibleOnlyConfig)
    variables = create_network_variables("visible_teacher", visible_only, batch)
    teacher = Teacher(visible_only, variables, select_camera_thermal)
    module = METHOD.create_module()
    step = make_distill_step(
        network,
        {"teacher": teacher},
        create_recorder(),
        (
            *TASK.make_terms(has_guidance=False, branches=CskNetConfig.branches),
            *METHOD.make_terms(),
        ),
        select_inputs=select_camera_thermal,
        seed=0,
        method_module=module,
        compute_targets=TASK.compute_targets,
        diagnostics={
            **watch_output(CskNetConfig.watched),
            **{name: watch_map(read) for name, read in DIAGNOSTICS.items()},
        },
    )
    state = create_state(
        create_network_variables("csknet", network, batch),
        create_recorder(),
        create_projections(module, network, teacher, batch),
    )
    state, metrics = step(state, batch)
    golden = load_golden("csk_step")
    assert find_mismatches(golden, collect(state, metrics), tolerance) == {}

    again = collect(*step(state, batch))
    kept = {name: stored for name, stored in golden.items() if not name.startswith("stats/")}
    assert find_mismatches(kept, {name: again[name] for name in kept}, tolerance) == {}
