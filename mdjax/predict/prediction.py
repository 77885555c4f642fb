"""The user's own image pairs through a trained network; the task defines the output."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import jax
import numpy as np
import rich.console
import rich.progress

from mdjax.align.common_view import CommonView
from mdjax.io.write_failure import make_folder
from mdjax.models.modalities import Missing
from mdjax.predict.decoded import DecodedPair
from mdjax.predict.inputs import PreparedPair, SimulateCamera, prepare_pair
from mdjax.predict.pairs import PairFiles, raise_problems, read_pair
from mdjax.runs.scoring import require_image
from mdjax.runs.trained_network import TrainedNetwork
from mdjax.tasks.task import Task
from mdjax.types import MdjaxError

_NOISE_SEED = 0
NUM_THREADS = 4
"""That decode, prepare, draw and write."""

Image = TypeVar("Image")
Result = TypeVar("Result", covariant=True)


class LoadedPair(NamedTuple):
    """An image pair as it was stored, and as the network sees it."""

    files: PairFiles
    decoded: DecodedPair
    prepared: PreparedPair


class Predictions(Protocol):
    """What was written for a set of image pairs."""

    def to_dict(self) -> dict[str, Any]:
        """Return what `predict --json` prints."""
        ...

    def format_summary(self) -> str:
        """Return what `predict` prints."""
        ...


@runtime_checkable
class PredictionWriter(Protocol[Image, Result]):
    """Writes the predictions of a task for image pairs."""

    @property
    def out_dir(self) -> Path:
        """Folder to write to; made if it is not there."""
        ...

    def name_files(self, pair: PairFiles) -> tuple[Path, ...]:
        """Name the files of one pair."""
        ...

    def find_problems(self) -> list[str]:
        """Tell what in the folder must not be replaced, apart from the files of the pairs."""
        ...

    @property
    def task(self) -> Task:
        """How the network's output is interpreted."""
        ...

    @property
    def count_name(self) -> str:
        """What programs read the counts by."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return what is the same for all images."""
        ...

    def describe_image(self, image: Image) -> dict[str, Any]:
        """Return what programs read of one image."""
        ...

    def count(self, image: Image) -> tuple[int, ...]:
        """Return the pixels or boxes of one image, by class id."""
        ...

    def format_counts(self, counts: Mapping[str, int]) -> list[str]:
        """Write the counts of all images, by name of the class."""
        ...

    def begin(self) -> None:
        """Write what comes before the first image."""
        ...

    def write_image(self, pair: LoadedPair, row: Any) -> Image:
        """Write one image, given its row of what the task made of it; threads call this."""
        ...

    def finish(self, images: Sequence[Image], milliseconds_per_image: float) -> Result:
        """Gather what was written, and write what comes after the last image."""
        ...


def predict_pairs(
    loaded: TrainedNetwork,
    pairs: Sequence[PairFiles],
    writer: PredictionWriter[Image, Result],
    *,
    simulate: SimulateCamera = "auto",
    batch_size: int = 4,
    overwrite: bool = False,
    show_progress: bool = False,
    missing: Missing = "none",
    view: CommonView | None = None,
) -> Result:
    """Predict image pairs with a network, and write the results.

    All images are read and checked before the first file is written. They are resized to the size
    the network was trained at.

    Args:
        loaded: From `load_network` or `load_exported`.
        pairs: From `find_pairs`.
        writer: Of the network's task.
        simulate: Whether thermal images pass through the camera the network was trained with.
        batch_size: Images at once.
        overwrite: Replace what an earlier call has written.
        show_progress: Draw progress bars on standard error.
        missing: Image that the network has to do without.
        view: What is cut out of both images of each pair.

    Returns:
        What the writer has gathered.

    Raises:
        MdjaxError: Images are damaged, do not fit each other or lack a thermal partner, or files
            would be overwritten; one message with a line for each.
    """
    if batch_size < 1:
        raise MdjaxError(f"batch_size is {batch_size}; give 1 or more.")
    require_image(loaded, missing)
    batch_size = min(batch_size, len(pairs))

    def load(index: int) -> LoadedPair:
        pair = read_pair(pairs[index], thermal_range_counts=loaded.thermal_range_counts, view=view)
        try:
            rng = np.random.default_rng([_NOISE_SEED, index])
            prepared = prepare_pair(
                pair,
                loaded.config,
                simulate=simulate,
                rng=rng,
                missing=missing,
                thermal_size_hw=loaded.thermal_size_hw,
                training_view=loaded.training_view,
            )
        except MdjaxError as error:
            raise MdjaxError(f"{pairs[index].paths[0]}: {error}") from error
        return LoadedPair(pairs[index], pair, prepared)

    def check(index: int) -> list[str]:
        try:
            load(index)
        except MdjaxError as error:
            return str(error).splitlines()
        return []

    with ThreadPoolExecutor(NUM_THREADS) as pool:
        problems = _find_output_problems(pairs, writer, overwrite=overwrite)
        checks = pool.map(check, range(len(pairs)))
        for found in _track(checks, "Checking", len(pairs), is_shown=show_progress):
            problems += found
        raise_problems(problems)

        predict = loaded.compile_predictor(batch_size=batch_size, task=writer.task, missing=missing)
        outputs = [path for files in pairs for path in writer.name_files(files)]
        for folder in dict.fromkeys([writer.out_dir, *(path.parent for path in outputs)]):
            make_folder(folder)
        writer.begin()
        images: list[Image] = []
        seconds: list[float] = []
        starts = range(0, len(pairs), batch_size)
        for start in _track(starts, "Predicting", len(starts), is_shown=show_progress):
            batch = list(pool.map(load, range(start, min(start + batch_size, len(pairs)))))
            visible, thermal = stack_pairs([pair.prepared for pair in batch], batch_size)
            start_time = time.perf_counter()
            interpreted = predict(visible, thermal)
            seconds.append(time.perf_counter() - start_time)
            # The last batch may be filled up: only its first rows are images.
            rows = [_take_row(interpreted, i) for i in range(len(batch))]
            images += pool.map(writer.write_image, batch, rows)
        return writer.finish(images, 1e3 * float(np.median(seconds)) / batch_size)


def count_notes(notes_of_images: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Say what was done to images, each with the number of images it was done to."""
    counts = Counter(note for notes in notes_of_images for note in notes)
    return tuple(f"{n} of {len(notes_of_images)} images: {note}" for note, n in counts.items())


def stack_pairs(rows: Sequence[PreparedPair], batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Stack inputs to a batch, filled up with its last row so that there is one shape."""
    filled = [*rows, *[rows[-1]] * (batch_size - len(rows))]
    visible = np.stack([row.visible for row in filled])
    return visible, np.stack([row.thermal for row in filled])[..., None]


def _take_row(arrays: Any, index: int) -> Any:
    return jax.tree.map(lambda array: array[index], arrays)


def _find_output_problems(
    pairs: Sequence[PairFiles], writer: PredictionWriter[Any, Any], *, overwrite: bool
) -> list[str]:
    if not pairs:
        return ["There are no images to predict."]
    problems = [
        f"{name}: {count} images have this name; write them to different folders."
        for name, count in Counter(files.name for files in pairs).items()
        if count > 1
    ]
    inputs = {path for files in pairs for path in files.paths}
    if writer.out_dir.resolve() in {path.parent.resolve() for path in inputs}:
        problems.append(
            f"{writer.out_dir}: the images come from this folder; write the predictions to "
            "another one, or they will be read as images next time."
        )
    if overwrite:
        return problems
    problems += [
        f"{path}: already exists; replace it with --overwrite, or write to another folder."
        for files in pairs
        for path in writer.name_files(files)
        if path.exists()
    ]
    return problems + writer.find_problems()


def _track(items: Any, description: str, total: int, *, is_shown: bool) -> Any:
    return rich.progress.track(
        items,
        description=description,
        total=total,
        console=rich.console.Console(stderr=True),
        transient=True,
        disable=not is_shown,
    )
