"""An exported network that predicts image pairs, as the run that it comes from does."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
from jax import export

from mdjax.export.answers import Outputs, ReadAnswer, make_answer_reader
from mdjax.export.artefact import CARD_FILE, FILES, check_files, parse_card
from mdjax.export.deployment import ImageInput, InputType
from mdjax.export.export import INT8_FILE
from mdjax.export.feeds import Feed, convert_to_input
from mdjax.export.onnx_session import open_session
from mdjax.models.modalities import THERMAL, VISIBLE, Missing
from mdjax.runs.config import TrainConfig
from mdjax.runs.stored_config import read_stored_config
from mdjax.runs.trained_network import PairPredictor
from mdjax.tasks.task import Task
from mdjax.types import MdjaxError

ExportedModel = Literal["float", "int8", "stablehlo"]
"""The ONNX model in float or in 8 bits, in ONNX Runtime; or StableHLO, in JAX."""

MODEL_FILES: Mapping[ExportedModel, str] = {
    "float": FILES["onnx"],
    "int8": INT8_FILE,
    "stablehlo": FILES["stablehlo"],
}

Answer = Callable[[Feed], Outputs]
"""From images [b h w c] by name of the input to the outputs."""


@dataclass(frozen=True)
class ExportedNetwork:
    """A network from the folder of an export, ready to predict; a `TrainedNetwork`.

    Attributes:
        source: File of the model.
        config: Configuration it was trained with.
        class_names: Names by class id.
        step: Number of steps it was trained for.
        thermal_range_counts: Counts of 16-bit thermal images that map to black and white; None
            if it was trained on 8-bit images.
        training_view: What was cut out of the images of its data set, in words; None: nothing.
        inputs: What the model takes.
        input_type: Of the images.
        head_name: What it answers with, see `list_heads`.
        missing: Image that it does without.
        batch_size: Images that the model takes at once; None: any number.
        answer: Runs the model.
    """

    source: Path
    config: TrainConfig
    class_names: tuple[str, ...]
    step: int
    thermal_range_counts: tuple[float, float] | None
    training_view: str | None
    inputs: tuple[ImageInput, ...]
    input_type: InputType
    head_name: str
    missing: Missing
    batch_size: int | None
    answer: Answer

    @property
    def thermal_size_hw(self) -> tuple[int, int]:
        """That of the sensor; the working size where there is no input for thermal images alone."""
        sizes = {x.name: x.size_hw for x in self.inputs}
        return sizes.get(THERMAL, self.config.pipeline.image_size_hw)

    def check_missing(self, missing: Missing) -> None:
        """Refuse to predict with another image missing than the network was exported without.

        Raises:
            MdjaxError: It is another one.
        """
        if missing == self.missing:
            return
        if self.missing == "none":
            raise MdjaxError(
                f"{self.source}: was exported for all of its images; omit --missing, or export the "
                f"run with --missing {missing}."
            )
        raise MdjaxError(
            f"{self.source}: was exported with --missing {self.missing}; give the same here."
        )

    def compile_predictor(
        self, *, batch_size: int, task: Task | None = None, missing: Missing = "none"
    ) -> PairPredictor:
        """Make what predicts batches: in parts of the model's own size, the last one filled up.

        Args:
            batch_size: Image pairs of a call.
            task: Another way to interpret, such as with another score threshold; that of the
                training by default.
            missing: Image that the network was exported without.

        Raises:
            MdjaxError: Another image is missing, or the export has left out what is asked for.
        """
        self.check_missing(missing)
        interpreting: Any = task or self.config.task
        read = make_answer_reader(
            self.head_name,
            interpreting,
            trained_task=self.config.task,
            num_classes=len(self.class_names),
            working_size_hw=self.config.pipeline.image_size_hw,
        )
        size = self.batch_size or batch_size

        def predict(visible: np.ndarray, thermal: np.ndarray) -> Any:
            starts = range(0, len(visible), size)
            parts = [(visible[i : i + size], thermal[i : i + size]) for i in starts]
            rows = [self._predict_part(read, *part, size) for part in parts]
            return jax.tree.map(lambda *arrays: np.concatenate(arrays)[: len(visible)], *rows)

        height, width = self.config.pipeline.image_size_hw
        predict(  # What is compiled and allocated at the first call is not to be measured.
            np.zeros((batch_size, height, width, 3), np.float32),
            np.zeros((batch_size, *self.thermal_size_hw, 1), np.float32),
        )
        return predict

    def _predict_part(
        self, read: ReadAnswer, visible: np.ndarray, thermal: np.ndarray, size: int
    ) -> Any:
        images = {VISIBLE: visible, THERMAL: thermal}
        if len(self.inputs) == 1 and self.inputs[0].num_channels == 4:
            images = {self.inputs[0].name: np.concatenate([visible, thermal], axis=-1)}
        filled = {
            x.name: _fill_up(convert_to_input(images[x.name], self.input_type), size)
            for x in self.inputs
        }
        return read(self.answer(filled))


def is_export(path: Path) -> bool:
    """Say whether a folder holds an export.

    Raises:
        MdjaxError: It holds models, but has lost their card.
    """
    if (path / CARD_FILE).is_file():
        return True
    if models := [name for name in MODEL_FILES.values() if (path / name).is_file()]:
        raise MdjaxError(
            f"{path / CARD_FILE}: is missing, without which {models[0]} cannot be used; export the "
            "run again (mdjax export --overwrite)."
        )
    return False


def load_exported(folder: Path, model: ExportedModel | None = None) -> ExportedNetwork:
    """Load an exported network, to predict with it as with the run that it comes from.

    Args:
        folder: What `mdjax export` has written.
        model: The ONNX model in float or in 8 bits (needs onnxruntime), or StableHLO; by default
            the first of float and StableHLO that is there.

    Raises:
        MdjaxError: There is no export or no such model, its file is not the one that the card
            describes, a later version of mdjax wrote it, or ONNX Runtime is not installed or
            cannot run it.

    Example:
        >>> from pathlib import Path
        >>> import mdjax
        >>> loaded = mdjax.load_network(Path("runs/distilled"))
        >>> exported = mdjax.export_network(loaded, Path("stable"), formats=("stablehlo",))
        >>> network = mdjax.load_exported(exported.folder)
        >>> network.thermal_size_hw, network.class_names[:3]
        ((8, 12), ('unlabelled', 'car', 'person'))
    """
    folder = Path(folder)
    card = parse_card(folder)
    has_onnx = (
        MODEL_FILES["float"] in card["files"] or MODEL_FILES["stablehlo"] not in card["files"]
    )
    chosen: ExportedModel = model or ("float" if has_onnx else "stablehlo")
    name = MODEL_FILES[chosen]
    if name not in card["files"]:
        there = ", ".join(card["files"]) or "none"
        option = "--int8" if chosen == "int8" else "--formats"
        raise MdjaxError(
            f"{folder}: has no {name} among its files ({there}); export the run with it ({option})."
        )
    check_files(folder, card, [name])
    try:
        return _create(folder / name, card, chosen)
    except (LookupError, AttributeError, TypeError, ValueError) as error:
        raise MdjaxError(f"{folder / CARD_FILE}: is damaged. Export the run again.") from error


def _create(path: Path, card: Mapping[str, Any], model: ExportedModel) -> ExportedNetwork:
    counts = card["thermal_range_counts"]
    of_model = card["files"][path.name]
    inputs, names = of_model["inputs"], tuple(of_model["outputs"])
    is_onnx = model != "stablehlo"
    return ExportedNetwork(
        source=path,
        config=read_stored_config(card["config"], path.parent, source=path.parent / CARD_FILE),
        class_names=tuple(card["class_names"]),
        step=card["step"],
        thermal_range_counts=None if counts is None else (counts[0], counts[1]),
        training_view=card.get("view"),
        inputs=tuple(_read_input(x) for x in inputs),
        input_type="uint8" if inputs[0]["type"] == "uint8" else "float",
        head_name=card["head"],
        missing=card["missing"],
        batch_size=card["batch_size"] if is_onnx else None,
        answer=_open_onnx(path, inputs[0]["axes"], names) if is_onnx else _open_stablehlo(path),
    )


def _read_input(described: Mapping[str, Any]) -> ImageInput:
    width, height = described["size_wh"]
    num_channels = described["shape"][described["axes"].split().index("c")]
    return ImageInput(described["name"], (height, width), num_channels)


def _open_onnx(path: Path, axes: str, names: tuple[str, ...]) -> Answer:
    layout = "nchw" if axes == "b c h w" else "nhwc"
    with _naming(path, "this version of ONNX Runtime", "with a lower --opset"):
        run = open_session(path.read_bytes(), layout=layout)
    return lambda feed: dict(zip(names, run(feed), strict=True))


def _open_stablehlo(path: Path) -> Answer:
    with _naming(path, "this version of JAX", "with it"):
        program: Any = export.deserialize(bytearray(path.read_bytes()))
    call: Any = jax.jit(lambda images: program.call(*images))
    return lambda feed: jax.device_get(call(list(feed.values())))


@contextlib.contextmanager
def _naming(path: Path, engine: str, how: str) -> Iterator[None]:
    """Within this context, what an engine raises is a message; its errors share no class."""
    try:
        yield
    except MdjaxError:
        raise
    except Exception as error:
        reason = next(iter(str(error).splitlines()), repr(error))
        raise MdjaxError(
            f"{path}: cannot be loaded by {engine} ({reason}); update it, or export the run again "
            f"{how}."
        ) from error


def _fill_up(images: np.ndarray, size: int) -> np.ndarray:
    if len(images) == size:
        return images
    return np.concatenate([images, *[images[-1:]] * (size - len(images))])
