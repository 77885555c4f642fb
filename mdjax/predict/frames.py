"""Frames of a camera or a video through a trained network, one after the other."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Shaped, UInt8

from mdjax.align.common_view import CommonView
from mdjax.io.images import ThermalImage
from mdjax.models.modalities import THERMAL, VISIBLE, Missing
from mdjax.predict.decoded import DecodedPair, PairNames, combine_images, place_in_image
from mdjax.predict.images import check_rgb
from mdjax.predict.inputs import PreparedPair, SimulateCamera, needs_thermal, prepare_pair
from mdjax.predict.thresholds import choose_task
from mdjax.runs.scoring import require_image
from mdjax.runs.trained_network import TrainedNetwork
from mdjax.types import MdjaxError

_NOISE_SEED = 0
_NAMES = PairNames("the visible frame", "the thermal frame")

FrameShapes = tuple[tuple[int, ...] | None, ...]
"""Rows and columns of the visible and of the thermal frame."""


class LoadedFrame(NamedTuple):
    """A frame pair as it came, and as the network sees it."""

    number: int
    decoded: DecodedPair
    prepared: PreparedPair


class FramePrediction(NamedTuple):
    """What a network says of one pair of frames.

    Attributes:
        number: Of the frame, from 0.
        prediction: Class ids [h w] of 8 bits; or, of a detector, `ImageDetections` in pixels of the
            visible frame. None where the frame was skipped.
        problem: Why it was skipped; empty where it was not.
    """

    number: int
    prediction: Any
    problem: str


class FrameLoader:
    """Prepares the frames of one source; all of them must have the sizes of the first."""

    def __init__(
        self,
        loaded: TrainedNetwork,
        *,
        simulate: SimulateCamera = "auto",
        missing: Missing = "none",
        view: CommonView | None = None,
        first_shapes: FrameShapes | None = None,
    ):
        """Take what is the same for all frames; `first_shapes` are those of an earlier call."""
        self._config = loaded.config
        self._range_counts = loaded.thermal_range_counts
        self._view = view
        self._thermal_size_hw = loaded.thermal_size_hw
        self._training_view = loaded.training_view
        self._simulate: SimulateCamera = simulate
        self._missing: Missing = missing
        self._first_shapes = first_shapes

    def load(
        self,
        number: int,
        visible_u8: UInt8[np.ndarray, "h w 3"] | None,
        thermal: ThermalImage | None,
    ) -> LoadedFrame:
        """Prepare one pair of frames; threads may call this, but for the first one.

        Raises:
            MdjaxError: Sizes differ from those of the first pair that could be prepared, or from
                each other; thermal has 8 bits where counts are expected; or the network needs a
                frame that is None.
        """
        shapes = _list_shapes(visible_u8, thermal)
        self._check_shapes(shapes)
        decoded = combine_images(
            visible_u8, thermal, _NAMES, thermal_range_counts=self._range_counts, view=self._view
        )
        return self._prepare(number, decoded, shapes)

    def load_pair(self, number: int, decoded: DecodedPair) -> LoadedFrame:
        """Prepare a pair that was decoded from files, as `load` does.

        Raises:
            MdjaxError: As `load`.
        """
        shapes = list_shapes(decoded)
        self._check_shapes(shapes)
        return self._prepare(number, decoded, shapes)

    def _check_shapes(self, shapes: FrameShapes) -> None:
        if self._first_shapes is None:
            return
        for name, shape, first in zip((VISIBLE, THERMAL), shapes, self._first_shapes, strict=True):
            if shape != first:
                raise MdjaxError(
                    f"the {name} frame has {_format_shape(shape)}, the first one "
                    f"{_format_shape(first)}"
                )

    def _prepare(self, number: int, decoded: DecodedPair, shapes: FrameShapes) -> LoadedFrame:
        prepared = prepare_pair(
            decoded,
            self._config,
            simulate=self._simulate,
            rng=np.random.default_rng([_NOISE_SEED, number]),
            missing=self._missing,
            thermal_size_hw=self._thermal_size_hw,
            training_view=self._training_view,
        )
        self._first_shapes = shapes
        return LoadedFrame(number, decoded, prepared)


def predict_frames(
    loaded: TrainedNetwork,
    frames: Iterable[tuple[np.ndarray | None, np.ndarray | None]],
    *,
    score_threshold: float | None = None,
    simulate: SimulateCamera = "auto",
    missing: Missing = "none",
    view: CommonView | None = None,
) -> Iterator[FramePrediction]:
    """Predict frames as they come, such as those of live cameras, each before the next is read.

    The network is compiled at the call, before the first frame is read. A frame of another
    size than the first, or one that is not of the right kind, is skipped, and the stream goes on.

    Args:
        loaded: From `load_network` or `load_exported`.
        frames: Pairs of a visible frame, RGB [h w 3] of 8 bits, and a thermal one [hh ww], which
            may be smaller: grey levels of 8 bits, or 16-bit counts where the network was trained on
            them. Thermal is None where the network needs none, visible where it is missing.
        score_threshold: For detectors: lowest score that is kept; 0.3 by default.
        simulate: Whether thermal frames pass through the camera the network was trained with.
        missing: Image that the network has to do without.
        view: What is cut out of both frames, as for the data set of the training, see
            `mdjax.make_common_view`. Class ids are those of the part then.

    Returns:
        One prediction a frame, in order.

    Raises:
        MdjaxError: The first frame does not suit the network; or a score threshold for a network
            that labels pixels.

    Example:
        >>> from pathlib import Path
        >>> import mdjax
        >>> import numpy as np
        >>> network = mdjax.load_network(Path("runs/distilled"))
        >>> visible_u8 = np.zeros((60, 90, 3), np.uint8)
        >>> camera = ((visible_u8, np.zeros((15, 22), np.uint8)) for _ in range(2))
        >>> [(x.number, x.prediction.shape) for x in mdjax.predict_frames(network, camera)]
        [(0, (60, 90)), (1, (60, 90))]
    """
    require_image(loaded, missing)
    task, working_size_hw = (
        choose_task(loaded, score_threshold),
        loaded.config.pipeline.image_size_hw,
    )
    predict = loaded.compile_predictor(batch_size=1, task=task, missing=missing)
    loader = FrameLoader(loaded, simulate=simulate, missing=missing, view=view)

    def predict_frame(number: int, visible_u8: Any, thermal: Any) -> Any:
        _check_visible(visible_u8, missing)
        _check_thermal(thermal, loaded, missing)
        frame = loader.load(number, visible_u8, thermal)
        batch = predict(frame.prepared.visible[None], frame.prepared.thermal[None, ..., None])
        row = jax.tree.map(lambda array: array[0], batch)
        found = task.fit_to_image(row, working_size_hw, frame.decoded.visible_u8.shape[:2])
        return place_in_image(found, frame.decoded.cut)

    def predict_all() -> Iterator[FramePrediction]:
        for number, (visible_u8, thermal) in enumerate(frames):
            try:
                prediction = predict_frame(number, visible_u8, thermal)
            except MdjaxError as error:
                if number == 0:
                    raise MdjaxError(f"frame 0: {error}") from error
                yield FramePrediction(number, None, str(error))
            else:
                yield FramePrediction(number, prediction, "")

    return predict_all()


def _check_visible(frame: Shaped[np.ndarray, "..."] | None, missing: Missing) -> None:
    if frame is None:
        if missing != VISIBLE:
            raise MdjaxError('there is no visible frame; give one, or missing="visible".')
        return
    check_rgb(frame, "a visible frame")


def _check_thermal(
    frame: Shaped[np.ndarray, "..."] | None, loaded: TrainedNetwork, missing: Missing
) -> None:
    if frame is None:
        if missing == VISIBLE or needs_thermal(loaded.config, missing):
            raise MdjaxError("the network needs a thermal frame; give one.")
        return
    if loaded.thermal_range_counts is None and frame.dtype == np.uint16:
        raise MdjaxError(
            "the thermal frame has 16 bits, but the network was trained on 8 bits; convert it, "
            "with one range for all frames."
        )
    if frame.dtype not in (np.uint8, np.uint16) or frame.ndim != 2:
        raise MdjaxError(
            f"a thermal frame needs the shape [hh ww] and 8 or 16 bits, this one has "
            f"{list(frame.shape)} of {frame.dtype}; convert it."
        )


def list_shapes(decoded: DecodedPair) -> FrameShapes:
    """Return rows and columns of the visible and of the thermal image; None where there is none."""
    return _list_shapes(decoded.visible_u8 if decoded.has_visible else None, decoded.thermal)


def _list_shapes(*frames: np.ndarray | None) -> FrameShapes:
    return tuple(None if x is None else x.shape[:2] for x in frames)


def _format_shape(shape: tuple[int, ...] | None) -> str:
    return "no pixels" if shape is None else f"{shape[1]}x{shape[0]} pixels"
