"""Feature imitation: which positions are near objects, for boxes and for label maps."""

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from mdjax.methods.imitation import FeatureImitation, select_anchors
from mdjax.ops.anchors import AnchorOptions, create_anchors
from mdjax.train.terms import TermInputs
from mdjax.types import IGNORED_LABEL, AnchorPrediction, MdjaxError, NetworkOutput
from tests.train.batch_cuts import make_label_batch, make_object_batch

GRIDS_HW = ((4, 6), (2, 3), (1, 2))
SIZE_HW = (16, 24)
OPTIONS = AnchorOptions((4, 8, 16))


def make_detector_output() -> NetworkOutput:
    """Three anchors on each cell of three levels."""
    anchors = jnp.asarray(create_anchors(OPTIONS, GRIDS_HW, SIZE_HW))
    features = {
        name: jnp.zeros((4, *size_hw, 5))
        for name, size_hw in zip(("c3", "c4", "c5"), GRIDS_HW, strict=True)
    }
    zeros = jnp.zeros((4, len(anchors), 4))
    return NetworkOutput(AnchorPrediction(zeros[..., :1], zeros, anchors), features)


def make_inputs(output: NetworkOutput, batch: Any) -> TermInputs:
    return TermInputs(output, targets=None, batch=batch, teachers={"teacher": output})


def test_anchors_of_a_level_are_those_on_its_grid() -> None:
    """24 and 6 cells come before the 2 of C5."""
    output = make_detector_output()
    for i, (level, size_hw) in enumerate(zip(("c3", "c4", "c5"), GRIDS_HW, strict=True)):
        alone = AnchorOptions(OPTIONS.base_heights_px[i : i + 1])
        expected = create_anchors(alone, [size_hw], SIZE_HW)
        np.testing.assert_array_equal(select_anchors(output, level), expected)


def test_mask_of_boxes_is_drawn_near_those_that_are_to_be_found() -> None:
    """Image 0 has all objects; those to ignore draw nothing."""
    batch = make_object_batch()
    method = FeatureImitation(level="c3")
    mask = method.compute_mask(make_inputs(make_detector_output(), batch))
    assert mask.shape == (4, 4, 6, 1)
    assert 0 < float(mask[0].mean()) < 1
    np.testing.assert_array_equal(mask[1:], 0.0)
    is_ignored = np.ones_like(batch.objects.is_ignored)
    ignored = replace(batch, truth=replace(batch.objects, is_ignored=is_ignored))
    mask = method.compute_mask(make_inputs(make_detector_output(), ignored))
    np.testing.assert_array_equal(mask, 0.0)


def test_mask_of_label_maps_is_the_share_of_labelled_pixels() -> None:
    batch = make_label_batch()
    output = NetworkOutput(None, {"c4": jnp.zeros((4, 4, 6, 5))})
    mask = FeatureImitation().compute_mask(make_inputs(output, batch))
    is_labelled = (batch.label_maps != 0) & (batch.label_maps != IGNORED_LABEL)
    expected = is_labelled.reshape(4, 4, 4, 6, 4).mean((2, 4))
    np.testing.assert_allclose(mask[..., 0], expected, rtol=1e-5)


def test_anchors_that_are_not_those_of_the_levels_are_refused() -> None:
    """Without C5, the 96 anchors of 32 cells stand against 30 cells."""
    output = make_detector_output()
    features = {name: output.features[name] for name in ("c3", "c4")}
    with pytest.raises(MdjaxError, match="c3, c4, but 96 anchors are not a multiple of 30 cells"):
        select_anchors(replace(output, features=features), "c4")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"weight": -1.0}, "weight is -1.0"), ({"best_iou_share": 1.0}, "best_iou_share is 1.0")],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(MdjaxError, match=message):
        FeatureImitation(**options)
