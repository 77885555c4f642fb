"""The directory of one run: everything that is known about it, in one place.

<run>/config.json     the resolved configuration
      metrics.jsonl   one line per log entry, see `metrics_log.py`
      tensorboard/    the same for TensorBoard
      checkpoints/    see `checkpoint.py`
      result.json     final scores, when the run has ended
      table.txt       the same to read
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdjax.io.json_file import format_json, read_json, to_plain, write_json, write_text
from mdjax.types import MdjaxError

_ABSENT = object()
_MAX_LISTED = 12


@dataclass(frozen=True)
class RunDirectory:
    """Paths of a run; `create` and `reopen` make sure that it is nobody else's."""

    path: Path

    @classmethod
    def create(cls, path: Path, config: Mapping[str, Any]) -> "RunDirectory":
        """Makes the directory of a new run and writes its configuration.

        Args:
            path: does not exist yet, or is empty.
            config: resolved configuration, as JSON can hold it.

        Raises:
            MdjaxError: something is there already, or it cannot be written.
        """
        run = cls(path)
        run.require_unused()
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MdjaxError(f"{path}: cannot be created: {error.strerror or error}") from error
        write_json(run.config_path, config)
        return run

    def require_unused(self) -> None:
        """Checks that a new run may go here, and changes nothing.

        Raises:
            MdjaxError: something is there already.
        """
        try:
            used = sorted(item.name for item in self.path.iterdir())
        except FileNotFoundError:
            return
        except OSError as error:
            raise MdjaxError(
                f"{self.path}: cannot be used: {error.strerror or error}. Give another folder."
            ) from error
        if used:
            what = "holds a run" if self.config_path.exists() else f"holds {', '.join(used[:3])}"
            raise MdjaxError(
                f"{self.path}: {what} already. Continue that run with --resume, or give another "
                "folder."
            )

    @classmethod
    def reopen(
        cls, path: Path, config: Mapping[str, Any], *, may_differ: Collection[str] = ()
    ) -> "RunDirectory":
        """Opens the directory of a run that is to be resumed.

        Args:
            path: directory that `create` made.
            config: configuration to go on with.
            may_differ: settings in which it may differ from the one that the run began with, as
                `data_dir` or `loop.log_every`.

        Raises:
            MdjaxError: no run there, or one with another configuration; settings that differ are
                listed.
        """
        run = cls(path)
        if not run.config_path.is_file():
            raise MdjaxError(
                f"{path}: no run to resume here ({run.config_path.name} is missing). "
                "Leave --resume away to begin one."
            )
        began = dict(_flatten(run.read_config()))
        wanted = dict(_flatten(to_plain(config)))
        lines = [
            f"{name}: {_show(began, name)} in the run, {_show(wanted, name)} now"
            for name in dict.fromkeys([*began, *wanted])
            if name not in may_differ and began.get(name, _ABSENT) != wanted.get(name, _ABSENT)
        ]
        if lines:
            hidden = len(lines) - _MAX_LISTED
            lines = lines[:_MAX_LISTED] + ([f"and {hidden} more"] if hidden > 0 else [])
            raise MdjaxError(
                f"{path}: the run began with another configuration. Resume it with the same, or "
                "begin a new run in another folder.\n  " + "\n  ".join(lines)
            )
        return run

    @property
    def config_path(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.json"

    @property
    def metrics_path(self) -> Path:
        """Metrics, one JSON object a line."""
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
        """Reads the configuration that the run began with."""
        return read_json(self.config_path)

    def write_result(self, result: Mapping[str, Any], table: str) -> None:
        """Writes the final scores for programs and for people."""
        write_text(self.table_path, table.rstrip("\n") + "\n")
        write_json(self.result_path, result)


def _flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by dotted name; a list is one setting."""
    if not isinstance(value, dict):
        yield prefix, value
        return
    for key, item in value.items():
        yield from _flatten(item, f"{prefix}.{key}" if prefix else key)


def _show(settings: Mapping[str, Any], name: str) -> str:
    return format_json(settings[name]) if name in settings else "not set"
