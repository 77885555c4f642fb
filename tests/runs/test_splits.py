"""A split that is not there is not another one: what trains, what is called best, what is said."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_builders.rgbt_folder import PrepareRgbtFolder
from mdjax.data.folds import Folds
from mdjax.io.checkpoint import has_checkpoint, read_metadata
from mdjax.io.checkpoint_store import CheckpointStore
from mdjax.io.metrics_log import read_metrics
from mdjax.runs.loading import load_network
from mdjax.runs.results import RunResult, read_result
from mdjax.runs.scoring import evaluate_network
from mdjax.runs.splits import open_splits
from mdjax.runs.training import train
from mdjax.types import MdjaxError
from tests.conftest import SmallRuns
from tests.data.factories import encode_png
from tests.data_builders.raw_pairs import write, write_rgbt
from tests.runs.small import run_quietly, shrink_preset

pytestmark = pytest.mark.slow

SPLITS = {"train": ("a", "b", "c", "d"), "val": ("e",), "test": ("f",)}


def prepare(folder: Path, splits: tuple[str, ...]) -> Any:
    """Four labelled pairs to train on, and one for each other split."""
    names = {split: SPLITS[split] for split in splits}
    raw_dir = write_rgbt(folder / "raw", names)
    # As many classes and steps as `small_runs`, whose programs are compiled by then.
    write(raw_dir / "classes.txt", "\n".join(f"class{i}" for i in range(9)))
    labels = np.arange(12 * 16, dtype=np.uint8).reshape(12, 16) % 2
    for name in [name for split_names in names.values() for name in split_names]:
        write(raw_dir / "masks" / f"{name}.png", encode_png(labels))
    summary = PrepareRgbtFolder(raw_dir, data_dir=folder / "data").prepare()
    return shrink_preset("synthetic-teacher", dataset=summary.dataset, data_dir=folder / "data")


def run(config: Any, run_dir: Path) -> tuple[RunResult, str]:
    lines: list[str] = []
    return train(config, run_dir, show=lines.append), "\n".join(lines)


def get_scored_splits(run_dir: Path) -> set[str]:
    """Splits with a score in the log."""
    entries = read_metrics(run_dir / "metrics.jsonl")
    return {key.split("/")[0] for entry in entries for key in entry if "mean_iou" in key}


def get_scored_steps(run_dir: Path, split: str) -> list[int]:
    entries = read_metrics(run_dir / "metrics.jsonl")
    return [x["step"] for x in entries if any(key.startswith(f"{split}/mean_iou") for key in x)]


@pytest.mark.parametrize(
    ("splits", "scored_split"),
    [(("train", "val"), "val"), (("train", "test"), "test"), (("train",), "train")],
)
def test_what_is_there_trains_and_nothing_else_is_called_so(
    splits: tuple[str, ...], scored_split: str, tmp_path: Path
) -> None:
    config = prepare(tmp_path, splits)
    run_dir = tmp_path / "run"
    result, said = run(config, run_dir)
    assert set(result.scores) == get_scored_splits(run_dir) == {scored_split}
    assert result.missing_splits == tuple(x for x in ("val", "test") if x not in splits)
    for name in result.missing_splits:
        assert f"has no split '{name}'" in said
        assert f"{name}: {result.dataset} has no such split." in result.format_table()
    store = CheckpointStore(run_dir)
    assert has_checkpoint(store.best) == ("val" in splits)
    assert read_metadata(store.last)["scored_split"] == scored_split
    # Without "val" nothing is scored before the end.
    assert get_scored_steps(run_dir, scored_split) == ([2, 4] if "val" in splits else [4])
    read = read_result(run_dir)
    assert read is not None
    assert read.missing_splits == result.missing_splits


def test_teacher_is_checked_on_the_split_that_its_checkpoint_names(tmp_path: Path) -> None:
    config = prepare(tmp_path, ("train", "test"))
    run(config, tmp_path / "teacher")
    student = shrink_preset(
        "synthetic-md",
        dataset=config.dataset,
        data_dir=config.data_dir,
        teacher=tmp_path / "teacher",
    )
    _, said = run(student, tmp_path / "student")
    assert "all on test " in said


def test_all_three_are_opened_by_their_names(tmp_path: Path) -> None:
    config = prepare(tmp_path, ("train", "val", "test"))
    splits = open_splits(config.dataset, config.data_dir, config.folds)
    assert {name: split.split for name, split in splits.scored.items()} == {
        "val": "val",
        "test": "test",
    }
    assert splits.missing == ()


def test_data_without_pairs_to_train_on_are_refused(tmp_path: Path) -> None:
    config = prepare(tmp_path, ("test",))
    with pytest.raises(MdjaxError, match="has no split 'train'"):
        run(config, tmp_path / "run")


# -- Folds ---------------------------------------------------------------------------------------


def test_folds_are_trained_on_scored_and_kept_apart(small_runs: SmallRuns, tmp_path: Path) -> None:
    """28 pairs in 4 folds: 21 to train on, 7 to test; a teacher of another fold has seen those."""
    config = small_runs.configs["teacher"]
    folded = replace(config, folds=Folds(4, 1))
    splits = open_splits(config.dataset, config.data_dir, folded.folds)
    assert splits.test is not None
    assert (len(splits.train), splits.val, len(splits.test)) == (21, None, 7)
    result = run_quietly(folded, tmp_path / "teacher")
    assert list(result.scores) == ["test"]
    evaluation = evaluate_network(load_network(tmp_path / "teacher"))
    np.testing.assert_equal(evaluation.to_metrics(), dict(result.scores["test"]))
    with pytest.raises(MdjaxError, match="in folds has no split 'val'"):
        evaluate_network(load_network(tmp_path / "teacher"), split="val")
    student = replace(small_runs.configs["distilled"], teacher=tmp_path / "teacher")
    with pytest.raises(MdjaxError, match="teacher has seen the student's test images"):
        run_quietly(replace(student, folds=Folds(4, 2)), tmp_path / "student")
