"""What was predicted of each pair of a stream: a file of lines, which a later call continues."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mdjax.io.json_file import format_json, parse_json
from mdjax.io.read_file import read_bytes
from mdjax.io.write_failure import explain_write_failure, make_folder
from mdjax.predict.frames import FrameShapes
from mdjax.types import MdjaxError

RECORDS_FILE = "predictions.jsonl"

FRAME_SHAPES = "frame_shapes_hw"
"""Of a record: rows and columns of the visible and the thermal image; null where there is none."""


class StreamRecords:
    """Appends to `predictions.jsonl`; its first line says what holds for all.

    A line is written once what it tells of is there, and at once, so that a kill loses nothing but
    the pair it came upon.

    Attributes:
        path: The file.
        names: Of the pairs that earlier calls have predicted. Those with a problem are tried again,
            for what was wrong may have been put right.
        frame_shapes: Of the first of them; None where there is none.
    """

    def __init__(self, out_dir: Path, head: Mapping[str, Any], *, overwrite: bool = False):
        """Begin the file, or continue that of an earlier call.

        Args:
            out_dir: Its folder.
            head: What holds for all pairs.
            overwrite: Begin anew.

        Raises:
            MdjaxError: The folder holds something else, or the file is damaged, of another network
                with other options or cannot be written.
        """
        self.path = out_dir / RECORDS_FILE
        self.names: frozenset[str] = frozenset()
        self.frame_shapes: FrameShapes | None = None
        line = format_json(head)
        kept = b""
        if not overwrite and self.path.exists():
            kept = self._read(line)
        elif not overwrite and out_dir.is_dir() and any(out_dir.iterdir()):
            raise MdjaxError(
                f"{out_dir}: is not empty, and no stream was predicted into it; write to another "
                "folder, or add --overwrite."
            )
        make_folder(out_dir)
        try:
            # Drops a line that a kill cut off.
            self._stream = self.path.open("r+b" if kept else "wb")
            self._stream.truncate(len(kept))
            self._stream.seek(len(kept))
        except OSError as error:
            raise MdjaxError(
                f"{self.path}: cannot be written: {explain_write_failure(self.path, error)}"
            ) from error
        if not kept:
            self._write(line)

    def __enter__(self) -> "StreamRecords":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def add(self, record: Mapping[str, Any]) -> None:
        """Append the line of a pair.

        Raises:
            MdjaxError: It cannot be written, for instance on a full disk.
        """
        self._write(format_json(record))

    def _write(self, line: str) -> None:
        try:
            self._stream.write(f"{line}\n".encode())
            self._stream.flush()
        except OSError as error:
            raise MdjaxError(
                f"{self.path}: cannot be written: {explain_write_failure(self.path, error)}"
            ) from error

    def _read(self, head: str) -> bytes:
        """Read the names of an earlier call, and return its whole lines."""
        remedy = "write to another folder, or begin anew with --overwrite"
        data = read_bytes(self.path, str(self.path))
        kept = data[: data.rfind(b"\n") + 1]
        try:
            # Names may hold what `splitlines` takes for the end of a line.
            first, *lines = kept.decode().split("\n")[:-1] or [head]
            records = [parse_json(line) for line in lines]
            predicted = [record for record in records if "problem" not in record]
            self.names = frozenset(record["name"] for record in predicted)
            if predicted:
                self.frame_shapes = _parse_shapes(predicted[0][FRAME_SHAPES])
            others = _list_different(parse_json(first), parse_json(head))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise MdjaxError(f"{self.path}: is damaged ({error}); {remedy}.") from error
        if others:
            raise MdjaxError(
                f"{self.path}: an earlier call wrote it, which differs in {', '.join(others)}; "
                f"{remedy}."
            )
        return kept


def _parse_shapes(shapes: Sequence[Sequence[int] | None]) -> FrameShapes:
    return tuple(None if shape is None else tuple(shape) for shape in shapes)


def _list_different(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Name what two heads differ in."""
    keys = dict.fromkeys([*second, *first])
    absent = object()
    return [key for key in keys if first.get(key, absent) != second.get(key, absent)]
