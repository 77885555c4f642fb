"""Distil one of your own networks from another: `python examples/distil_own_networks.py`.

The teacher sees colour and thermal images, the student colour alone; both predict the thermal one.
"""

import flax.linen as nn
import jax
import optax

import mdjax


def wrap(width: int) -> mdjax.CapturedNetwork:
    """Stand in for your own network; "layers_2" is the path of its third layer."""
    layers = [nn.Conv(width, (3, 3)), nn.relu, nn.Conv(16, (3, 3)), nn.Conv(1, (1, 1))]
    return mdjax.CapturedNetwork(
        nn.Sequential(layers), {"c4": "layers_2"}, train_arguments=lambda train: {}
    )


def compute_error(seen):
    """Compute the loss of the task: the mean squared error of the thermal image."""
    return mdjax.mean_ratio((seen.output.prediction - seen.batch[..., 3:]) ** 2)


def distil(num_steps: int) -> list[float]:
    """Return the loss of each step."""
    teacher, student, optimiser = wrap(64), wrap(8), optax.adam(1e-3)
    batch = jax.random.uniform(jax.random.key(0), (4, 32, 32, 4))  # any pytree; here RGB + thermal
    variables = teacher.init(jax.random.key(1), batch)  # load your trained ones here
    step = mdjax.make_distill_step(
        student,
        {"teacher": mdjax.Teacher(teacher, variables, select_inputs=lambda x: (x,))},
        optimiser,
        [
            mdjax.LossTerm("task", 1.0, compute_error),
            *mdjax.ModalityDistillation(attention_weight=0).make_terms(),
        ],
        select_inputs=lambda x: (x[..., :3],),
        seed=0,
    )
    state = mdjax.create_state(student.init(jax.random.key(2), batch[..., :3]), optimiser)
    losses = []
    for _ in range(num_steps):
        state, metrics = step(state, batch)  # loss, loss/task, loss/semantic_transfer, ...
        losses.append(float(metrics["loss"]))
    return losses


if __name__ == "__main__":
    losses = distil(num_steps=20)
    print(f"loss {losses[0]:.3f} at the first step, {losses[-1]:.3f} at the last")
