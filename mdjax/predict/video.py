"""A video pair through a trained network, with memory that does not depend on its length."""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import rich.console
import rich.progress

from mdjax.align.common_view import CommonView
from mdjax.io.json_file import write_json_list
from mdjax.io.videos import write_video
from mdjax.io.write_failure import make_folder
from mdjax.models.modalities import Missing
from mdjax.predict.frames import FrameLoader, LoadedFrame
from mdjax.predict.inputs import SimulateCamera, needs_thermal
from mdjax.predict.overlap import read_ahead, write_behind
from mdjax.predict.pairs import raise_problems
from mdjax.predict.prediction import NUM_THREADS, stack_pairs
from mdjax.predict.video_output import DrawnFrame, FrameOutput
from mdjax.predict.video_pair import Frame, VideoFiles, VideoPair
from mdjax.runs.scoring import require_image
from mdjax.runs.trained_network import PairPredictor, TrainedNetwork
from mdjax.types import MdjaxError, format_count

# Of the video that is written, where the headers of those that are read tell none.
_DEFAULT_FRAMES_PER_SECOND = 25.0
_NUM_NUMBERS = 3


@dataclass(frozen=True)
class VideoPredictions:
    """What was written for a video pair.

    Attributes:
        files: The videos.
        output: Where it was written, and how.
        class_counts: By name of the class, over all frames: pixels, or boxes that were found.
        num_frames: Number of frames that were predicted.
        num_skipped: Number of frames that could not be.
        notes: What was done to the frames, and what is wrong with the videos.
        frames_per_second: Measured, with decoding, drawing and encoding.
        milliseconds_per_image: Median time of the network alone.
    """

    files: VideoFiles
    output: FrameOutput
    class_counts: dict[str, int]
    num_frames: int
    num_skipped: int
    notes: tuple[str, ...]
    frames_per_second: float
    milliseconds_per_image: float

    def to_dict(self) -> dict[str, Any]:
        """Return what `predict --json` prints."""
        return {
            "visible": self.files.visible,
            "thermal": self.files.thermal,
            "video": self.output.video_path,
            "records": self.output.records_path,
            "num_frames": self.num_frames,
            "num_skipped": self.num_skipped,
            "frames_per_second": self.frames_per_second,
            "milliseconds_per_image": self.milliseconds_per_image,
            self.output.count_name: self.class_counts,
            "notes": self.notes,
            **self.output.describe(),
        }

    def format_summary(self) -> str:
        """Return what `predict` prints."""
        paths = (self.output.video_path, self.output.records_path, *self.output.other_paths)
        return "\n".join(
            [
                *self.notes,
                "",
                *self.output.format_counts(self.class_counts),
                "",
                f"{format_count(self.num_frames, 'frame')} predicted, {self.num_skipped} skipped; "
                f"{self.frames_per_second:.1f} frames per second, of which the network takes "
                f"{self.milliseconds_per_image:.1f} ms each. Written: "
                f"{', '.join(map(str, paths))}.",
            ]
        )


def predict_video(
    loaded: TrainedNetwork,
    files: VideoFiles,
    output: FrameOutput,
    *,
    simulate: SimulateCamera = "auto",
    batch_size: int = 4,
    overwrite: bool = False,
    show_progress: bool = False,
    missing: Missing = "none",
    view: CommonView | None = None,
) -> VideoPredictions:
    """Predict the frames of a video pair, and write a video and a record of each frame.

    Frames that do not fit the first ones are skipped: they have a record that tells why, and are
    not in the video. All files have their names once they are complete.

    Args:
        loaded: From `load_network` or `load_exported`.
        files: From `find_videos`.
        output: Of the network's task.
        simulate: Whether thermal frames pass through the camera the network was trained with.
        batch_size: Frames at once.
        overwrite: Replace what an earlier call has written.
        show_progress: Draw a progress bar on standard error.
        missing: Image that the network has to do without.
        view: What is cut out of both frames of each pair.

    Raises:
        MdjaxError: A video cannot be decoded, the two do not run in step, their first frames do not
            suit the network, or files would be overwritten. Nothing was written.
    """
    if batch_size < 1:
        raise MdjaxError(f"batch_size is {batch_size}; give 1 or more.")
    require_image(loaded, missing)
    if files.thermal is None and needs_thermal(loaded.config, missing):
        raise MdjaxError(
            f"{files.visible}: the network needs a thermal image; give the thermal video too "
            "(--thermal). Nothing was written."
        )
    loader = FrameLoader(loaded, simulate=simulate, missing=missing, view=view)
    with VideoPair(files, keeps_counts=loaded.thermal_range_counts is not None) as pair:
        problems = [] if overwrite else _find_existing(output)
        raise_problems([*pair.find_problems(), *problems])
        first = _read_first(pair)
        try:
            loader.load(first.number, *pair.take_images(first))
        except MdjaxError as error:
            raise MdjaxError(f"{pair.name}, frame 0: {error} Nothing was written.") from error
        predict = loaded.compile_predictor(batch_size=batch_size, task=output.task, missing=missing)
        make_folder(output.video_path.parent)
        return _Streaming(loaded, pair, loader, predict, output, batch_size).run(
            files, first, show_progress=show_progress
        )


_LoadedBatch = Sequence[tuple[int, LoadedFrame | str]]
"""Number of each frame, and the frame, or why it must be skipped."""


class _Streaming:
    """What goes from the first frame to the last one."""

    def __init__(
        self,
        loaded: TrainedNetwork,
        pair: VideoPair,
        loader: FrameLoader,
        predict: PairPredictor,
        output: FrameOutput,
        batch_size: int,
    ):
        self._class_names = loaded.class_names
        self._pair = pair
        self._loader = loader
        self._predict = predict
        self._output = output
        self._batch_size = batch_size
        self._seconds: list[float] = []
        self._counts = np.zeros(len(loaded.class_names), np.int64)
        self._num_predicted = 0
        self._notes: Counter[str] = Counter()
        # By reason, how many frames were skipped, and the first of them.
        self._num_skipped: Counter[str] = Counter()
        self._first_skipped: dict[str, list[int]] = {}

    def run(self, files: VideoFiles, first: Frame, *, show_progress: bool) -> VideoPredictions:
        """Read, predict, draw and write."""
        rate = self._pair.frames_per_second
        start_time = time.perf_counter()
        with contextlib.ExitStack() as stack:
            draw = stack.enter_context(self._output.open())
            head = {**self._output.describe(), "frames_per_second": rate, **files._asdict()}
            add_record = stack.enter_context(
                write_json_list(self._output.records_path, head, "frames")
            )
            add_frame = stack.enter_context(
                write_video(self._output.video_path, rate or _DEFAULT_FRAMES_PER_SECOND)
            )
            # Its threads end before the files that they write are closed.
            pool = stack.enter_context(ThreadPoolExecutor(NUM_THREADS))
            advance = stack.enter_context(
                _show_progress(self._pair.num_frames, is_shown=show_progress)
            )

            def write(batch: _LoadedBatch, rows: Sequence[Any]) -> None:
                frames = [result for _, result in batch if not isinstance(result, str)]
                drawn = iter(pool.map(draw, frames, rows))
                for number, result in batch:
                    place = {"frame": number, "time_s": rate and number / rate}
                    if isinstance(result, str):
                        self._note_skipped(number, result)
                        add_record({**place, "problem": result})
                        continue
                    picture = next(drawn)
                    self._count(picture)
                    add_frame(picture.picture_u8)
                    add_record({**place, **picture.record})
                advance(len(batch))

            # The network works while frames are read before it and written behind it.
            write_later = stack.enter_context(write_behind())
            batches = read_ahead(self._load_batches(first, pool))
            for batch in stack.enter_context(contextlib.closing(batches)):
                write_later(write, batch, self._predict_rows(batch))
        seconds = time.perf_counter() - start_time
        num_frames = self._num_predicted + self._num_skipped.total()
        return VideoPredictions(
            files,
            self._output,
            dict(zip(self._class_names, self._counts.tolist(), strict=True)),
            self._num_predicted,
            self._num_skipped.total(),
            tuple(self._describe(rate)),
            num_frames / seconds,
            1e3 * float(np.median(self._seconds)) / self._batch_size,
        )

    def _load_batches(self, first: Frame, pool: ThreadPoolExecutor) -> Iterator[_LoadedBatch]:
        for batch in self._read_batches(first):
            results = pool.map(self._load, batch)
            yield [(frame.number, result) for frame, result in zip(batch, results, strict=True)]

    def _read_batches(self, first: Frame) -> Iterator[list[Frame]]:
        batch = [first]
        while (frame := self._pair.read()) is not None:
            if len(batch) == self._batch_size:
                yield batch
                batch = []
            batch.append(frame)
        yield batch

    def _load(self, frame: Frame) -> LoadedFrame | str:
        """The frame, or why it must be skipped."""
        try:
            return self._loader.load(frame.number, *self._pair.take_images(frame))
        except MdjaxError as error:
            return str(error)

    def _predict_rows(self, batch: _LoadedBatch) -> list[Any]:
        frames = [result for _, result in batch if not isinstance(result, str)]
        if not frames:
            return []
        inputs = stack_pairs([frame.prepared for frame in frames], self._batch_size)
        start_time = time.perf_counter()
        interpreted = self._predict(*inputs)
        self._seconds.append(time.perf_counter() - start_time)
        return [jax.tree.map(lambda array, i=i: array[i], interpreted) for i in range(len(frames))]

    def _count(self, drawn: DrawnFrame) -> None:
        self._num_predicted += 1
        self._counts += drawn.counts
        self._notes.update(drawn.notes)

    def _note_skipped(self, number: int, reason: str) -> None:
        self._num_skipped[reason] += 1
        numbers = self._first_skipped.setdefault(reason, [])
        if len(numbers) < _NUM_NUMBERS:
            numbers.append(number)

    def _describe(self, rate: float | None) -> Iterator[str]:
        for note, count in self._notes.items():
            yield f"{count} of {format_count(self._num_predicted, 'frame')}: {note}"
        for reason, count in self._num_skipped.items():
            numbers = self._first_skipped[reason]
            names = ", ".join(map(str, numbers)) + ("..." if count > len(numbers) else "")
            yield f"{format_count(count, 'frame')} skipped ({names}): {reason}"
        if rate is None:
            yield (
                f"{self._pair.name}: no frame rate is known, the video was written with "
                f"{_DEFAULT_FRAMES_PER_SECOND:g} frames per second"
            )
        yield from self._pair.describe_end()


def _find_existing(output: FrameOutput) -> list[str]:
    return [
        f"{path}: already exists; replace it with --overwrite, or write to another folder."
        for path in (output.video_path, output.records_path, *output.other_paths)
        if path.exists()
    ]


def _read_first(pair: VideoPair) -> Frame:
    frame = pair.read()
    if frame is None:
        raise MdjaxError(
            f"{pair.name}: no pair of frames can be decoded; get the videos again. Nothing was "
            "written."
        )
    return frame


@contextlib.contextmanager
def _show_progress(num_frames: int | None, *, is_shown: bool) -> Iterator[Any]:
    """A function that is told how many more frames are done."""
    with rich.progress.Progress(
        rich.progress.TextColumn("Predicting"),
        rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TextColumn("{task.fields[rate]} frames/s,"),
        rich.progress.TimeRemainingColumn(),
        rich.progress.TextColumn("left"),
        console=rich.console.Console(stderr=True),
        transient=True,
        disable=not is_shown,
    ) as progress:
        task = progress.add_task("", total=num_frames, rate="-")

        def advance(count: int) -> None:
            progress.advance(task, count)
            speed = progress.tasks[0].speed
            progress.update(task, rate="-" if speed is None else f"{speed:.1f}")

        yield advance
