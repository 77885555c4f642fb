"""Whatever fails after the last step, what was trained is saved, and the run can be finished."""

import errno
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mdjax.data.source import SplitSource
from mdjax.io.checkpoint import has_checkpoint, read_metadata
from mdjax.io.checkpoint_store import CheckpointStore
from mdjax.io.metrics_log import MetricsLog, read_metrics
from mdjax.io.run_directory import RunDirectory
from mdjax.runs import training
from mdjax.runs.loading import load_network
from mdjax.runs.scoring import evaluate_network
from mdjax.runs.splits import Splits
from mdjax.runs.training import train
from mdjax.train.loop import TIMINGS
from mdjax.types import IGNORED_LABEL, MdjaxError
from tests.conftest import SmallRuns
from tests.runs.small import run_quietly

METRIC = "mean_accuracy_9/all"


def ignore_every_pixel(split: SplitSource) -> SplitSource:
    """The same images, of whose labels none counts."""

    def ignore(record: Any) -> Any:
        labels_u8 = cv2.imdecode(np.frombuffer(record["labels"], np.uint8), cv2.IMREAD_UNCHANGED)
        ignored_u8 = np.full_like(labels_u8, IGNORED_LABEL)
        return {**record, "labels": cv2.imencode(".png", ignored_u8)[1].tobytes()}

    return replace(split, records=[ignore(split[i]) for i in range(len(split))])


def open_without_validation_labels(*arguments: Any) -> Splits:
    splits = training_open_splits(*arguments)
    assert splits.val is not None
    return replace(splits, val=ignore_every_pixel(splits.val))


training_open_splits = training.open_splits


def find_lines(lines: Sequence[str], part: str) -> list[str]:
    return [line for line in lines if part in line]


def test_split_in_which_nothing_counts_has_no_score_and_stops_nothing(
    small_runs: SmallRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the training of a teacher, nor its end, nor the distillation from it."""
    monkeypatch.setattr(training, "open_splits", open_without_validation_labels)
    config, run_dir = small_runs.configs["teacher"], tmp_path / "teacher"
    lines: list[str] = []
    result = train(config, run_dir, show=lines.append)
    (line,) = find_lines(lines, "no value")
    assert line.startswith(f"{METRIC} has no value on the split 'val': ")
    assert math.isnan(result.scores["val"][METRIC])
    assert result.scores["test"][METRIC] == small_runs.results["teacher"].scores["test"][METRIC]
    entries = read_metrics(run_dir / "metrics.jsonl")
    scores = [(x["step"], x[f"val/{METRIC}"]) for x in entries if f"val/{METRIC}" in x]
    assert scores == [(2, None), (4, None)]
    store = CheckpointStore(run_dir)
    assert read_metadata(store.last)["step"] == 4
    assert not has_checkpoint(store.best)  # What has no score is not the best.
    assert "no pixel is labelled" in (run_dir / "table.txt").read_text()
    run_quietly(config, run_dir, resume=True)

    train(
        replace(small_runs.configs["distilled"], teacher=run_dir),
        tmp_path / "distilled",
        show=lines.append,
    )
    (line,) = find_lines(lines, "Teacher ")
    assert "nothing counts on the split 'val'" in line


def fail_to_log_the_last_step(monkeypatch: pytest.MonkeyPatch) -> None:
    write = MetricsLog.write

    def fail(self: MetricsLog, step: int, metrics: Any) -> None:
        if step == 4:
            raise MdjaxError("metrics.jsonl: cannot be written: No space left on device")
        write(self, step, metrics)

    monkeypatch.setattr(MetricsLog, "write", fail)


def fail_to_score(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(training, "create_result", fail)


def fail_to_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise MdjaxError("inference: the disk is full")

    monkeypatch.setattr(CheckpointStore, "copy_last_to_inference", fail)


def fail_to_write_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(RunDirectory, "write_result", fail)


def train_a_step(state: Any, batch: Any) -> Any:
    raise AssertionError("nothing is to be trained")


FAILURES: list[tuple[Callable[[pytest.MonkeyPatch], None], str]] = [
    (fail_to_log_the_last_step, "No space left on device"),
    (fail_to_score, "a fault of ours"),
    (fail_to_copy, "the disk is full"),
    (fail_to_write_the_result, "No space left on device"),
]


def test_whatever_fails_after_the_last_step_the_state_is_saved(
    small_runs: SmallRuns, tmp_path: Path
) -> None:
    """One run that fails in four places in turn; each time it is resumed without a step."""
    config, expected = small_runs.configs["native"], small_runs.results["native"]
    for is_resumed, (fail, reason) in enumerate(FAILURES):
        with pytest.MonkeyPatch.context() as patch:
            fail(patch)
            with pytest.raises(MdjaxError) as error:
                run_quietly(config, tmp_path / "run", resume=bool(is_resumed))
        first, last = str(error.value).splitlines()
        assert reason in first
        assert "The training is done (4 steps) and its last state is saved" in last
        assert "--resume" in last
        assert not (tmp_path / "run" / "result.json").exists()
        # The message promises that it can be scored.
        scores = evaluate_network(load_network(tmp_path / "run")).to_metrics()
        assert scores[METRIC] == expected.scores["test"][METRIC]
    with pytest.MonkeyPatch.context() as patch:
        # Nothing is trained any more.
        patch.setattr(training, "make_distill_step", lambda *_, **__: train_a_step)
        result = run_quietly(config, tmp_path / "run", resume=True)
    np.testing.assert_equal(dict(result.scores), dict(expected.scores))
    ours, whole = (
        [
            {name: x for name, x in entry.items() if name not in TIMINGS}
            for entry in read_metrics(folder / "metrics.jsonl")
        ]
        for folder in (tmp_path / "run", small_runs.root / "native")
    )
    assert ours == whole
