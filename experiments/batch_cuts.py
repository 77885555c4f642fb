"""One objective however a batch is cut: 1, 2 and 4 parts, on one device and on two.

    python experiments/batch_cuts.py

Teacher and distilled student of both tasks, an eighth as wide as ResNet-18, take one step on four
generated scenes. Batch norm is in evaluation mode: its statistics are the one thing that does
depend on the cut. They are trained for a few steps before, because some terms are 0 at the start.
The two devices are simulated on the CPU. The table has the largest relative
difference of a loss term, and that of the gradient of all parameters, from the uncut batch.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import optax

from data_builders.synthetic import PrepareSynthetic
from mdjax.data.pipeline import make_train_batches
from mdjax.data.source import open_split
from mdjax.io.json_file import write_json
from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.models.config import FeatureLevelConfig, MdStudentConfig
from mdjax.models.network import Network
from mdjax.recipes import configure_synthetic, configure_synthetic_detection
from mdjax.runs.config import TrainConfig
from mdjax.runs.loading import create_network, select_inputs_for
from mdjax.runs.results import describe_environment
from mdjax.studies.rows import Recipe
from mdjax.train.devices import create_data_mesh, make_batch_sharding
from mdjax.train.state import create_state, create_variables
from mdjax.train.step import make_distill_step, make_train_step
from mdjax.train.teacher import Teacher

RESULTS_PATH = Path(__file__).parent / "results" / "batch_cuts.json"
NUM_IMAGES = 4
NUM_STEPS_BEFORE = 20
CUTS = [(parts, devices) for devices in (1, 2) for parts in (1, 2, 4)][1:]
RECIPES: dict[str, Recipe] = {
    "segmentation": configure_synthetic,
    "detection": configure_synthetic_detection,
}
METHODS = {
    "MD, F-MSE": ModalityDistillation(),
    "MD, MSE": ModalityDistillation(semantic_loss="mse"),
}

Losses = dict[str, float]
Gradients = Any


@dataclass(frozen=True)
class InEvaluationMode:
    """A network whose batch norm uses its running statistics in training too."""

    network: Network

    def init(self, *args: Any, **kwargs: Any) -> Any:
        """Initialise as the network does."""
        return self.network.init(*args, **kwargs)

    def apply(self, variables: Mapping[str, Any], *inputs: Any, **kwargs: Any) -> Any:
        """Return output and the unchanged state of the network."""
        del kwargs
        state = {name: value for name, value in variables.items() if name != "params"}
        return self.network.apply(variables, *inputs, train=False), state


def main() -> None:
    """Measure, print the table and write the JSON."""
    jax.config.update("jax_num_cpu_devices", 2)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for task, recipe in RECIPES.items():
            for step_name, take_step in make_steps(recipe, Path(folder)):
                losses, gradients = take_step(1, 1)
                for parts, devices in CUTS:
                    rows.append(
                        {
                            "task": task,
                            "step": step_name,
                            "parts": parts,
                            "devices": devices,
                            "losses": losses,
                            **compare(take_step(parts, devices), (losses, gradients)),
                        }
                    )
                    print_row(rows[-1])
    write_json(
        RESULTS_PATH,
        {
            "command": "python experiments/batch_cuts.py",
            "environment": describe_environment(),
            "rows": rows,
        },
    )


def make_steps(
    recipe: Recipe, data_dir: Path
) -> Iterator[tuple[str, Callable[[int, int], tuple[Losses, Gradients]]]]:
    """Yield the steps of a task by name: functions of (parts, devices)."""
    base = recipe(TrainConfig(), FeatureLevelConfig)
    data = PrepareSynthetic(
        data_dir, num_train=16, num_val=4, num_test=4, image_size_hw=base.pipeline.image_size_hw
    ).prepare()
    source = open_split(data.dataset, "train", data_dir)
    classes = base.task.get_class_names(source)
    reader = base.task.create_truth_reader(source)
    batch = next(make_train_batches(source, base.pipeline, reader, batch_size=NUM_IMAGES, seed=0))

    def build(network_type: Any, seed: int) -> tuple[TrainConfig, Network, Any]:
        config = recipe(TrainConfig(seed=seed), network_type)
        network = create_network(config, len(classes))
        return config, network, train_briefly(config, network, batch)

    teacher_config, teacher, teacher_variables = build(FeatureLevelConfig, 0)
    select_for_teacher = select_inputs_for(teacher_config)
    frozen = {"teacher": Teacher(teacher, teacher_variables, select_for_teacher)}
    student = build(MdStudentConfig, 1)
    cases = {"task, guidance": (build(FeatureLevelConfig, 1), None)}
    cases |= {name: (student, method) for name, method in METHODS.items()}
    for name, ((config, network, variables), method) in cases.items():
        # The small preset weighs guidance 0.1: at 1 an error in it would show as in any term.
        task: Any = replace(config.task, guidance_weight=1.0)
        terms = task.make_terms(has_guidance=config.network.has_guidance)

        def take_step(
            parts: int,
            devices: int,
            config=config,
            network=network,
            variables=variables,
            method=method,
            terms=terms,
        ) -> tuple[Losses, Gradients]:
            step = make_distill_step(
                InEvaluationMode(network),
                frozen if method else {},
                _keep_gradients(),
                (*terms, *method.make_terms()) if method else terms,
                select_inputs=select_inputs_for(config),
                seed=0,
                num_microbatches=parts,
                compute_targets=config.task.compute_targets,
            )
            sharding = make_batch_sharding(
                create_data_mesh(NUM_IMAGES, devices=jax.devices()[:devices])
            )
            fresh = jax.tree.map(jnp.array, variables)  # A step donates its state.
            state, metrics = step(
                create_state(fresh, _keep_gradients()), jax.device_put(batch, sharding)
            )
            losses = {key: float(metrics[key]) for key in metrics if key.startswith("loss")}
            return losses, state.opt_state

        yield name, take_step


def train_briefly(config: TrainConfig, network: Network, batch: Any) -> Any:
    """Return variables after some steps on one batch."""
    select = select_inputs_for(config)
    optimiser = optax.adam(1e-3)
    step = make_train_step(
        network,
        optimiser,
        config.task.make_terms(has_guidance=config.network.has_guidance),
        select_inputs=select,
        seed=config.seed,
        compute_targets=config.task.compute_targets,
    )
    variables = create_variables(network, batch, select_inputs=select, seed=config.seed)
    state = create_state(variables, optimiser)
    for _ in range(NUM_STEPS_BEFORE):
        state, _ = step(state, batch)
    return state.variables


def _keep_gradients() -> optax.GradientTransformation:
    """An optimiser that changes nothing and whose state is the gradient."""

    def zeros(params: Any) -> Any:
        return jax.tree.map(jnp.zeros_like, params)

    return optax.GradientTransformation(
        init=zeros, update=lambda updates, state, params=None: (zeros(updates), updates)
    )


def compare(ours: tuple[Losses, Gradients], whole: tuple[Losses, Gradients]) -> dict[str, float]:
    """Return the relative differences of losses and gradients from those of the uncut batch."""
    (losses, gradients), (losses_of_whole, gradients_of_whole) = jax.device_get((ours, whole))
    difference = optax.tree.norm(optax.tree.sub(gradients, gradients_of_whole))
    return {
        "loss_difference": max(
            abs(losses[name] - value) / abs(value) for name, value in losses_of_whole.items()
        ),
        "gradient_difference": float(difference / optax.tree.norm(gradients_of_whole)),
    }


def print_row(row: Mapping[str, Any]) -> None:
    """Print one line of the table."""
    print(
        f"{row['task']:12} | {row['step']:14} | parts {row['parts']} | devices {row['devices']} | "
        f"loss {row['loss_difference']:.1e} | gradient {row['gradient_difference']:.1e}",
        flush=True,
    )


if __name__ == "__main__":
    main()
