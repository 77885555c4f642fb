"""Whole training steps agree with the independent PyTorch twin of `tests/golden`.

The steps are those that users run: the task's own loss terms, the method's own transfer terms and
the step builders. Both compute in float64: in float32, rounding decides on which side of a kink a
ReLU stands, another one on each processor. Losses and masks are float32 in ours, whatever the
compute type; that is what the tolerance leaves room for. Errors are norms of differences relative
to norms.
"""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax
import pytest
from flax import struct

from mdjax.losses.ratio import Ratio
from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.models.backbones.resnet import ResNetConfig
from mdjax.models.network import select_camera_thermal, select_full_thermal
from mdjax.models.networks import FeatureLevel, MdStudent
from mdjax.tasks.segmentation import SegmentationTask
from mdjax.train.state import create_state
from mdjax.train.step import make_distill_step, make_train_step
from mdjax.train.teacher import Teacher
from mdjax.types import Batch
from tests.golden.linen import create_variables, find_mismatches, to_nchw, to_nhwc, to_results
from tests.golden.numbers import create_images, load_golden

TASK = SegmentationTask(guidance_weight=0.1, dropout_rate=0.0)

pytestmark = [pytest.mark.usefixtures("float64"), pytest.mark.slow]


def create_backbone() -> ResNetConfig:
    return ResNetConfig(0.125, stem_stride=2, output_stride=8, compute_dtype="float64")


def tolerance(name: str) -> float:
    """A few roundings of float32."""
    del name
    return 2e-5


@struct.dataclass
class Watched(Ratio):
    """An array that a step hands out as it is, in the place of a diagnostic's value."""

    array: Any = None

    @property
    def value(self) -> Any:
        return self.array


def watch(array: Any) -> Watched:
    return Watched(jnp.zeros(()), jnp.zeros(()), array=array)


def create_recorder() -> optax.GradientTransformation:
    """An optimiser that changes nothing and keeps the gradients as its state."""
    zeros = jax.tree_util.Partial(jax.tree.map, jnp.zeros_like)
    return optax.GradientTransformation(
        init=zeros,
        update=lambda updates, state, params=None: (zeros(updates), updates),
    )


def create_batch(name: str) -> Batch:
    """The twin's images, NHWC."""
    images = create_images(name, 2, 32, 48)
    labels = images.pop("labels")
    flags = {"is_night": jnp.array([False, True]), "is_valid": jnp.array([True, True])}
    size = jnp.array([[32, 48]] * 2)
    images = {key: to_nhwc(x) for key, x in images.items()}
    return Batch(truth=labels, image_size_hw=size, **flags, **images)


def create_network_variables(prefix: str, network: Any, batch: Batch) -> Any:
    """Variables with the twin's numbers."""
    inputs = select_full_thermal(batch)
    return create_variables(prefix, network.init, *inputs, train=False)


def create_head() -> Any:
    return TASK.create_head(9, create_backbone())


def run_step(step: Any, variables: Any, batch: Batch) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run one step; return its metrics, and its gradients and running statistics by name."""
    state, metrics = step(create_state(variables, create_recorder()), batch)
    leaves = to_results("grad", state.opt_state["network"])
    return metrics, leaves | to_results("stats", state.model_state["batch_stats"])


def test_teacher_step_agrees_with_twin() -> None:
    """Cross-entropy + 0.1 (intra + inter)."""
    batch = create_batch("teacher_step")
    teacher = FeatureLevel(create_backbone(), create_head())
    step = make_train_step(
        teacher,
        create_recorder(),
        TASK.make_terms(has_guidance=True),
        select_inputs=select_full_thermal,
        seed=0,
    )
    metrics, leaves = run_step(step, create_network_variables("teacher", teacher, batch), batch)
    results = leaves | {
        "total": metrics["loss"],
        "task": metrics["loss/segmentation"],
        "intra": metrics["loss/guidance_intra"],
        "inter": metrics["loss/guidance_inter"],
    }
    assert find_mismatches(load_golden("teacher_step"), results, tolerance) == {}


@pytest.mark.parametrize(("level", "weights"), [(4, (1.0, 1.0)), (5, (0.5, 5.0))])
def test_distillation_step_agrees_with_twin(
    level: Literal[4, 5], weights: tuple[float, float]
) -> None:
    """A frozen teacher with running statistics of its own; features compared at C4 and at C5."""
    batch = create_batch("distill_step")
    teacher = FeatureLevel(create_backbone(), create_head())
    student = MdStudent(create_backbone(), create_head(), transfer_level=level)
    name: Any = f"c{level}"
    method = ModalityDistillation(*weights, level=name)
    variables = create_network_variables("teacher", teacher, batch)
    step = make_distill_step(
        student,
        {"teacher": Teacher(teacher, variables, select_full_thermal)},
        create_recorder(),
        (*TASK.make_terms(has_guidance=False), *method.make_terms()),
        select_inputs=select_camera_thermal,
        seed=0,
        diagnostics={
            **method.make_diagnostics(),
            "prediction": lambda inputs: watch(inputs.output.prediction),
            "mask": lambda inputs: watch(inputs.output.mask),
            "features": lambda inputs: watch(inputs.output.features[name]),
            "teacher_prediction": lambda inputs: watch(inputs.get_teacher().prediction),
            "teacher_mask": lambda inputs: watch(inputs.get_teacher().mask),
            "teacher_features": lambda inputs: watch(inputs.get_teacher().features[name]),
        },
    )
    metrics, leaves = run_step(step, create_network_variables("student", student, batch), batch)
    # The twin counts positions.
    num_positions = metrics["features"][0, ..., 0].size
    results = leaves | {
        "total": metrics["loss"],
        "task": metrics["loss/segmentation"],
        "attention": metrics["loss/attention_transfer"],
        "semantic": metrics["loss/semantic_transfer"],
        "perplexity": metrics["focal_mask_perplexity_share"] * num_positions,
    }
    results |= {key: to_nchw(x) for key, x in metrics.items() if jnp.ndim(x) == 4}
    assert find_mismatches(load_golden(f"distill_step_c{level}"), results, tolerance) == {}
