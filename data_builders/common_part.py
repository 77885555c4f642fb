"""Images of a record of which a part is cut out, encoded again without loss."""

from pathlib import Path

import cv2
import numpy as np

from data_builders.checks.annotations import RawPair
from data_builders.checks.label_maps import LabelRule, decode_label_map
from data_builders.checks.visible_images import decode_visible_or_grey
from mdjax.align.common_view import CommonView
from mdjax.io.images import decode_thermal_counts, decode_visible
from mdjax.io.read_file import read_bytes

# Of a label map whose values are its class ids.
_PLAIN = LabelRule()


def cut_images(pair: RawPair, view: CommonView) -> dict[str, Path | bytes]:
    """Cut the images and the label map of a pair, each of which has a file of its own.

    Returns:
        What of a record they are: PNG files; the thermal image's own file where it stays as it is.

    Raises:
        MdjaxError: A file cannot be read, or has another size than the view is for.
    """
    assert pair.thermal is not None
    visible_u8 = view.cut_visible(_read_visible(pair), pair.name)
    images: dict[str, Path | bytes] = {
        "visible": _encode(cv2.cvtColor(visible_u8, cv2.COLOR_RGB2BGR)),
        "thermal": pair.thermal,
    }
    if view.homography is not None:
        data = read_bytes(pair.thermal, pair.thermal.name)
        counts = decode_thermal_counts(data, pair.thermal.name)
        images["thermal"] = _encode(view.warp_thermal(counts, pair.name))
    if pair.labels is not None:
        data = read_bytes(pair.labels, pair.labels.name)
        labels_u8 = decode_label_map(data, pair.labels.name, pair.label_rule or _PLAIN).labels_u8
        images["labels"] = _encode(view.cut_visible(labels_u8, pair.name))
    return images


def _read_visible(pair: RawPair) -> np.ndarray:
    path = pair.visible
    if pair.visible_may_be_grey:
        return decode_visible_or_grey(read_bytes(path, path.name), path.name).visible_u8
    return decode_visible(read_bytes(path, path.name), path.name)


def _encode(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()
