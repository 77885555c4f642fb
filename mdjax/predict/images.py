"""Image pairs in memory through a trained network."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import UInt8

from mdjax.align.common_view import CommonView
from mdjax.io.images import ThermalImage
from mdjax.models.modalities import Missing
from mdjax.predict.decoded import PairNames, combine_images, place_in_image
from mdjax.predict.inputs import SimulateCamera, prepare_pair
from mdjax.runs.scoring import require_image
from mdjax.runs.trained_network import TrainedNetwork
from mdjax.types import MdjaxError

ImagePredictor = Callable[..., Any]
"""From a visible [h w 3] and a thermal image [hh ww], or None, to what the task says of them."""

_NAMES = PairNames("the visible image", "the thermal image")
_NOISE_SEED = 0


def check_rgb(image: Any, what: str) -> None:
    """Refuse what is no RGB image of 8 bits.

    Args:
        image: From a user's program.
        what: What it is called, such as "a visible frame".

    Raises:
        MdjaxError: It is something else.
    """
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.shape[2:] == (3,):
        return
    found = f"is a {type(image).__name__}"
    if isinstance(image, np.ndarray):
        found = f"has {list(image.shape)} of {image.dtype}"
    raise MdjaxError(
        f"{what} needs the shape [h w 3] and 8 bits (RGB), this one {found}; convert it."
    )


def make_image_predictor(
    loaded: TrainedNetwork,
    *,
    simulate: SimulateCamera = "auto",
    missing: Missing = "none",
    view: CommonView | None = None,
) -> ImagePredictor:
    """Compile a network for image pairs in memory, one at a time.

    Args:
        loaded: From `load_network` or `load_exported`.
        simulate: Whether thermal images pass through the camera the network was trained with.
        missing: Image that the network has to do without. Without the visible one, pass an image of
            the same field of view and size as the result should have.
        view: What is cut out of both images, as for the data set of the training, see
            `mdjax.make_common_view`. Class ids are those of the part then.

    Returns:
        A function of a visible image, RGB [h w 3] of 8 bits, and a thermal one [hh ww], which may
        be smaller: grey levels of 8 bits, or 16-bit counts where the network was trained on them.
        Networks that see no thermal image take the visible one alone. It returns class ids [h w]
        of 8 bits; or, of a detector, `ImageDetections` in pixels of the visible image.

        It raises `MdjaxError` where the two do not show the same field of view or have sizes that
        the view is not for, or where the network needs a thermal image and there is none.

    Example:
        >>> from pathlib import Path
        >>> import mdjax
        >>> import numpy as np
        >>> predict = mdjax.make_image_predictor(mdjax.load_network(Path("runs/distilled")))
        >>> visible_u8 = np.zeros((60, 90, 3), np.uint8)
        >>> thermal_u8 = np.zeros((15, 22), np.uint8)
        >>> predict(visible_u8, thermal_u8).shape
        (60, 90)
    """
    require_image(loaded, missing)
    task, working_size_hw = loaded.config.task, loaded.config.pipeline.image_size_hw
    predict = loaded.compile_predictor(batch_size=1, missing=missing)

    def predict_image(
        visible_u8: UInt8[np.ndarray, "h w 3"], thermal: ThermalImage | None = None
    ) -> Any:
        check_rgb(visible_u8, "a visible image")
        decoded = combine_images(
            visible_u8,
            thermal,
            _NAMES,
            thermal_range_counts=loaded.thermal_range_counts,
            view=view,
        )
        pair = prepare_pair(
            decoded,
            loaded.config,
            simulate=simulate,
            rng=np.random.default_rng(_NOISE_SEED),
            missing=missing,
            thermal_size_hw=loaded.thermal_size_hw,
            training_view=loaded.training_view,
        )
        batch = predict(pair.visible[None], pair.thermal[None, ..., None])
        row = jax.tree.map(lambda array: array[0], batch)
        found = task.fit_to_image(row, working_size_hw, decoded.visible_u8.shape[:2])
        return place_in_image(found, decoded.cut)

    return predict_image
