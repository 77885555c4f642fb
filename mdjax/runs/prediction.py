"""Label maps of one's own images, from a trained network."""

import colorsys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import rich.console
import rich.progress
from jaxtyping import Float, UInt8

from mdjax.data.mfnet import PALETTE_RGB
from mdjax.data.pairs import PairFiles, raise_problems, read_pair
from mdjax.io.json_file import read_json, write_json
from mdjax.runs.loading import LoadedNetwork
from mdjax.runs.network_inputs import PreparedPair, SimulateCamera, prepare_pair
from mdjax.types import MdjaxError
from mdjax.viz import Palette, overlay_labels, save_label_png, save_rgb_png

CLASSES_FILE = "classes.json"

_NOISE_SEED = 0
_NUM_THREADS = 4


@dataclass(frozen=True)
class PredictedImage:
    """What was written for one image pair.

    Attributes:
        files: The images.
        labels: Written class ids, an 8-bit PNG of the visible image's size.
        overlay: Written visible image with the labels laid over it.
        class_pixels: Number of pixels by class id.
        notes: What was done to the images before the network saw them.
    """

    files: PairFiles
    labels: Path
    overlay: Path
    class_pixels: tuple[int, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Predictions:
    """What was written for a set of image pairs.

    Attributes:
        out_dir: Where.
        class_names: Names by class id.
        images: One entry a pair.
        milliseconds_per_image: Median time of the network alone, compilation not included.
    """

    out_dir: Path
    class_names: tuple[str, ...]
    images: tuple[PredictedImage, ...]
    milliseconds_per_image: float

    @property
    def class_pixels(self) -> tuple[int, ...]:
        """Number of pixels by class id, over all images."""
        return tuple(map(sum, zip(*(image.class_pixels for image in self.images), strict=True)))

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the images, each with the number of images it was done to."""
        counts = Counter(note for image in self.images for note in image.notes)
        return tuple(f"{n} of {len(self.images)} images: {note}" for note, n in counts.items())

    def to_dict(self) -> dict[str, Any]:
        """Return what `predict --json` prints."""
        return {
            "out_dir": self.out_dir,
            "milliseconds_per_image": self.milliseconds_per_image,
            "class_pixels": self._name_classes(self.class_pixels),
            "notes": self.notes,
            "images": [
                {
                    "name": image.files.name,
                    "visible": image.files.visible,
                    "thermal": image.files.thermal,
                    "labels": image.labels,
                    "overlay": image.overlay,
                    "class_pixels": self._name_classes(image.class_pixels),
                    "notes": image.notes,
                }
                for image in self.images
            ],
        }

    def _name_classes(self, pixels: tuple[int, ...]) -> dict[str, int]:
        return dict(zip(self.class_names, pixels, strict=True))


class _LoadedPair(NamedTuple):
    files: PairFiles
    visible_u8: UInt8[np.ndarray, "h w 3"]
    prepared: PreparedPair


def predict_pairs(
    loaded: LoadedNetwork,
    pairs: Sequence[PairFiles],
    out_dir: Path,
    *,
    simulate: SimulateCamera = "auto",
    batch_size: int = 4,
    overwrite: bool = False,
    show_progress: bool = False,
) -> Predictions:
    """Label image pairs and write `NAME_labels.png`, `NAME_overlay.png` and `classes.json`.

    All images are read and checked before the first file is written. They are resized to the size
    the network was trained at; its logits are scaled bilinearly to the size of the visible image.

    Args:
        loaded: From `load_network`.
        pairs: From `find_pairs`.
        out_dir: Folder to write to; made if it is not there.
        simulate: Whether thermal images pass through the camera the network was trained with.
        batch_size: Images at once.
        overwrite: Replace what an earlier call has written.
        show_progress: Draw progress bars on standard error.

    Raises:
        MdjaxError: Images are damaged, do not fit each other or lack a thermal partner, or files
            would be overwritten; one message with a line for each.
    """
    if batch_size < 1:
        raise MdjaxError(f"batch_size is {batch_size}; give 1 or more.")
    config = loaded.config
    batch_size = min(batch_size, len(pairs))
    palette = _choose_palette(len(loaded.class_names))
    # What is needed to read the label files.
    classes = {"class_names": list(loaded.class_names), "palette_rgb": list(map(list, palette))}

    def load(index: int) -> _LoadedPair:
        pair = read_pair(pairs[index])
        try:
            rng = np.random.default_rng([_NOISE_SEED, index])
            prepared = prepare_pair(pair, config, simulate=simulate, rng=rng)
        except MdjaxError as error:
            raise MdjaxError(f"{pairs[index].visible}: {error}") from error
        return _LoadedPair(pairs[index], pair.visible_u8, prepared)

    def check(index: int) -> list[str]:
        try:
            load(index)
        except MdjaxError as error:
            return str(error).splitlines()
        return []

    with ThreadPoolExecutor(_NUM_THREADS) as pool:
        problems = _find_output_problems(pairs, out_dir, classes, overwrite=overwrite)
        checks = pool.map(check, range(len(pairs)))
        for found in _track(checks, "Checking", len(pairs), is_shown=show_progress):
            problems += found
        raise_problems(problems)

        forward = _make_forward(loaded, batch_size)
        write = partial(_write_image, out_dir=out_dir, palette=palette)
        _make_folder(out_dir)
        write_json(out_dir / CLASSES_FILE, classes)
        images: list[PredictedImage] = []
        seconds: list[float] = []
        starts = range(0, len(pairs), batch_size)
        for start in _track(starts, "Predicting", len(starts), is_shown=show_progress):
            batch = list(pool.map(load, range(start, min(start + batch_size, len(pairs)))))
            visible, thermal = _stack([pair.prepared for pair in batch], batch_size)
            start_time = time.perf_counter()
            logits = np.asarray(forward(visible, thermal))
            seconds.append(time.perf_counter() - start_time)
            # The last batch may be filled up: only its first rows are images.
            images += pool.map(write, batch, logits[: len(batch)])
    return Predictions(
        out_dir=out_dir,
        class_names=loaded.class_names,
        images=tuple(images),
        milliseconds_per_image=1e3 * float(np.median(seconds)) / batch_size,
    )


def resize_logits_to_labels(
    logits: Float[np.ndarray, "h w k"], size_hw: tuple[int, int]
) -> UInt8[np.ndarray, "hh ww"]:
    """Scale logits bilinearly to another size and take the class of the greatest.

    Borders between classes come out smooth, which scaled class ids would not.
    """
    # One class at a time: a large photograph times all classes would fill the memory.
    largest = np.full(size_hw, -np.inf, np.float32)
    labels_u8 = np.zeros(size_hw, np.uint8)
    for class_id in range(logits.shape[-1]):
        plane = np.ascontiguousarray(logits[..., class_id])
        scaled = cv2.resize(plane, size_hw[::-1], interpolation=cv2.INTER_LINEAR)
        labels_u8[scaled > largest] = class_id
        np.maximum(largest, scaled, out=largest)
    return labels_u8


def _make_forward(
    loaded: LoadedNetwork, batch_size: int
) -> Callable[[np.ndarray, np.ndarray], jax.Array]:
    """Compile the network for one shape, before the first image is timed."""

    def forward(variables: Any, visible: jax.Array, thermal: jax.Array) -> jax.Array:
        output: Any = loaded.network.apply(variables, visible, thermal, train=False)
        return jnp.asarray(output.prediction, jnp.float32)

    height, width = loaded.config.pipeline.image_size_hw
    variables = jax.device_put(dict(loaded.variables))
    shapes = (
        jax.ShapeDtypeStruct((batch_size, height, width, channels), jnp.float32)
        for channels in (3, 1)
    )
    return partial(jax.jit(forward).lower(variables, *shapes).compile(), variables)


def _stack(rows: Sequence[PreparedPair], batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Stack inputs to a batch, filled up with its last row so that there is one shape."""
    filled = [*rows, *[rows[-1]] * (batch_size - len(rows))]
    visible = np.stack([row.visible for row in filled])
    return visible, np.stack([row.thermal for row in filled])[..., None]


def _write_image(
    pair: _LoadedPair, logits: Float[np.ndarray, "h w k"], *, out_dir: Path, palette: Palette
) -> PredictedImage:
    labels_u8 = resize_logits_to_labels(logits, pair.visible_u8.shape[:2])
    labels_path, overlay_path = _name_outputs(pair.files, out_dir)
    save_label_png(labels_u8, labels_path)
    save_rgb_png(overlay_labels(pair.visible_u8, labels_u8, palette), overlay_path)
    return PredictedImage(
        files=pair.files,
        labels=labels_path,
        overlay=overlay_path,
        class_pixels=tuple(np.bincount(labels_u8.ravel(), minlength=logits.shape[-1]).tolist()),
        notes=pair.prepared.notes,
    )


def _name_outputs(files: PairFiles, out_dir: Path) -> tuple[Path, Path]:
    return out_dir / f"{files.name}_labels.png", out_dir / f"{files.name}_overlay.png"


def _find_output_problems(
    pairs: Sequence[PairFiles], out_dir: Path, classes: Mapping[str, Any], *, overwrite: bool
) -> list[str]:
    if not pairs:
        return ["There are no images to label."]
    problems = [
        f"{name}: {count} images have this name; label them into different folders."
        for name, count in Counter(files.name for files in pairs).items()
        if count > 1
    ]
    inputs = {path for files in pairs for path in (files.visible, files.thermal) if path}
    if out_dir.resolve() in {path.parent.resolve() for path in inputs}:
        problems.append(
            f"{out_dir}: the images come from this folder; write the labels to another one, or "
            "they will be taken for images next time."
        )
    if overwrite:
        return problems
    problems += [
        f"{path}: is there already; replace it with overwrite, or write to another folder."
        for files in pairs
        for path in _name_outputs(files, out_dir)
        if path.exists()
    ]
    classes_path = out_dir / CLASSES_FILE
    # Further images of a network with the same classes may join those of an earlier call.
    if classes_path.exists() and read_json(classes_path) != classes:
        problems.append(
            f"{classes_path}: belongs to other classes; replace it with overwrite, or write to "
            "another folder."
        )
    return problems


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MdjaxError(f"{folder}: cannot be made: {error.strerror}.") from error


def _choose_palette(num_classes: int) -> Palette:
    """The colours of MFNet as far as they reach, else hues around the circle; class 0 is black."""
    if num_classes <= len(PALETTE_RGB):
        return PALETTE_RGB[:num_classes]
    hues = (class_id / (num_classes - 1) for class_id in range(num_classes - 1))
    colours = [colorsys.hsv_to_rgb(hue, 0.75, 0.95) for hue in hues]
    return [(0, 0, 0), *((round(255 * r), round(255 * g), round(255 * b)) for r, g, b in colours)]


def _track(items: Any, description: str, total: int, *, is_shown: bool) -> Any:
    return rich.progress.track(
        items,
        description=description,
        total=total,
        console=rich.console.Console(stderr=True),
        transient=True,
        disable=not is_shown,
    )
