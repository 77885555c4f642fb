"""Heads of fewer channels than the backbone's width gives them."""

import pytest

from mdjax.models.backbones.resnet import ResNetConfig
from mdjax.presets import get_preset
from mdjax.tasks.detection import DetectionTask
from mdjax.tasks.segmentation import SegmentationTask
from mdjax.types import MdjaxError


def test_channels_are_a_share_of_the_usual_ones() -> None:
    """PSPNet has 128 and 512, the pyramid of RetinaNet 256; the backbone halves them too."""
    backbone = ResNetConfig(width=0.5)
    head = SegmentationTask(head_width=0.25).create_head(9, backbone)
    assert (head.bin_channels, head.joint_channels) == (16, 64)
    assert DetectionTask(head_width=0.25).create_head(1, backbone).channels == 32
    assert DetectionTask().create_head(1, ResNetConfig()).channels == 256


def test_light_preset_changes_the_head_alone() -> None:
    light, usual = get_preset("kaist-light-md"), get_preset("kaist-md")
    assert light.task == DetectionTask(head_width=0.5)
    assert light.network == usual.network
    assert light.loop == usual.loop


@pytest.mark.parametrize("task", [SegmentationTask, DetectionTask])
@pytest.mark.parametrize("width", [0, -1, 1.5, float("nan")])
def test_impossible_widths_are_refused(
    task: type[SegmentationTask | DetectionTask], width: float
) -> None:
    with pytest.raises(MdjaxError, match=r"head_width is .*; give more than 0, up to 1"):
        task(head_width=width)
