"""Teachers from run directories, and the check that each is what it says it is."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from jax.sharding import Mesh

from mdjax.data.source import SplitSource
from mdjax.runs.config import DistillConfig
from mdjax.runs.loading import LoadedNetwork, check_class_names, load_network
from mdjax.runs.scoring import make_scorer
from mdjax.runs.splits import Splits
from mdjax.train.devices import replicate
from mdjax.train.teacher import Teacher
from mdjax.types import MdjaxError


def load_teachers(config: DistillConfig, splits: Splits) -> dict[str, LoadedNetwork]:
    """Load the teachers of a distillation by name.

    Raises:
        MdjaxError: One is missing, damaged or was trained for other classes.
    """
    teachers = {name: load_network(path) for name, path in config.teachers.items()}
    for name, teacher in teachers.items():
        check_class_names(teacher, splits.train)
        if teacher.config.folds != config.folds:
            raise MdjaxError(
                f"{name}: {teacher.run_dir} was trained with folds {teacher.config.folds}, the "
                f"student would be with {config.folds}: the teacher has seen what the student is "
                "tested on. Train a teacher for each fold."
            )
    return teachers


def freeze(teachers: Mapping[str, LoadedNetwork], mesh: Mesh) -> dict[str, Teacher]:
    """Put the teachers on the devices, as a step takes them."""
    return {
        name: Teacher(
            teacher.network, replicate(dict(teacher.variables), mesh), teacher.select_inputs
        )
        for name, teacher in teachers.items()
    }


def check_teachers(
    teachers: Mapping[str, LoadedNetwork],
    frozen: Mapping[str, Teacher],
    config: DistillConfig,
    splits: Splits,
    mesh: Mesh,
    show: Callable[[str], None],
) -> None:
    """Score every teacher on what the student will be trained on, before step 0.

    Each is shown what the student's pipeline will show it, and scored as its own task scores.

    Raises:
        MdjaxError: A teacher does not reach the score that its checkpoint records.
    """
    for name, teacher in teachers.items():
        split = _choose_split(teacher, splits)
        score = make_scorer(
            teacher.network,
            teacher.class_names,
            teacher.config.task,
            config.pipeline,
            select_inputs=teacher.select_inputs,
            batch_size=config.batch_size,
            mesh=mesh,
        )
        measured = score(frozen[name].variables, split).to_metrics()
        metric = teacher.config.task.get_main_metric(teacher.class_names)
        tolerance = config.teacher_score_tolerance
        show(check_teacher_scores(teacher, measured, metric, split.split, tolerance))


def check_teacher_scores(
    teacher: LoadedNetwork, measured: Mapping[str, float], metric: str, split: str, tolerance: float
) -> str:
    """Compare the score a teacher has reached just now with the one its checkpoint records.

    Args:
        teacher: From `load_network`.
        measured: What it reached.
        metric: Which score to compare.
        split: Where both were measured.
        tolerance: Greatest difference in percent points.

    Returns:
        One line to show.

    Raises:
        MdjaxError: No score is recorded, or the two differ by more than the tolerance.
    """
    recorded = teacher.scores.get(metric)
    if recorded is None:
        raise MdjaxError(
            f"{teacher.run_dir}: the teacher's checkpoint of step {teacher.step} records no "
            f"{metric}, so nobody can tell whether it was loaded rightly; finish its training "
            f"(mdjax resume {teacher.run_dir})."
        )
    if math.isnan(recorded):
        raise MdjaxError(
            f"{teacher.run_dir}: {metric} does not exist on the split {split!r}, where no object "
            "counts for it, so nobody can tell whether the teacher was loaded rightly; train the "
            "teacher with another task.main_metric, such as ap50."
        )
    line = (
        f"Teacher {teacher.run_dir}, step {teacher.step}: {metric} on {split} "
        f"{measured[metric]:.2f} %, recorded {recorded:.2f} %"
    )
    if not abs(measured[metric] - recorded) <= tolerance:
        raise MdjaxError(
            f"{line}. They differ by more than {tolerance} points: the teacher would not teach "
            "what it learned. Use the data set and the image size it was trained with "
            f"({teacher.config.dataset}, {teacher.config.pipeline.image_size_hw} rows and "
            "columns), or train a teacher for these."
        )
    return line


def _choose_split(teacher: LoadedNetwork, splits: Splits) -> SplitSource:
    """The split on which the teacher's checkpoint records its score."""
    # What was stored before splits were named was scored on the first one there was.
    name = teacher.scored_split or next(iter(splits.scored))
    available: dict[str, Any] = {"train": splits.train, "val": splits.val, "test": splits.test}
    split = available[name]
    if split is None:
        raise MdjaxError(
            f"{teacher.run_dir}: the teacher's checkpoint records its score on the split {name!r}, "
            f"which {splits.train.dataset_name} does not have, so nobody can tell whether it was "
            "loaded rightly; train the teacher on this data set."
        )
    return split
