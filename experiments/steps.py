"""The paper's training steps and the student's forward pass, compiled and ready to be timed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.models.backbones.resnet import ResNetConfig
from mdjax.models.config import FeatureLevelConfig, MdStudentConfig
from mdjax.models.predictor import make_predictor
from mdjax.recipes import configure_mfnet
from mdjax.runs.config import TrainConfig
from mdjax.runs.loading import create_network, select_inputs_for
from mdjax.train.optimiser import SgdConfig
from mdjax.train.state import create_state, create_variables
from mdjax.train.step import make_distill_step
from mdjax.train.teacher import Teacher
from mdjax.types import Batch

NUM_CLASSES = 9
TEACHER_STEP, STUDENT_STEP = "teacher step", "student step"
DISTILLATION_STEP, STUDENT_FORWARD = "distillation step", "student forward"
STEPS = (TEACHER_STEP, STUDENT_STEP, DISTILLATION_STEP, STUDENT_FORWARD)


@dataclass(frozen=True)
class Setting:
    """What is timed.

    Attributes:
        width: Of the networks.
        image_size_hw: Rows and columns.
        batch_size: Pairs of a step.
    """

    width: float
    image_size_hw: tuple[int, int]
    batch_size: int

    def __str__(self) -> str:
        height, width = self.image_size_hw
        return f"{width}x{height}, batch {self.batch_size}, width {self.width:g}"


@dataclass(frozen=True)
class CompiledStep:
    """A program that can be run again and again.

    Attributes:
        run: Runs it once and waits for it.
        program: What XLA made of it, with its text and its costs.
    """

    run: Callable[[], Any]
    program: Any

    @property
    def flops(self) -> float:
        """Operations of one run, as XLA counts them."""
        return self.program.cost_analysis()["flops"]


def compile_steps(setting: Setting) -> dict[str, CompiledStep]:
    """Compile each of `STEPS`: segmentation, output stride 16, the paper's losses and optimiser."""
    batch = make_batch(setting)
    optimiser = SgdConfig().create(100_000)
    networks, variables, configs = {}, {}, {}
    for name, network in {"teacher": FeatureLevelConfig, "student": MdStudentConfig}.items():
        config = configure_mfnet(TrainConfig(), network)
        backbone = ResNetConfig(setting.width, output_stride=16)
        configs[name] = config = replace(config, network=network(backbone))
        networks[name] = create_network(config, NUM_CLASSES)
        variables[name] = create_variables(
            networks[name], batch, select_inputs=select_inputs_for(config), seed=0
        )
    teacher = Teacher(
        networks["teacher"], variables["teacher"], select_inputs_for(configs["teacher"])
    )
    cases: Mapping[str, tuple[str, dict[str, Teacher], tuple[Any, ...]]] = {
        TEACHER_STEP: ("teacher", {}, ()),
        STUDENT_STEP: ("student", {}, ()),
        DISTILLATION_STEP: (
            "student",
            {"teacher": teacher},
            ModalityDistillation().make_terms(),
        ),
    }
    steps: dict[str, CompiledStep] = {}
    for title, (name, teachers, transfer) in cases.items():
        config = configs[name]
        terms = config.task.make_terms(has_guidance=config.network.has_guidance)
        step: Any = make_distill_step(
            networks[name],
            teachers,
            optimiser,
            (*terms, *transfer),
            select_inputs=select_inputs_for(config),
            seed=0,
            compute_targets=config.task.compute_targets,
        )
        state = create_state(jax.tree.map(jnp.array, variables[name]), optimiser)
        update, constants = step.func, step.args  # `make_distill_step` returns a partial
        compiled = update.lower(*constants, state, batch).compile()
        steps[title] = CompiledStep(_make_run(compiled, constants, state, batch), compiled)
    predict: Any = make_predictor(networks["student"], lambda output: output.prediction)
    inputs = jax.device_put(select_inputs_for(configs["student"])(batch))
    forward = predict.lower(variables["student"], *inputs).compile()
    steps[STUDENT_FORWARD] = CompiledStep(
        lambda: jax.block_until_ready(forward(variables["student"], *inputs)), forward
    )
    return steps


def _make_run(compiled: Any, constants: Any, state: Any, batch: Batch) -> Callable[[], None]:
    def run() -> None:
        nonlocal state
        state, metrics = compiled(*constants, state, batch)
        jax.block_until_ready(metrics)

    return run


def make_batch(setting: Setting) -> Batch:
    """Make images and labels of random numbers."""
    rng = np.random.default_rng(0)
    height, width = setting.image_size_hw
    b = setting.batch_size

    def image(channels: int) -> jax.Array:
        return jnp.asarray(rng.random((b, height, width, channels)), jnp.float32)

    return Batch(
        visible=image(3),
        thermal_full=image(1),
        thermal_camera=image(1),
        truth=jnp.asarray(rng.integers(0, NUM_CLASSES, (b, height, width)), jnp.uint8),
        image_size_hw=jnp.array([[height, width]] * b),
        is_night=jnp.zeros(b, bool),
        is_valid=jnp.ones(b, bool),
    )
