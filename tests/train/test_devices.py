"""One device and two give the same numbers; the second one is simulated in a process of its own."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from mdjax.train.devices import create_data_mesh
from mdjax.types import MdjaxError

# Batch norm and the Dice loss sum over the whole batch: the places where sharding could go wrong.
SCRIPT = """
import json
import jax, numpy as np, optax
from mdjax.losses.distillation import attention_transfer_loss
from mdjax.tasks.segmentation import compute_cross_entropy, make_segmentation_evaluator
from mdjax.train.devices import create_data_mesh, make_batch_sharding, replicate
from mdjax.train.state import create_state, select_camera_thermal, select_full_thermal
from mdjax.train.step import LossTerm, make_distill_step
from tests.train.tiny import TinyNetwork, init_tiny, make_batch

mesh = create_data_mesh(8)
network = TinyNetwork(has_batch_norm=True)
optimiser = optax.sgd(0.1, momentum=0.9)
step = make_distill_step(
    network, network, replicate(init_tiny(network, 1), mesh), optimiser,
    [LossTerm("segmentation", 1.0, compute_cross_entropy)],
    [LossTerm("attention", 1.0, lambda s, t: attention_transfer_loss(s.mask, t.mask))],
    select_student_inputs=select_camera_thermal, select_teacher_inputs=select_full_thermal,
    seed=0,
)
state = replicate(create_state(init_tiny(network), optimiser), mesh)
batches = [jax.device_put(make_batch(i, size=8), make_batch_sharding(mesh)) for i in range(3)]
for batch in batches:
    state, metrics = step(state, batch)
evaluate = make_segmentation_evaluator(
    network, ("a", "b", "c"), select_inputs=select_camera_thermal
)
confusion = evaluate(state.variables, batches).subsets["all"].confusion
print(json.dumps({
    "num_devices": len(jax.devices()),
    "loss": float(metrics["loss"]),
    "variables": [np.asarray(x).ravel().tolist() for x in jax.tree.leaves(state.variables)],
    "confusion": confusion.tolist(),
}))
"""


def run_on(num_devices):
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={num_devices}",
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_two_devices_give_the_numbers_of_one(project_root, monkeypatch):
    monkeypatch.chdir(project_root)
    one, two = run_on(1), run_on(2)
    assert (one["num_devices"], two["num_devices"]) == (1, 2)
    np.testing.assert_allclose(one["loss"], two["loss"], rtol=1e-5)
    for ours, theirs in zip(one["variables"], two["variables"], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    assert one["confusion"] == two["confusion"]


def test_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(MdjaxError, match="multiple of the number of devices, 2"):
        create_data_mesh(3, devices=[object(), object()])
