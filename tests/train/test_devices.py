"""One, two and eight devices give the same numbers; all but one are simulated."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from mdjax.train.devices import create_data_mesh
from mdjax.types import MdjaxError
from tests.train.batch_cuts import MD_METHODS, TASKS, compute_difference, run_step
from tests.train.csk_batch import run_csk
from tests.train.normalised_training import train_and_count

pytestmark = pytest.mark.slow

# Each program runs once: compiling it well takes longer than running it badly.
SCRIPT = """
import json
import jax
jax.config.update("jax_disable_most_optimizations", True)
from mdjax.train.devices import create_data_mesh, make_batch_sharding
from tests.train.batch_cuts import MD_METHODS, NUM_IMAGES, TASKS, run_step
from tests.train.csk_batch import NUM_PAIRS, run_csk
from tests.train.normalised_training import train_and_count

sharding = make_batch_sharding(create_data_mesh(NUM_IMAGES, jax.devices()[:2]))
place = lambda batch: jax.device_put(batch, sharding)
steps = {}
for task in TASKS:
    for step, parts in (("teacher", 1), ("teacher", 2), *((method, 1) for method in MD_METHODS)):
        losses, gradients = run_step(task, step, parts, place)
        gradients = {name: leaf.tolist() for name, leaf in gradients.items()}
        steps[f"{task} {step} {parts}"] = losses, gradients
pairs = make_batch_sharding(create_data_mesh(NUM_PAIRS, jax.devices()[:2]))
print(json.dumps({
    "num_devices": len(jax.devices()),
    "steps": steps,
    "training": train_and_count(),
    "csk": run_csk(lambda batch: jax.device_put(batch, pairs)),
}))
"""


def run_on_eight_devices(project_root):
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8",
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=environment,
        cwd=project_root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    assert values["num_devices"] == 8
    return values


def test_many_devices_give_the_numbers_of_one(project_root):
    """Loss and gradient of every term on two, also where each device's share is cut into parts.

    Then a training with batch norm on eight, which sees the whole batch, and the confusions after
    it.
    """
    many = run_on_eight_devices(project_root)
    for task in TASKS:
        for step in ("teacher", *MD_METHODS):
            losses, gradients = run_step(task, step)
            for parts in (1, 2) if step == "teacher" else (1,):
                shared_losses, shared = many["steps"][f"{task} {step} {parts}"]
                shared = {name: np.array(leaf) for name, leaf in shared.items()}
                assert shared_losses == pytest.approx(losses, rel=1e-5), (task, step, parts)
                assert compute_difference(shared, gradients) < 1e-5, (task, step, parts)
    training = train_and_count()
    assert_same_training(many["training"], training)

    assert_same_csk(many["csk"], run_csk())


def assert_same_csk(ours, theirs):
    """Both rows of a pair are on one device: no norm of a branch moves any."""
    assert ours["num_moves"] == theirs["num_moves"] == 0
    for name, logits in theirs["logits"].items():
        np.testing.assert_allclose(ours["logits"][name], logits, rtol=1e-3, atol=1e-3)
    for leaf, other in zip(ours["statistics"], theirs["statistics"], strict=True):
        np.testing.assert_allclose(leaf, other, rtol=1e-4, atol=1e-4)


def assert_same_training(ours, theirs):
    np.testing.assert_allclose(ours["loss"], theirs["loss"], rtol=1e-5)
    for leaf, other in zip(ours["variables"], theirs["variables"], strict=True):
        np.testing.assert_allclose(leaf, other, rtol=1e-4, atol=1e-6)
    assert ours["confusion"] == theirs["confusion"]


def test_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(MdjaxError, match="multiple of the number of devices, 2"):
        create_data_mesh(3, devices=[object(), object()])
