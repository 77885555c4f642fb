"""Networks from run directories."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import flax.linen as nn
import jax
import jax.numpy as jnp

from mdjax.data.source import SplitSource
from mdjax.io.checkpoint import has_checkpoint, read_metadata, restore_variables
from mdjax.io.json_file import restore_scores
from mdjax.io.run_directory import find_run_dirs
from mdjax.models.modalities import Missing
from mdjax.models.network import SelectInputs, select_camera_thermal, select_full_thermal
from mdjax.runs.config import MissingConfig, TrainConfig
from mdjax.runs.stored_config import read_run_config, read_stored_config
from mdjax.runs.trained_network import PairPredictor
from mdjax.tasks.predictor import make_task_predictor
from mdjax.tasks.task import Task
from mdjax.train.state import initialise
from mdjax.types import MdjaxError


@dataclass(frozen=True)
class LoadedNetwork:
    """A trained network, ready to predict or to teach; a `TrainedNetwork`.

    Attributes:
        run_dir: Directory of its run.
        config: Configuration it was trained with.
        network: The module.
        variables: Its parameters and running statistics.
        class_names: Names by class id.
        step: Number of steps it was trained for.
        scores: Its scores at that step; empty if it was not evaluated then.
        scored_split: Name of the split of the scores; None if that was not recorded.
        thermal_range_counts: Counts of 16-bit thermal images that map to black and white; None
            if it was trained on 8-bit images.
        training_view: What was cut out of the images of its data set, in words; None: nothing.
    """

    run_dir: Path
    config: TrainConfig
    network: nn.Module
    variables: Mapping[str, Any]
    class_names: tuple[str, ...]
    step: int
    scores: Mapping[str, float]
    scored_split: str | None = None
    thermal_range_counts: tuple[float, float] | None = None
    training_view: str | None = None

    @property
    def select_inputs(self) -> SelectInputs:
        """The function that selects the network's inputs from a batch."""
        return select_inputs_for(self.config)

    @property
    def source(self) -> Path:
        """The run directory."""
        return self.run_dir

    @property
    def thermal_size_hw(self) -> tuple[int, int]:
        """The working size: the network takes thermal images that are scaled up to it."""
        return self.config.pipeline.image_size_hw

    def compile_predictor(
        self, *, batch_size: int, task: Task | None = None, missing: Missing = "none"
    ) -> PairPredictor:
        """Compile the network, with what its task makes of its output, for one shape.

        Args:
            batch_size: Image pairs of a call.
            task: Another way to interpret, such as with another score threshold; that of the
                training by default.
            missing: Image that the network does without.

        Returns:
            A function that copies a pair to the device, predicts, and waits for what comes back.
        """
        height, width = self.config.pipeline.image_size_hw
        predict: Any = make_task_predictor(
            self.network, task or self.config.task, (height, width), missing
        )
        variables = jax.device_put(dict(self.variables))
        shapes = (
            jax.ShapeDtypeStruct((batch_size, height, width, channels), jnp.float32)
            for channels in (3, 1)
        )
        compiled = predict.lower(variables, *shapes).compile()
        return lambda visible, thermal: jax.device_get(compiled(variables, visible, thermal))


def create_network(config: TrainConfig, num_classes: int) -> nn.Module:
    """Build the network of a configuration, with the head of its task."""
    return config.network.create(config.task.create_head(num_classes, config.network.backbone))


def select_inputs_for(config: TrainConfig) -> SelectInputs:
    """Return the function that selects a network's inputs: full or simulated thermal images."""
    return select_full_thermal if config.network.sees_full_thermal else select_camera_thermal


CheckpointName = Literal["last", "best", "inference"]


def load_network(run_dir: Path, checkpoint: CheckpointName = "last") -> LoadedNetwork:
    """Load a trained network from its run directory.

    Args:
        run_dir: Directory of a training or a distillation, or the folder of one checkpoint.
        checkpoint: The last state, the one that scored best on the validation split, or the
            last one without the optimiser.

    Raises:
        MdjaxError: There is no run or no such checkpoint, or the checkpoint is damaged.

    Example:
        >>> from pathlib import Path
        >>> import mdjax
        >>> loaded = mdjax.load_network(Path("runs/distilled"))
        >>> type(loaded.network).__name__, loaded.class_names[:3]
        ('MdStudent', ('unlabelled', 'car', 'person'))
    """
    run_dir = Path(run_dir)
    path = run_dir / "checkpoints" / checkpoint
    # "." has no name that a checkpoint could have.
    if has_checkpoint(run_dir.absolute()):
        path, run_dir = run_dir.absolute(), run_dir.absolute().parents[1]
    if not has_checkpoint(path):
        raise MdjaxError(_explain_missing(run_dir, checkpoint))
    metadata = read_metadata(path)
    config: TrainConfig = read_stored_config(metadata["config"], run_dir, source=path)
    class_names = tuple(metadata["class_names"])
    counts = metadata.get("thermal_range_counts")
    network = create_network(config, len(class_names))
    expected = _compute_shapes(network, config)
    return LoadedNetwork(
        run_dir=run_dir,
        config=config,
        network=network,
        variables=restore_variables(path, like=expected),
        class_names=class_names,
        step=metadata["step"],
        scores=restore_scores(metadata["scores"]),
        scored_split=metadata.get("scored_split"),
        thermal_range_counts=None if counts is None else (counts[0], counts[1]),
        training_view=metadata.get("view"),
    )


def _explain_missing(run_dir: Path, checkpoint: CheckpointName) -> str:
    """What is in the place of a checkpoint, and what to give instead."""
    if not run_dir.exists():
        place = next(path for path in run_dir.absolute().parents if path.exists())
        return f"{run_dir}: there is no such run directory; `mdjax runs {place}` lists those there."
    if (first := next(find_run_dirs(run_dir), None)) is None:
        return f"{run_dir}: is no run directory, and there is none below it; check the path."
    if first != run_dir:
        return (
            f"{run_dir}: is a folder of runs; give one of them, such as {first} "
            f"(`mdjax runs {run_dir}` lists them)."
        )
    saved = [
        name for name in get_args(CheckpointName) if has_checkpoint(run_dir / "checkpoints" / name)
    ]
    if saved:
        return (
            f"{run_dir}: has no checkpoint {checkpoint!r}, only {', '.join(saved)}; give another."
        )
    if (run_dir / "result.json").is_file():
        config = read_run_config(run_dir)
        if isinstance(config, MissingConfig):
            return (
                f"{run_dir}: holds the scores of {config.run} without the {config.missing} image, "
                f"no weights; give {config.run} and --missing {config.missing}."
            )
        return (
            f"{run_dir}: its checkpoints are missing, though it has finished; restore them, or "
            "train again in another folder."
        )
    return (
        f"{run_dir}: this run has saved no checkpoint; continue it with `mdjax resume {run_dir}`, "
        "or give another run."
    )


def _compute_shapes(network: nn.Module, config: TrainConfig) -> Any:
    h, w = config.pipeline.image_size_hw
    images = [jax.ShapeDtypeStruct((1, h, w, channels), "float32") for channels in (3, 1)]
    return initialise.eval_shape(network, jax.random.key(0), *images)


def check_class_names(loaded: LoadedNetwork, split: SplitSource) -> None:
    """Refuse a data set whose classes differ from those the network was trained for.

    Raises:
        MdjaxError: The classes, or their order, differ; the message lists both.
    """
    class_names = loaded.config.task.get_class_names(split)
    if class_names != loaded.class_names:
        raise MdjaxError(
            f"{split.dataset_name} has the classes {', '.join(class_names)}, but "
            f"{loaded.run_dir} was trained for {', '.join(loaded.class_names)}."
        )
