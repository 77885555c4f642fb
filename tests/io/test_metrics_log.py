"""The log of a run and the progress display."""

import io
import json
import math
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pytest
import rich.text

from mdjax.io.metrics_log import MetricsLog, Progress, read_metrics, require_wandb
from mdjax.io.run_directory import RunDirectory
from mdjax.types import MdjaxError


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    directory = RunDirectory(tmp_path / "run")
    with directory.create({"seed": 0}):
        return directory


def _read_lines(run: RunDirectory) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.metrics_path.read_text().splitlines()]


def test_metrics_are_written_as_json_lines_and_events(run: RunDirectory) -> None:
    with MetricsLog(run) as log:
        log.write(1, {"train/loss": 0.5, "train/loss/segmentation": 0.25})
        assert _read_lines(run)[0]["step"] == 1, "each line is there at once"
        log.write(2, {"val/mean_iou/all": jnp.float32(0.75)})
    assert _read_lines(run) == [
        {"step": 1, "train/loss": 0.5, "train/loss/segmentation": 0.25},
        {"step": 2, "val/mean_iou/all": 0.75},
    ]
    (events,) = run.tensorboard_dir.iterdir()
    content = events.read_bytes()
    assert b"train/loss/segmentation" in content
    assert b"val/mean_iou/all" in content


def test_values_that_are_not_finite_are_null(run: RunDirectory) -> None:
    with MetricsLog(run) as log:
        log.write(1, {"a": math.nan, "b": math.inf, "c": 1.0})
    assert _read_lines(run) == [{"step": 1, "a": None, "b": None, "c": 1.0}]


def test_resumed_log_has_every_step_once(run: RunDirectory) -> None:
    with MetricsLog(run) as log:
        for step in (0, 2, 4, 6):
            log.write(step, {"train/loss": step / 2})
    with run.metrics_path.open("a") as stream:
        stream.write('{"step": 8, "train/lo')  # the process died here
    with MetricsLog(run, start_step=4) as log:
        log.write(4, {"train/loss": 9.0, "grad_norm/task": 1.0})
        log.write(4, {"train/loss": 9.0})
        log.write(6, {"train/loss": 9.0})
    assert _read_lines(run) == [
        {"step": 0, "train/loss": 0.0},
        {"step": 2, "train/loss": 1.0},
        {"step": 4, "train/loss": 2.0},
        {"step": 4, "grad_norm/task": 1.0},
        {"step": 6, "train/loss": 9.0},
    ]
    assert read_metrics(run.metrics_path) == _read_lines(run)


def test_damaged_line_in_the_middle_is_named(run: RunDirectory) -> None:
    run.metrics_path.write_text('{"step": 1}\n{"st\n{"step": 3}\n')
    with pytest.raises(MdjaxError, match=r"metrics\.jsonl: line 2 is damaged"):
        MetricsLog(run)


@pytest.mark.parametrize(
    "line",
    [
        b"[1, 2]",
        b'"text"',
        b'{"train/loss": 1.0}',
        b'{"step": "1"}',
        b'{"step": 1, "train/loss": "low"}',
        b'{"step": 1, "train/loss": NaN}',
        b'{"step": 0, "step": 1}',
        b'{"step": 0}',
        b'{"step": 1, "train/l\xffss": 1.0}',
    ],
)
def test_line_that_is_no_entry_is_named(run: RunDirectory, line: bytes) -> None:
    run.metrics_path.write_bytes(b'{"step": 1}\n' + line + b'\n{"step": 2}\n')
    with pytest.raises(MdjaxError, match=r"metrics\.jsonl: line 2 is damaged.*delete this line"):
        MetricsLog(run, start_step=2)
    lines = run.metrics_path.read_bytes().splitlines(keepends=True)
    run.metrics_path.write_bytes(lines[0] + lines[2])
    MetricsLog(run, start_step=2).close()
    assert read_metrics(run.metrics_path) == [{"step": 1}, {"step": 2}]
    # Only what a killed process has begun is omitted: it has no end of line.
    run.metrics_path.write_bytes(b'{"step": 1}\n' + line)
    assert read_metrics(run.metrics_path) == [{"step": 1}]


def test_unwritable_log_is_named(run: RunDirectory) -> None:
    run.metrics_path.mkdir()
    with pytest.raises(MdjaxError, match=r"metrics\.jsonl"):
        MetricsLog(run)


def test_missing_wandb_is_explained(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    for ask in (require_wandb, lambda: MetricsLog(run, use_wandb=True)):
        with pytest.raises(MdjaxError, match=r"pip install 'mdjax\[wandb\]'"):
            ask()
    assert not run.metrics_path.exists()


def test_wandb_gets_the_same_names_and_one_id(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    inits: list[dict[str, Any]] = []
    logged: list[tuple[int, dict[str, float]]] = []
    wandb_run = types.SimpleNamespace(
        log=lambda values, step: logged.append((step, values)), finish=lambda: None
    )

    def init(**arguments: Any) -> Any:
        inits.append(arguments)
        return wandb_run

    fake: Any = types.ModuleType("wandb")
    fake.init = init
    fake.util = types.SimpleNamespace(generate_id=lambda: f"id{len(inits)}")
    monkeypatch.setitem(sys.modules, "wandb", fake)
    for start_step in (0, 1):
        with MetricsLog(run, start_step=start_step, use_wandb=True) as log:
            log.write(start_step + 1, {"train/loss": 0.5})
    assert logged == [(1, {"train/loss": 0.5}), (2, {"train/loss": 0.5})]
    assert [arguments["id"] for arguments in inits] == ["id0", "id0"]
    assert inits[1]["resume"] == "allow"
    assert inits[1]["config"] == {"seed": 0}


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _run_progress(stream: io.StringIO, seconds_per_step: Callable[[int], float]) -> str:
    clock = _Clock()
    with Progress(num_steps=40, batch_size=8, stream=stream, clock=clock) as progress:
        for step in range(1, 41):
            clock.now += seconds_per_step(step)
            progress.update(step, 1.0 / step)
    return stream.getvalue()


def test_plain_progress_writes_lines_at_intervals() -> None:
    """One step takes 1 s, but 20 s for the first, which compiles; a line every 15 s.

    Lines appear after steps 1 (20 s), 16, 31 and the last, 40. After step 16 the 15 steps since the
    first took 15 s: 1 step/s, 8 images/s, 24 s left.
    """
    lines = _run_progress(io.StringIO(), lambda step: 20.0 if step == 1 else 1.0).splitlines()
    assert lines == [
        "step 1/40 (2 %), loss 1",
        "step 16/40 (40 %), loss 0.0625, 1.00 steps/s, 8.0 images/s, 0:00:24 left",
        "step 31/40 (77 %), loss 0.03226, 1.00 steps/s, 8.0 images/s, 0:00:09 left",
        "step 40/40 (100 %), loss 0.025, 1.00 steps/s, 8.0 images/s, 0:00:00 left",
    ]


def test_rate_follows_the_last_half_minute() -> None:
    """0.5 s a step at first, 2 s from step 21 on: after 40 steps only the slow ones count."""
    text = _run_progress(io.StringIO(), lambda step: 0.5 if step <= 20 else 2.0)
    assert ", 0.50 steps/s, 4.0 images/s, 0:00:00 left" in text.splitlines()[-1]


def test_terminal_shows_one_bar_that_ends_at_the_last_step() -> None:
    shown = _run_progress(_Terminal(), lambda _: 1.0)
    last_line = rich.text.Text.from_ansi(shown).plain.rstrip().splitlines()[-1]
    assert "step 40/40 (100 %), loss 0.025" in last_line


def test_progress_writes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(num_steps=2, batch_size=1) as progress:
        progress.update(1, 0.5)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "step 1/2 (50 %), loss 0.5\n"


def test_progress_without_a_step_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(num_steps=2, batch_size=1):
        pass
    assert capsys.readouterr().err == ""
