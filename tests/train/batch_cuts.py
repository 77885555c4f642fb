"""Steps of both tasks with every loss term, on one batch that can be cut in several ways.

The batch is uneven: of four images one has all the objects of detection, and one no labelled pixel,
so that the mean of the parts' means is far from the mean of the whole. The networks are a few
convolutions, without batch norm: its statistics are the one thing that does depend on the cut.
"""

from dataclasses import replace
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from mdjax.methods.activation_attention import ActivationAttention
from mdjax.methods.channel_wise import ChannelWiseDistillation
from mdjax.methods.combined import CombinedDistillation, CombinedTerms
from mdjax.methods.csk import CskDistillation
from mdjax.methods.hint import HintDistillation
from mdjax.methods.imitation import FeatureImitation
from mdjax.methods.logits import LogitDistillation
from mdjax.methods.masked_generation import MaskedGeneration
from mdjax.methods.method import Method
from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.methods.pearson import PearsonDistillation
from mdjax.models.csknet import CskOutput
from mdjax.models.network import select_camera_thermal, select_full_thermal
from mdjax.ops.anchors import AnchorOptions, create_anchors
from mdjax.tasks.detection import DetectionTask
from mdjax.tasks.segmentation import SegmentationTask
from mdjax.train.state import create_method_variables, create_state
from mdjax.train.step import make_distill_step, make_train_step
from mdjax.train.teacher import Teacher
from mdjax.types import (
    IGNORED_LABEL,
    AnchorPrediction,
    Batch,
    GuidanceLogits,
    NetworkOutput,
    Objects,
)

SIZE_HW = (16, 24)
STRIDE = 4
GRID_HW = (SIZE_HW[0] // STRIDE, SIZE_HW[1] // STRIDE)
NUM_IMAGES = 4
NUM_CLASSES = 4
ANCHORS = AnchorOptions((6,))
MD_METHODS: dict[str, Method] = {
    "focal_mse": ModalityDistillation(),
    "mse": ModalityDistillation(semantic_loss="mse"),
}
METHODS: dict[str, Method] = {
    **MD_METHODS,
    "others": CombinedDistillation(
        CombinedTerms(
            cwd=ChannelWiseDistillation(level="c4"),
            logits=LogitDistillation(),
            hint=HintDistillation(),
            attention=ActivationAttention(levels=("c4",)),
            pearson=PearsonDistillation(),
            mgd=MaskedGeneration(weight=1.0, level="c4"),
            imitation=FeatureImitation(weight=1.0),
        )
    ),
    "csk": CskDistillation(pixels_per_image=16),
}

TaskName = Literal["labels", "boxes"]


class EveryOutput(nn.Module):
    """Returns all that any loss term reads: predictions, features, mask, guidance, scales."""

    kind: TaskName
    width: int = 6
    has_branches: bool = False

    @nn.compact
    def __call__(self, visible: Any, thermal: Any, *, train: bool) -> NetworkOutput:
        del train
        pair = jnp.concatenate([visible, thermal], -1)
        features = nn.Conv(self.width, (3, 3), (STRIDE, STRIDE), name="encoder")(pair)
        mask = nn.sigmoid(nn.Conv(1, (1, 1), name="attention")(features))
        hidden = jnp.tanh(features)
        guidance = GuidanceLogits(
            nn.Conv(1, (1, 1), name="intra_visible")(hidden),
            nn.Conv(1, (1, 1), name="intra_thermal")(hidden),
            nn.Conv(2, (1, 1), name="inter")(hidden),
        )
        prediction = self._predict(hidden)
        levels = {"c4": features, "c2": hidden}
        if not self.has_branches:
            return NetworkOutput(prediction, levels, mask, guidance)
        scales = self.param("scales", nn.initializers.normal(), (2, 6))
        of_branches = {"visible_c2": 2 * hidden, "visible_c5": hidden, "thermal_c5": -hidden}
        return CskOutput(
            prediction,
            levels | {"c5": features} | of_branches,
            mask,
            guidance,
            branch_predictions={"visible": jax.tree.map(lambda x: x / 2, prediction)},
            exchange_scales={"block": {"visible": scales[0], "thermal": scales[1]}},
            exchange_below=0.02,
            stages=(("block", 2),),
        )

    def _predict(self, hidden: Any) -> Any:
        if self.kind == "labels":
            logits = nn.Conv(NUM_CLASSES, (1, 1), name="classifier")(hidden)
            return jnp.repeat(jnp.repeat(logits, STRIDE, 1), STRIDE, 2)
        num_anchors = ANCHORS.num_per_cell
        rows = (NUM_IMAGES if hidden.shape[0] == NUM_IMAGES else hidden.shape[0], -1)
        return AnchorPrediction(
            nn.Conv(num_anchors, (1, 1), name="class")(hidden).reshape(*rows, 1),
            nn.Conv(4 * num_anchors, (1, 1), name="box")(hidden).reshape(*rows, 4),
            jnp.asarray(create_anchors(ANCHORS, [GRID_HW], SIZE_HW)),
        )


def make_images(rng: np.random.Generator) -> dict[str, Any]:
    def image(channels: int) -> np.ndarray:
        return rng.random((NUM_IMAGES, *SIZE_HW, channels), np.float32)

    return {
        "visible": image(3),
        "thermal_full": image(1),
        "thermal_camera": image(1),
        "image_size_hw": np.full((NUM_IMAGES, 2), SIZE_HW, np.int32),
        "is_night": np.arange(NUM_IMAGES) % 2 == 1,
        "is_valid": np.ones(NUM_IMAGES, bool),
    }


def make_label_batch() -> Batch:
    """Image 0 has few labelled pixels, image 1 none that count, image 2 many, image 3 all."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, NUM_CLASSES, (NUM_IMAGES, *SIZE_HW)).astype(np.uint8)
    labels[0, :, 4:] = IGNORED_LABEL
    labels[1] = IGNORED_LABEL
    labels[2, :8] = 0
    return Batch(truth=labels, **make_images(rng))


def make_object_batch() -> Batch:
    """Image 0 has six objects, the others none."""
    rng = np.random.default_rng(1)
    left, top = rng.uniform(0, 18, 6), rng.uniform(0, 8, 6)
    height = rng.uniform(5, 9, 6)
    boxes = np.zeros((NUM_IMAGES, 6, 4), np.float32)
    boxes[0] = np.stack([left, top, left + 0.41 * height, top + height], axis=1)
    is_valid = np.zeros((NUM_IMAGES, 6), bool)
    is_valid[0] = True
    truth = Objects(boxes, np.zeros((NUM_IMAGES, 6), np.int32), np.zeros_like(is_valid), is_valid)
    return Batch(truth=truth, **make_images(rng))


TASKS: dict[TaskName, tuple[Any, Batch]] = {
    "labels": (SegmentationTask(guidance_weight=1.0), make_label_batch()),
    "boxes": (DetectionTask(anchors=ANCHORS, guidance_weight=1.0), make_object_batch()),
}


def record_gradients() -> optax.GradientTransformation:
    """An optimiser that changes nothing and keeps the gradients as its state."""
    return optax.GradientTransformation(
        init=lambda params: jax.tree.map(jnp.zeros_like, params),
        update=lambda updates, state, params=None: (jax.tree.map(jnp.zeros_like, updates), updates),
    )


def run_step(
    task_name: TaskName,
    step_name: str,
    num_microbatches: int = 1,
    place: Any = lambda tree: tree,
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Losses and gradients of one step.

    Args:
        task_name: One of `TASKS`.
        step_name: "teacher" for the task with guidance, else one of `METHODS` for a distillation.
        num_microbatches: Parts of the batch.
        place: Puts the batch on the devices.
    """
    task, batch = TASKS[task_name]
    # Where there are adapters, the student is narrower than its teacher.
    network: Any = EveryOutput(
        task_name, 4 if step_name == "others" else 6, has_branches=step_name == "csk"
    )
    teacher_network: Any = EveryOutput(task_name)
    variables, teacher_variables = (
        drawn.init(jax.random.key(seed), batch.visible, batch.thermal_full, train=False)
        for seed, drawn in enumerate((network, teacher_network))
    )
    method_variables: dict[str, Any] = {}
    options: dict[str, Any] = {
        "seed": 0,
        "num_microbatches": num_microbatches,
        "compute_targets": task.compute_targets,
        "select_inputs": select_camera_thermal,
    }
    if step_name == "teacher":
        terms = task.make_terms(has_guidance=True)
        step = make_train_step(network, record_gradients(), terms, **options)
    else:
        method = METHODS[step_name]
        if task_name == "boxes" and isinstance(method, CskDistillation):
            method = replace(method, contrast_weight=0.0)
        teachers = {"teacher": Teacher(teacher_network, teacher_variables, select_full_thermal)}
        module = method.create_module()
        method_variables = create_method_variables(
            module, network, variables, teachers, batch, select_camera_thermal, seed=0
        )
        step = make_distill_step(
            network,
            teachers,
            record_gradients(),
            (*task.make_terms(has_guidance=False), *method.make_terms()),
            method_module=module,
            diagnostics=method.make_diagnostics(),
            **options,
        )
    begun = create_state(variables, record_gradients(), method_variables)
    state, metrics = step(begun, place(batch))
    gradients = {
        jax.tree_util.keystr(path): np.asarray(leaf)
        for path, leaf in jax.tree.leaves_with_path(state.opt_state)
    }
    return {name: float(value) for name, value in metrics.items()}, gradients


def compute_difference(ours: Any, theirs: Any) -> float:
    """Norm of the difference over the norm, over all leaves together."""
    difference = sum(float(np.sum((ours[name] - theirs[name]) ** 2)) for name in theirs)
    return (difference / sum(float(np.sum(leaf**2)) for leaf in theirs.values())) ** 0.5
