"""The directory of one run: everything that is known about it, in one place.

<run>/config.json       the resolved configuration
      provenance.json   which data and which teachers, by their content
      metrics.jsonl     one line per log entry, see `metrics_log.py`
      tensorboard/      the same for TensorBoard
      checkpoints/      see `checkpoint.py`
      result.json       final scores, when the run has ended
      table.txt         the same to read
"""

import contextlib
import datetime
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from mdjax.io.json_file import read_json, read_json_object, seal, write_json, write_text
from mdjax.io.write_failure import explain_write_failure, make_folder
from mdjax.types import MdjaxError

_LOCK_NAME = ".lock"
_HOLDER_NAME = ".holder.json"

# A folder with two of them holds a run, or what is left of one.
_TRACES = (
    *("config.json", "provenance.json", "metrics.jsonl", "result.json"),
    *("checkpoints", _LOCK_NAME),
)


def find_run_dirs(folder: Path) -> Iterator[Path]:
    """Find the run directories in a folder and below it, in the order of their paths."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if sum(name in _TRACES for name in (*folders, *files)) >= 2:
            folders.clear()  # Runs do not lie in runs.
            yield Path(place)


@dataclass(frozen=True)
class RunDirectory:
    """Paths of a run, and the lock that keeps it from being run twice at once."""

    path: Path

    @contextlib.contextmanager
    def create(self, config: Mapping[str, Any]) -> Iterator[None]:
        """Make the directory of a new run, write its configuration, and hold its lock.

        Args:
            config: Resolved configuration, as JSON can hold it.

        Raises:
            MdjaxError: Something is there already, or it cannot be written.
        """
        self.require_unused()
        make_folder(self.path)
        with self._lock():
            self._require_empty()  # Another process may have been quicker.
            write_json(self.config_path, config)
            yield

    @contextlib.contextmanager
    def reopen(self) -> Iterator[None]:
        """Hold the lock of a run that is to be resumed.

        Raises:
            MdjaxError: There is no run, or another process is at it.
        """
        self.require_run()
        with self._lock():
            yield

    def require_run(self) -> None:
        """Check that a run began here.

        Raises:
            MdjaxError: There is none.
        """
        if not self.config_path.is_file():
            is_free = not self.path.exists() or not self._list_used()
            place = "" if is_free else ", in another folder"
            raise MdjaxError(
                f"{self.path}: no run to resume here ({self.config_path.name} is missing). To "
                f"start one{place}, use mdjax train or mdjax distill without --resume."
            )

    def require_unused(self, *, is_trained: bool = True) -> None:
        """Check that a new run may go here, and change nothing.

        Args:
            is_trained: False for a run in which nothing is trained, which cannot be resumed.

        Raises:
            MdjaxError: Something is there already, or a process is at work on it.
        """
        self.require_idle()
        self._require_empty(is_trained=is_trained)

    def _list_used(self) -> list[str]:
        try:
            names = sorted(item.name for item in self.path.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise MdjaxError(
                f"{self.path}: cannot be used: {error.strerror or error}. Give another folder."
            ) from error
        return [name for name in names if not name.startswith(".")]

    def _require_empty(self, *, is_trained: bool = True) -> None:
        used = self._list_used()
        if used:
            if not self.config_path.exists():
                raise MdjaxError(
                    f"{self.path}: holds {', '.join(used[:3])} already. Give another folder."
                )
            remedy = f"Continue a training with mdjax resume {self.path}, or give"
            raise MdjaxError(
                f"{self.path}: already holds a run. {remedy if is_trained else 'Give'} another "
                "folder."
            )

    def require_idle(self) -> None:
        """Check that no process is working on this run, and change nothing.

        Raises:
            MdjaxError: One is; the message names it.
        """
        if (self.path / _LOCK_NAME).exists():
            with self._hold_lock():
                pass

    def is_held(self) -> bool:
        """Say whether a process is working on this run, and change nothing."""
        try:
            with filelock.FileLock(self.path / _LOCK_NAME, blocking=False):
                return False
        except filelock.Timeout:
            return True
        except OSError:  # Nobody can be at a run that cannot be written.
            return False

    @property
    def config_path(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.json"

    @property
    def provenance_path(self) -> Path:
        """Which data and which teachers the run was made with, by their content."""
        return self.path / "provenance.json"

    @property
    def metrics_path(self) -> Path:
        """Metrics, one JSON object per line."""
        return self.path / "metrics.jsonl"

    @property
    def tensorboard_dir(self) -> Path:
        """Event files for TensorBoard."""
        return self.path / "tensorboard"

    @property
    def result_path(self) -> Path:
        """Final scores; only a run that has ended has them."""
        return self.path / "result.json"

    @property
    def table_path(self) -> Path:
        """Final scores to read."""
        return self.path / "table.txt"

    def read_config(self) -> dict[str, Any]:
        """Read the configuration that the run began with.

        Raises:
            MdjaxError: It is missing or damaged.
        """
        return read_json_object(
            self.config_path,
            remedy="Restore the value of `config` in checkpoints/last/metadata.json.",
        )

    def write_result(self, result: Mapping[str, Any], table: str) -> None:
        """Write the final scores for programs and for people."""
        write_text(self.table_path, table.rstrip("\n") + "\n")
        write_json(self.result_path, seal(result))

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """Hold the run and say who does."""
        holder = self.path / _HOLDER_NAME
        with self._hold_lock():
            try:
                write_json(holder, _describe_this_process())
                yield
            finally:
                holder.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _hold_lock(self) -> Iterator[None]:
        """Hold the run; the system frees it when the process ends, however it ends."""
        lock = filelock.FileLock(self.path / _LOCK_NAME)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            raise MdjaxError(
                f"{self.path}: {_describe_holder(self.path / _HOLDER_NAME)} is working on this "
                "run; wait until it has ended, or stop it."
            ) from None
        except OSError as error:
            reason = explain_write_failure(self.path, error)
            raise MdjaxError(f"{self.path}: cannot be written: {reason}") from error
        try:
            yield
        finally:
            lock.release()


def _describe_this_process() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": " ".join(sys.argv),
    }


def _describe_holder(path: Path) -> str:
    try:
        holder = read_json(path)
        return (
            f"process {holder['pid']} on {holder['host']} (since {holder['since']}: "
            f"{holder['command']})"
        )
    except (MdjaxError, KeyError, TypeError):  # It has only just begun, or is about to end.
        return "another process"
