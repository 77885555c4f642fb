"""Metrics of a run, to files and to the person who waits.

A metric has one name everywhere: `train/loss`, `val/mean_accuracy_9/all`.
"""

import collections
import datetime
import io
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import rich.console
import rich.progress
import tensorboardX

from mdjax.io.json_file import format_json, parse_json, write_text
from mdjax.io.run_directory import RunDirectory
from mdjax.io.write_failure import explain_write_failure
from mdjax.types import Array, MdjaxError

PLAIN_INTERVAL_S = 15.0
RATE_WINDOW_S = 30.0


class MetricsLog:
    """Writes metrics as JSON lines and for TensorBoard, and to Weights & Biases where asked to.

    A line of `metrics.jsonl` is `{"step": 50, "train/loss": 0.7, ...}`, where `step` steps are
    done; a value that is not finite is null there. A run that is resumed after step n loses what
    was logged after n, as it will be logged again: no step is there twice.
    """

    def __init__(
        self, directory: RunDirectory, *, start_step: int = 0, use_wandb: bool = False
    ) -> None:
        """Open the log of a run.

        Args:
            directory: Where the run lives.
            start_step: Step of the state that the run begins with.
            use_wandb: Also log to Weights & Biases.

        Raises:
            MdjaxError: The log cannot be written, or wandb is asked for and not installed.
        """
        self._wandb_run = _start_wandb(directory) if use_wandb else None
        self._path = directory.metrics_path
        self._start_step = start_step
        self._names_at_start = _drop_lines_after(self._path, start_step)
        try:
            self._stream = self._path.open("a", encoding="utf-8")
            self._events = tensorboardX.SummaryWriter(
                str(directory.tensorboard_dir), purge_step=start_step + 1 if start_step else None
            )
        except OSError as error:
            raise MdjaxError(f"{directory.path}: the log cannot be opened: {error}") from error

    def write(self, step: int, metrics: Mapping[str, float | Array]) -> None:
        """Record metrics after `step` steps.

        Raises:
            MdjaxError: The file cannot be written, for instance on a full disk.
        """
        values = {
            name: float(value)
            for name, value in metrics.items()
            # What a resumed run measures once more before its first step is there already.
            if step != self._start_step or name not in self._names_at_start
        }
        if not values:
            return
        try:
            self._stream.write(format_json({"step": step, **values}) + "\n")
            self._stream.flush()
            for name, value in values.items():
                if math.isfinite(value):
                    self._events.add_scalar(name, value, step)
        except OSError as error:
            reason = explain_write_failure(self._path, error)
            raise MdjaxError(f"{self._path}: cannot be written: {reason}") from error
        if self._wandb_run is not None:
            self._wandb_run.log(values, step=step)

    def close(self) -> None:
        """Close all files."""
        self._stream.close()
        self._events.close()
        if self._wandb_run is not None:
            self._wandb_run.finish()

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Read the lines of a `metrics.jsonl`; a last line that was truncated is omitted.

    Raises:
        MdjaxError: The file cannot be read, or a line before the last is damaged.
    """
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise MdjaxError(f"{path}: cannot be read: {error.strerror or error}") from error
    entries: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        try:
            entry = parse_json(line.decode())
            _check_entry(entry, entries)
        except (ValueError, RecursionError) as error:
            if number == len(lines) and not line.endswith(b"\n"):
                break  # A process that was killed wrote no more of it.
            raise MdjaxError(
                f"{path}: line {number} is damaged ({error}); delete this line."
            ) from error
        entries.append(entry)
    return entries


def _check_entry(entry: Any, before: Sequence[Mapping[str, Any]]) -> None:
    if not isinstance(entry, dict) or type(entry.get("step")) is not int:
        raise ValueError("has no step")
    if bad := [name for name, x in entry.items() if type(x) not in (int, float, type(None))]:
        raise ValueError(f"{bad[0]} is not a number")
    if before and entry["step"] < before[-1]["step"]:
        raise ValueError(f"step {entry['step']} comes after step {before[-1]['step']}")


def require_wandb() -> Any:
    """Import Weights & Biases; call it early, before a run creates anything.

    Raises:
        MdjaxError: It is not installed.
    """
    try:
        import wandb  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MdjaxError(
            "Logging to Weights & Biases needs the package wandb: pip install 'mdjax[wandb]', or "
            "omit the option wandb."
        ) from error
    return wandb


def _start_wandb(directory: RunDirectory) -> Any:
    wandb = require_wandb()
    # The id ties a resumed run to its first part.
    id_path = directory.path / "wandb_id.txt"
    if not id_path.exists():
        write_text(id_path, wandb.util.generate_id())
    return wandb.init(
        project="mdjax",
        name=directory.path.name,
        id=id_path.read_text(encoding="utf-8"),
        resume="allow",
        dir=str(directory.path),
        config=directory.read_config(),
    )


def _drop_lines_after(path: Path, step: int) -> set[str]:
    """Rewrite the log without later lines; return the names that are logged at `step`."""
    if not path.exists():
        return set()
    kept = [entry for entry in read_metrics(path) if entry["step"] <= step]
    write_text(path, "".join(format_json(entry) + "\n" for entry in kept))
    return {name for entry in kept if entry["step"] == step for name in entry}


class Progress:
    """Shows steps, loss, rate and time left: a bar on a terminal, now and then a line elsewhere.

    It writes to stderr, so that stdout can carry results. The rate is that of the last half minute,
    so it soon excludes compilation.
    """

    def __init__(
        self,
        *,
        num_steps: int,
        batch_size: int,
        start_step: int = 0,
        stream: io.TextIOBase | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin to show a training.

        Args:
            num_steps: Steps of the whole training.
            batch_size: Images of a step, for the rate.
            start_step: Steps that are done already.
            stream: Where to write, stderr by default.
            clock: Seconds from any origin.
        """
        self._num_steps = num_steps
        self._batch_size = batch_size
        self._stream: Any = sys.stderr if stream is None else stream
        self._clock = clock
        self._times: collections.deque[tuple[float, int]] = collections.deque()
        self._status = ""
        self._shown_status = ""
        self._shown_time = clock()
        self._bar: rich.progress.Progress | None = None
        if self._stream.isatty():
            self._bar = rich.progress.Progress(
                rich.progress.BarColumn(bar_width=20),
                rich.progress.TextColumn("{task.description}", markup=False),
                console=rich.console.Console(file=self._stream),
                refresh_per_second=2,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._task = self._bar.add_task("starting", total=num_steps, completed=start_step)
            self._bar.start()

    def update(self, step: int, loss: float) -> None:
        """Show that `step` steps are done, the last one with this loss."""
        now = self._clock()
        self._times.append((now, step))
        while len(self._times) > 2 and now - self._times[0][0] > RATE_WINDOW_S:
            self._times.popleft()
        self._status = self._format(step, loss)
        if self._bar is not None:
            self._bar.update(self._task, completed=step, description=self._status)
        elif now - self._shown_time >= PLAIN_INTERVAL_S:
            self._print_status(now)

    def close(self) -> None:
        """End the display with the last step that was reported."""
        if self._bar is not None:
            self._bar.stop()
        elif self._status != self._shown_status:
            self._print_status(self._clock())

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _print_status(self, now: float) -> None:
        print(self._status, file=self._stream, flush=True)
        self._shown_status, self._shown_time = self._status, now

    def _format(self, step: int, loss: float) -> str:
        text = f"step {step}/{self._num_steps} ({100 * step // self._num_steps} %), loss {loss:.4g}"
        (first_time, first_step), (last_time, last_step) = self._times[0], self._times[-1]
        if last_time <= first_time or last_step <= first_step:
            return text
        rate = (last_step - first_step) / (last_time - first_time)
        left = datetime.timedelta(seconds=round((self._num_steps - step) / rate))
        images = rate * self._batch_size
        return f"{text}, {rate:.2f} steps/s, {images:.1f} images/s, {left} left"
