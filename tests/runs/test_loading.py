"""Networks are loaded as they were trained, and a teacher that is not fit to teach is refused."""

import math
import shutil
from dataclasses import replace
from pathlib import Path

import jax
import jaxtyping
import numpy as np
import pytest

from data_builders.mfnet import PrepareMfnet
from mdjax.io.checkpoint import change_metadata, read_metadata, restore_variables, save_variables
from mdjax.runs import teachers
from mdjax.runs.loading import load_network
from mdjax.runs.splits import open_splits
from mdjax.runs.teachers import check_teacher_scores
from mdjax.tasks.detection import DetectionTask
from mdjax.types import MdjaxError
from tests.conftest import SmallRuns
from tests.data.factories import write_raw_mfnet
from tests.runs.small import assert_refused


def copy_teacher(small_runs: SmallRuns, folder: Path) -> Path:
    return Path(shutil.copytree(small_runs.root / "teacher", folder / "teacher"))


def test_range_of_counts_is_loaded(small_runs: SmallRuns, tmp_path: Path) -> None:
    """Of a training on thermal images of 16 bits; older runs tell none."""
    run_dir = copy_teacher(small_runs, tmp_path)
    assert load_network(run_dir).thermal_range_counts is None
    path = run_dir / "checkpoints" / "last"
    change_metadata(path, {"thermal_range_counts": [7000, 9000], "view": "cut to 24x16"})
    assert load_network(run_dir).thermal_range_counts == (7000, 9000)
    assert load_network(run_dir).training_view == "cut to 24x16"


def test_path_that_is_no_run_is_told_what_it_is(small_runs: SmallRuns, tmp_path: Path) -> None:
    with pytest.raises(
        MdjaxError, match=r"is a folder of runs; give one of them, such as .*distil"
    ):
        load_network(small_runs.root)
    with pytest.raises(MdjaxError, match=r"is no run directory, and there is none below it"):
        load_network(tmp_path)
    run_dir = copy_teacher(small_runs, tmp_path)
    shutil.rmtree(run_dir / "checkpoints" / "best")
    with pytest.raises(MdjaxError, match=r"no checkpoint 'best', only last, inference; give"):
        load_network(run_dir, "best")
    shutil.rmtree(run_dir / "checkpoints")
    with pytest.raises(MdjaxError, match=r"its checkpoints are missing, though it has finished"):
        load_network(run_dir)
    (run_dir / "result.json").unlink()
    with pytest.raises(
        MdjaxError, match=r"has saved no checkpoint; continue it with `mdjax resume"
    ):
        load_network(run_dir)


# -- The teacher, before step 0 ---------------------------------------------------------------


def test_teacher_with_tampered_weights_is_refused(small_runs: SmallRuns, tmp_path: Path) -> None:
    teacher = copy_teacher(small_runs, tmp_path)
    path = teacher / "checkpoints" / "last"
    variables, metadata = restore_variables(path), read_metadata(path)
    rng = np.random.default_rng(0)
    variables["params"] = jax.tree.map(
        lambda x: x + rng.normal(0.0, 0.5, x.shape).astype(x.dtype), variables["params"]
    )
    save_variables(path, variables, metadata)
    assert_refused(
        replace(small_runs.configs["distilled"], teacher=teacher),
        tmp_path / "run",
        r"all on val \d+\.\d\d %, recorded \d+\.\d\d %\. They differ by more than 0\.1 points",
    )


def test_teacher_of_another_image_size_is_refused(small_runs: SmallRuns, tmp_path: Path) -> None:
    config = small_runs.configs["distilled"]
    assert_refused(
        replace(config, pipeline=replace(config.pipeline, image_size_hw=(48, 64))),
        tmp_path / "run",
        r"\d+\.\d\d %, recorded \d+\.\d\d %.*--pipeline\.image-size-hw 32 48\)",
    )


def test_teacher_without_a_recorded_score_is_refused(small_runs: SmallRuns, tmp_path: Path) -> None:
    """As after an interruption between two evaluations."""
    teacher = copy_teacher(small_runs, tmp_path)
    path = teacher / "checkpoints" / "last"
    metadata = read_metadata(path) | {"scores": {}, "step": 3}
    save_variables(path, restore_variables(path), metadata)
    assert_refused(
        replace(small_runs.configs["distilled"], teacher=teacher),
        tmp_path / "run",
        r"step 3 records no mean_accuracy_9/all.*finish its training",
    )


def test_teacher_without_its_main_score_is_compared_by_another(small_runs: SmallRuns) -> None:
    """As by AP where no person is of a size that counts for the miss rate."""
    teacher = load_network(small_runs.root / "teacher")
    scores = {"num_classes/all": 5.0, **teacher.scores, "mean_accuracy_9/all": math.nan}
    without = replace(teacher, scores=scores)
    line = check_teacher_scores(without, teacher.scores, "val", 0.1)
    assert "mean_accuracy_9/day on val" in line
    measured = {name: x + 1 for name, x in teacher.scores.items()}
    with pytest.raises(MdjaxError, match="differ by more than"):
        check_teacher_scores(without, measured, "val", 0.1)


def test_teacher_of_another_width_is_refused(
    small_runs: SmallRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A user has no shape checks, which would speak first.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    config = small_runs.configs["distilled"]
    backbone = replace(config.network.backbone, width=0.125)
    assert_refused(
        replace(config, network=replace(config.network, backbone=backbone)),
        tmp_path / "run",
        r"does not fit the student: their features.*16\) \(teacher\).*32\) \(student\)",
    )


def test_teacher_without_a_mask_is_refused(small_runs: SmallRuns, tmp_path: Path) -> None:
    assert_refused(
        replace(small_runs.configs["distilled"], teacher=small_runs.root / "native"),
        tmp_path / "run",
        r"attention masks, but the teacher has none",
    )


def test_missing_teacher_is_refused(small_runs: SmallRuns, tmp_path: Path) -> None:
    assert_refused(
        replace(small_runs.configs["distilled"], teacher=tmp_path / "nobody"),
        tmp_path / "run",
        r"nobody: there is no such run directory; `mdjax runs .*` lists those there",
    )


def test_teacher_of_another_task_needs_its_annotations(
    small_runs: SmallRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A data set of label maps alone cannot score a detector."""
    config = small_runs.configs["distilled"]
    detector = load_network(small_runs.root / "teacher")
    detector = replace(detector, config=replace(detector.config, task=DetectionTask()))
    monkeypatch.setattr(teachers, "load_network", lambda path: detector)
    raw_dir = write_raw_mfnet(tmp_path / "raw")
    PrepareMfnet(raw_dir, tmp_path / "data").prepare()
    splits = open_splits("mfnet", tmp_path / "data", config.folds)
    with pytest.raises(MdjaxError, match=r"another task \(Det.*has no annotations"):
        teachers.load_teachers(config, splits)
