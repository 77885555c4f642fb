"""What branches say, exchange and fuse, drawn of a tiny network that was not trained."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mdjax.figures.branches import draw_branches
from mdjax.figures.scenes import gather_scenes, run_network
from mdjax.presets import get_preset
from mdjax.runs.loading import LoadedNetwork, create_network
from mdjax.types import MdjaxError
from tests.conftest import SmallScenes
from tests.models.factories import create_pair, create_variables
from tests.runs.small import SIZE_HW, shrink

pytestmark = pytest.mark.slow


@pytest.fixture
def csknet(small_scenes: SmallScenes) -> LoadedNetwork:
    """Two channels of a block of stage 2 are the other branch's."""
    config = shrink(
        get_preset("synthetic-csknet"),
        dataset=small_scenes.dataset,
        data_dir=small_scenes.data_dir,
    )
    names = tuple(f"class {i}" for i in range(9))
    network = create_network(config, len(names))
    variables: Any = create_variables(network, *create_pair(1, *SIZE_HW))
    scales = variables["params"]["trunk"]["layer2_block0"]["bn2"]
    kept = np.full_like(scales["visible"]["scale"], 0.5)
    scales["visible"]["scale"] = kept
    scales["thermal"]["scale"] = np.where(np.arange(len(kept)) < 2, 0.0, kept)
    return LoadedNetwork(Path("run"), config, network, variables, names, 0, {})


def read_size(path: Path) -> tuple[int, ...]:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert picture is not None
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100
    return picture.shape


def test_branches_gate_and_exchange_are_drawn(csknet: LoadedNetwork, tmp_path: Path) -> None:
    shown = draw_branches(csknet, tmp_path / "a.png", image_indices=[4, 1])
    output: Any = run_network(csknet, gather_scenes(csknet.config, [4, 1]))
    gates = np.asarray(output.gate).mean(axis=(1, 2, 3))
    assert [image.index for image in shown.images] == [4, 1]
    assert [image.gate for image in shown.images] == pytest.approx(gates.tolist(), rel=1e-5)
    num_channels = output.exchange_scales["layer2_block0"]["thermal"].shape[0]
    assert shown.exchanged["layer2 block0"] == {
        "visible": 0.0,
        "thermal": pytest.approx(100 * 2 / num_channels),
    }
    assert set(asdict(shown)) == {"images", "exchanged"}
    draw_branches(csknet, tmp_path / "b.png", image_indices=[4, 1], shows_visible=False)
    assert read_size(tmp_path / "a.png")[1] - read_size(tmp_path / "b.png")[1] == 280


def test_network_without_a_gate_has_no_such_column(csknet: LoadedNetwork, tmp_path: Path) -> None:
    draw_branches(csknet, tmp_path / "a.png", image_indices=[0])
    config = replace(csknet.config, network=replace(csknet.config.network, has_gate=False))
    plain = replace(csknet, config=config, network=create_network(config, 9))
    shown = draw_branches(plain, tmp_path / "b.png", image_indices=[0])
    assert shown.images[0].gate is None
    assert read_size(tmp_path / "b.png")[1] < read_size(tmp_path / "a.png")[1]


def test_other_networks_are_refused(csknet: LoadedNetwork, tmp_path: Path) -> None:
    other = replace(csknet, config=shrink(get_preset("synthetic-native")))
    with pytest.raises(MdjaxError, match="is not CSK-Net, which alone has branches"):
        draw_branches(other, tmp_path / "a.png")
