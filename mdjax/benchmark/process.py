"""An engine in a process of its own, which answers and is timed when it is told to."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from mdjax.benchmark.engine import Engine
from mdjax.benchmark.engines.serving import Job
from mdjax.types import MdjaxError

_MAX_LINES = 3
"""Of what a program says when it fails."""


class EngineError(MdjaxError):
    """An engine that failed; the others go on."""


class EngineProcess:
    """A running engine; use it in a `with` statement.

    Attributes:
        cold_start_s: From the start of the process to its first answer.
        first_answer: Outputs by name for the images of the job, those of images [b h w c].
        peak_bytes: The most memory that it has held so far; None where the system does not tell.
    """

    def __init__(self, engine: Engine, job: Job, folder: Path) -> None:
        """Start it and wait for its first answer.

        Args:
            engine: What to run.
            job: With what.
            folder: For its files.

        Raises:
            EngineError: It has ended before.
        """
        self._engine, self._folder = engine, folder
        folder.mkdir(parents=True, exist_ok=True)
        job_file, answers_file = folder / "job.json", folder / "answers.npz"
        job_file.write_text(json.dumps(asdict(job)), encoding="utf-8")
        start = time.perf_counter()
        with self._log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", engine.module, str(job_file), str(answers_file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        try:
            self._read()
            self.cold_start_s = time.perf_counter() - start
            self._read()
            self.first_answer = _read_answers(answers_file)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "EngineProcess":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):  # An order that nobody has read.
                stream.close()
        self._process.wait()

    def time_passes(self, num_passes: int) -> list[float]:
        """Run the images of the job so often; return the seconds of each pass.

        Raises:
            EngineError: The process has ended.
        """
        return self._order(passes=num_passes)["seconds"]

    def answer(self, images: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the outputs by name for other images [b h w c].

        Raises:
            EngineError: The process has ended.
        """
        images_file = self._folder / "shown.npz"
        arrays: Any = images
        np.savez(images_file, **arrays)
        return self.answer_file(images_file)

    def answer_file(self, images_file: Path) -> dict[str, np.ndarray]:
        """Return the outputs by name for the images [b h w c] of an NPZ file.

        Raises:
            EngineError: The process has ended.
        """
        answers_file = self._folder / "shown_answers.npz"
        self._order(images=str(images_file), answers=str(answers_file))
        return _read_answers(answers_file)

    @property
    def _log_file(self) -> Path:
        return self._folder / "log.txt"

    def _order(self, **order: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # What has happened is read below.
            print(json.dumps(order), file=self._process.stdin, flush=True)
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            raise EngineError(
                f"{self._engine.name} failed: {_find_last_lines(self._log_file)}"
                f" (exit status {status})"
            )
        report = json.loads(line)
        self.peak_bytes: float | None = report["peak_bytes"]
        return report


def _find_last_lines(log_file: Path) -> str:
    lines: Sequence[str] = log_file.read_text(encoding="utf-8", errors="replace").splitlines()
    said = [line.strip() for line in lines if line.strip()]
    return " / ".join(said[-_MAX_LINES:]) or "it said nothing"


def _read_answers(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}
