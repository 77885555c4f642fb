"""Three steps of a tiny distillation with batch norm on all devices, and what comes of them."""

from typing import Any

import jax
import numpy as np
import optax

from mdjax.data.pipeline import prefetch_to_devices
from mdjax.losses.distillation import attention_transfer_loss
from mdjax.metrics.confusion import count_confusions
from mdjax.models.network import select_camera_thermal, select_full_thermal
from mdjax.models.predictor import make_predictor
from mdjax.tasks.segmentation import compute_cross_entropy
from mdjax.train.devices import (
    create_data_mesh,
    list_local_rows,
    make_batch_sharding,
    read_local_rows,
    replicate,
)
from mdjax.train.processes import gather
from mdjax.train.state import create_state
from mdjax.train.step import make_distill_step
from mdjax.train.teacher import Teacher
from mdjax.train.terms import LossTerm
from tests.train.tiny import NUM_CLASSES, TinyNetwork, init_tiny, make_batch

BATCH_SIZE = 8


def train_and_count() -> dict[str, Any]:
    """Last loss, variables, and the confusions of the trained network on what it saw."""
    mesh = create_data_mesh(BATCH_SIZE)
    network = TinyNetwork(has_batch_norm=True)
    optimiser = optax.sgd(0.1, momentum=0.9)
    terms = (
        LossTerm("segmentation", 1.0, compute_cross_entropy),
        LossTerm(
            "attention",
            1.0,
            lambda inputs: attention_transfer_loss(inputs.output.mask, inputs.get_teacher().mask),
        ),
    )
    teacher = Teacher(network, replicate(init_tiny(network, 1), mesh), select_full_thermal)
    step = make_distill_step(
        network, {"teacher": teacher}, optimiser, terms, select_inputs=select_camera_thermal, seed=0
    )
    state = replicate(create_state(init_tiny(network), optimiser), mesh)
    sharding = make_batch_sharding(mesh)
    # Each process has its own rows only.
    rows = np.array(list_local_rows(sharding, BATCH_SIZE))
    local = [jax.tree.map(lambda x: x[rows], make_batch(i, size=BATCH_SIZE)) for i in range(3)]
    batches = list(prefetch_to_devices(local, sharding))
    metrics: Any = {}
    for batch in batches:
        state, metrics = step(state, batch)
    predict = make_predictor(network, lambda output: output.prediction.argmax(-1))
    confusion = np.zeros((NUM_CLASSES, NUM_CLASSES), np.int64)
    for batch, own in zip(batches, local, strict=True):
        predicted = predict(state.variables, *select_camera_thermal(batch))
        for row, labels in zip(read_local_rows(predicted, sharding), own.label_maps, strict=True):
            confusion += count_confusions(row, np.asarray(labels), NUM_CLASSES)
    return {
        "loss": float(metrics["loss"]),
        "variables": [np.asarray(x).ravel().tolist() for x in jax.tree.leaves(state.variables)],
        "confusion": np.sum(gather(confusion), axis=0).tolist(),
    }
