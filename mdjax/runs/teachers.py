"""Teachers from run directories, and the check of each against its recorded score."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from jax.sharding import Mesh

from mdjax.data.source import SplitSource
from mdjax.models.config import NetworkConfig
from mdjax.runs.config import MAIN_TEACHER, DistillConfig
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
    teachers = {name: load_network(path) for name, path in config.sources.items()}
    for name, teacher in teachers.items():
        try:
            check_class_names(teacher, splits.train)
        except MdjaxError as error:
            theirs, ours = type(teacher.config.task), type(config.task)
            if theirs is not ours:
                raise MdjaxError(
                    f"{name}: {teacher.run_dir} was trained with another task ({theirs.__name__}) "
                    f"than the student is ({ours.__name__}), and {splits.train.dataset_name} has "
                    "no annotations for it. Give a teacher of the student's task."
                ) from error
            raise MdjaxError(
                f"{name}: {teacher.run_dir} does not fit the student's data: {error} Or give a "
                "teacher that was trained on them."
            ) from error
        if teacher.config.folds != config.folds:
            raise MdjaxError(
                f"{name}: {teacher.run_dir} was trained with folds {teacher.config.folds}, the "
                f"student would use {config.folds}: the teacher has seen the student's test "
                "images. Train a teacher for each fold."
            )
    return teachers


def freeze(teachers: Mapping[str, LoadedNetwork], mesh: Mesh) -> dict[str, Teacher]:
    """Put the teachers on the devices, in the form that a step takes."""
    return {
        name: Teacher(
            teacher.network, replicate(dict(teacher.variables), mesh), teacher.select_inputs
        )
        for name, teacher in teachers.items()
    }


def _describe(network: NetworkConfig | type[NetworkConfig]) -> str:
    """Say what a network sees."""
    images = ["the visible image"] if network.sees_visible else []
    if network.sees_thermal:
        kind = "full-resolution" if network.sees_full_thermal else "cheap"
        images.append(f"the {kind} thermal image")
    return " and ".join(images) + (" alone" if len(images) == 1 else "")


def check_teachers(
    teachers: Mapping[str, LoadedNetwork],
    frozen: Mapping[str, Teacher],
    config: DistillConfig,
    splits: Splits,
    mesh: Mesh,
    show: Callable[[str], None],
) -> None:
    """Score every teacher on the student's data set, before step 0.

    Each gets its inputs from the student's pipeline, and is scored by its own task.

    Raises:
        MdjaxError: A teacher does not reach the score recorded in its checkpoint.
    """
    for name, teacher in teachers.items():
        expected = config.method.teacher_network
        if name == MAIN_TEACHER and not isinstance(teacher.config.network, expected):
            show(
                f"Warning: teacher {teacher.run_dir} sees {_describe(teacher.config.network)}; "
                f"this method is meant to learn from a network that sees {_describe(expected)}."
            )
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
        measured = score(frozen[name].variables, split)
        tolerance = config.teacher_score_tolerance
        show(check_teacher_scores(teacher, measured.to_metrics(), split.split, tolerance))


def check_teacher_scores(
    teacher: LoadedNetwork, measured: Mapping[str, float], split: str, tolerance: float
) -> str:
    """Compare a teacher's measured score with the one recorded in its checkpoint.

    This is the main metric of its task, or the first score with a value if that one has none: there
    may be no person that counts for the miss rate, but some that count for AP.

    Args:
        teacher: From `load_network`.
        measured: Its measured scores.
        split: Split of both scores.
        tolerance: Greatest difference in percentage points.

    Returns:
        One line to show.

    Raises:
        MdjaxError: No score is recorded, or the two differ by more than the tolerance.
    """
    main_metric = teacher.config.task.get_main_metric(teacher.class_names)
    if main_metric not in teacher.scores:
        raise MdjaxError(
            f"{teacher.run_dir}: the teacher's checkpoint of step {teacher.step} records no "
            f"{main_metric}, so it cannot be verified that it was loaded correctly; finish its "
            f"training (mdjax resume {teacher.run_dir})."
        )
    head = f"Teacher {teacher.run_dir}, step {teacher.step}:"
    has_value = [name for name, score in teacher.scores.items() if not math.isnan(score)]
    comparable = [name for name in (main_metric, *has_value) if name in has_value]
    # Counts, as that of classes, are no scores: they hold for any network.
    comparable = [name for name in comparable if not name.startswith("num_") and name in measured]
    if not comparable:
        return (
            f"{head} nothing counts on the split {split!r}, so its checkpoint records no score to "
            "compare with; it is used without this check."
        )
    metric = comparable[0]
    recorded = teacher.scores[metric]
    line = f"{head} {metric} on {split} {measured[metric]:.2f} %, recorded {recorded:.2f} %"
    if not abs(measured[metric] - recorded) <= tolerance:
        height, width = teacher.config.pipeline.image_size_hw
        raise MdjaxError(
            f"{line}. They differ by more than {tolerance} points: the teacher does not perform "
            f"as recorded. Use the data set and the image size that it was trained with "
            f"(--dataset {teacher.config.dataset} --pipeline.image-size-hw {height} {width}), or "
            "train a teacher for these."
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
            f"which {splits.train.dataset_name} does not have, so it cannot be verified that it "
            "was loaded correctly; train the teacher on this data set."
        )
    return split
