"""Image pairs through a network as they arrive, until no more come."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, NamedTuple

import jax
import numpy as np

from mdjax.align.common_view import CommonView
from mdjax.io.findings import group_problems
from mdjax.io.write_failure import make_folder
from mdjax.models.modalities import Missing
from mdjax.predict.arriving import ArrivingPairs
from mdjax.predict.followed import FollowedPairs
from mdjax.predict.frames import FrameLoader, list_shapes
from mdjax.predict.inputs import SimulateCamera
from mdjax.predict.overlap import read_ahead, write_behind
from mdjax.predict.pairs import PairFiles, read_pair
from mdjax.predict.prediction import LoadedPair, PredictionWriter
from mdjax.predict.records import FRAME_SHAPES, StreamRecords
from mdjax.runs.scoring import require_image
from mdjax.runs.trained_network import TrainedNetwork
from mdjax.types import MdjaxError, format_count

_POLL_S = 0.2
# Of the time, what looking at large folders may cost at most.
_LOOKING_SHARE = 0.2
_STATUS_S = 10.0
_MAX_PROBLEMS = 1000


class StopRule(NamedTuple):
    """When a stream ends by itself; by default never."""

    idle_seconds: float | None = None
    """Without anything new."""
    max_pairs: int | None = None
    """That were predicted."""

    def check(self) -> None:
        """Refuse what would never be reached.

        Raises:
            MdjaxError: A number is negative or zero.
        """
        if self.idle_seconds is not None and not self.idle_seconds > 0:
            raise MdjaxError(f"idle_seconds is {self.idle_seconds}; give more than 0.")
        if self.max_pairs is not None and self.max_pairs < 1:
            raise MdjaxError(f"max_pairs is {self.max_pairs}; give 1 or more.")


def follow_pairs(
    loaded: TrainedNetwork,
    arriving: ArrivingPairs,
    writer: PredictionWriter[Any, Any],
    *,
    stop: StopRule,
    tell: Callable[[str], None],
    simulate: SimulateCamera = "auto",
    overwrite: bool = False,
    missing: Missing = "none",
    view: CommonView | None = None,
) -> FollowedPairs:
    """Predict image pairs as soon as both files are there, until told to stop, or by Ctrl-C.

    A pair that cannot be read some seconds after its last change, or that has other sizes than the
    first one, is reported, skipped and counted. What an earlier call has predicted is passed over;
    what it has skipped is tried again.

    Args:
        loaded: From `load_network` or `load_exported`.
        arriving: The folders.
        writer: Of the network's task.
        stop: When to end besides.
        tell: Gets a line for each pair that is skipped, and how fast it goes.
        simulate: Whether thermal images pass through the camera the network was trained with.
        overwrite: Begin anew, and replace what an earlier call has written.
        missing: Image that the network has to do without.
        view: What is cut out of both images of each pair.

    Raises:
        MdjaxError: The folder to write to holds something else, or cannot be written.
    """
    stop.check()
    require_image(loaded, missing)
    predict = loaded.compile_predictor(batch_size=1, task=writer.task, missing=missing)
    head = {
        "class_names": loaded.class_names,
        **writer.describe(),
        "network": loaded.source.resolve(),
        "step": loaded.step,
        "folders": [folder.resolve() for folder in arriving.folders],
        "simulate": simulate,
        "missing": missing,
        "view": None if view is None else asdict(view),
    }
    with StreamRecords(writer.out_dir, head, overwrite=overwrite) as records:
        writer.begin()
        loader = FrameLoader(
            loaded, simulate=simulate, missing=missing, first_shapes=records.frame_shapes
        )
        return _Following(loaded, arriving, loader, predict, writer, records, view, tell).run(stop)


class _Following:
    """What goes from the first pair to the last one."""

    def __init__(
        self,
        loaded: TrainedNetwork,
        arriving: ArrivingPairs,
        loader: FrameLoader,
        predict: Callable[..., Any],
        writer: PredictionWriter[Any, Any],
        records: StreamRecords,
        view: CommonView | None,
        tell: Callable[[str], None],
    ):
        self._loaded = loaded
        self._arriving = arriving
        self._loader = loader
        self._predict = predict
        self._writer = writer
        self._records = records
        self._view = view
        self._tell = tell
        self._num_loaded = 0
        self._num_predicted = 0
        self._num_skipped = 0
        self._num_earlier = 0
        self._num_told = 0
        self._told_s = time.monotonic()
        self._work_s = 0.0
        self._network_s: list[float] = []
        # Those of the thread that writes.
        self._counts = np.zeros(len(loaded.class_names), np.int64)
        self._notes: Counter[str] = Counter()
        self._problems: list[str] = []

    def run(self, stop: StopRule) -> FollowedPairs:
        """Wait, read, predict and write."""
        with write_behind() as write_later:
            try:
                while self._num_predicted != stop.max_pairs:
                    start_s = time.monotonic()
                    ready = list(self._pass_over_earlier(self._arriving.poll()))
                    looked_s = time.monotonic() - start_s
                    if ready:
                        self._predict_ready(ready, stop, write_later)
                    # Only what a look has not found is not there: much may come during a batch.
                    elif self._is_idle(stop):
                        break
                    self._tell_status()
                    time.sleep(max(_POLL_S, looked_s / _LOOKING_SHARE - looked_s))
            except KeyboardInterrupt:
                self._tell("stopped; what has been predicted is kept")
        return self._summarise()

    def _is_idle(self, stop: StopRule) -> bool:
        if stop.idle_seconds is None or self._arriving.has_open:
            return False
        return self._arriving.get_idle_seconds() >= stop.idle_seconds

    def _pass_over_earlier(self, ready: list[PairFiles]) -> Iterator[PairFiles]:
        for files in ready:
            if files.name in self._records.names:
                self._num_earlier += 1
                self._arriving.set_done(files)
            else:
                yield files

    def _predict_ready(
        self, ready: list[PairFiles], stop: StopRule, write_later: Callable[..., None]
    ) -> None:
        with (
            self._measure_work() as add_work,
            contextlib.closing(read_ahead(map(self._load, ready))) as results,
        ):
            for files, result in zip(ready, results, strict=True):
                if result is not None:
                    self._handle(files, result, write_later)
                    self._arriving.set_done(files)
                add_work()
                self._tell_status()
                if self._num_predicted == stop.max_pairs:
                    return

    @contextlib.contextmanager
    def _measure_work(self) -> Iterator[Callable[[], None]]:
        """Give what adds the time since its last call, as happens at the end too."""
        start_s = time.monotonic()

        def add() -> None:
            nonlocal start_s
            now_s = time.monotonic()
            self._work_s += now_s - start_s
            start_s = now_s

        try:
            yield add
        finally:  # Ctrl-C comes in the middle of a pair.
            add()

    def _handle(
        self, files: PairFiles, result: LoadedPair | str, write_later: Callable[..., None]
    ) -> None:
        if isinstance(result, str):
            self._num_skipped += 1
            self._tell(f"skipped: {result}")
            write_later(self._write_problem, files, result)
            return
        start_s = time.perf_counter()
        prepared = result.prepared
        batch = self._predict(prepared.visible[None], prepared.thermal[None, ..., None])
        self._network_s.append(time.perf_counter() - start_s)
        write_later(self._write, result, jax.tree.map(lambda array: array[0], batch))
        self._num_predicted += 1

    def _load(self, files: PairFiles) -> LoadedPair | str | None:
        """The pair, or why it must be skipped; None where it may still be half written."""
        try:
            decoded = read_pair(
                files, thermal_range_counts=self._loaded.thermal_range_counts, view=self._view
            )
        except MdjaxError as error:
            return None if self._arriving.may_change(files) else str(error)
        try:
            frame = self._loader.load_pair(self._num_loaded, decoded)
        except MdjaxError as error:
            return f"{files.paths[0]}: {error}"
        self._num_loaded += 1
        return LoadedPair(files, decoded, frame.prepared)

    def _write(self, pair: LoadedPair, row: Any) -> None:
        for folder in {path.parent for path in self._writer.name_files(pair.files)}:
            make_folder(folder)
        image = self._writer.write_image(pair, row)
        record = self._writer.describe_image(image)
        self._records.add({**record, FRAME_SHAPES: list_shapes(pair.decoded)})
        self._counts += self._writer.count(image)
        self._notes.update(record["notes"])

    def _write_problem(self, files: PairFiles, problem: str) -> None:
        record = {"name": files.name, "visible": files.visible, "thermal": files.thermal}
        self._records.add({**record, "problem": problem})
        if len(self._problems) < _MAX_PROBLEMS:
            self._problems += problem.split("\n")

    def _tell_status(self) -> None:
        """Say how fast it goes, where something was predicted since the last time."""
        now_s = time.monotonic()
        if now_s - self._told_s < _STATUS_S or self._num_predicted == self._num_told:
            return
        self._tell(
            f"{format_count(self._num_predicted, 'pair')} predicted, {self._num_skipped} skipped; "
            f"{self._compute_rate():.1f} pairs per second while there were any"
        )
        self._told_s, self._num_told = now_s, self._num_predicted

    def _compute_rate(self) -> float:
        return self._num_predicted / self._work_s if self._work_s else 0.0

    def _summarise(self) -> FollowedPairs:
        return FollowedPairs(
            self._writer,
            self._records.path,
            dict(zip(self._loaded.class_names, self._counts.tolist(), strict=True)),
            self._num_predicted,
            self._num_skipped,
            self._num_earlier,
            tuple(group_problems(self._problems).lines),
            tuple(self._arriving.find_without_partner()),
            tuple(x.name for x in self._arriving.find_open() if x.name not in self._records.names),
            tuple(
                f"{count} of {format_count(self._num_predicted, 'pair')}: {note}"
                for note, count in self._notes.items()
            ),
            self._compute_rate(),
            1e3 * float(np.median(self._network_s)) if self._network_s else float("nan"),
        )
