"""The modules in PyTorch compute what ours do; skipped where torch is not installed."""

import keyword
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from mdjax.benchmark.torch_facts import describe_architecture, write_arrays
from mdjax.export.deployment import deploy
from mdjax.export.measuring import make_random_images
from mdjax.models.backbones.resnet import ResNetConfig
from mdjax.models.config import (
    FeatureLevelConfig,
    ImageLevelConfig,
    MdStudentConfig,
    NetworkConfig,
    ThermalOnlyConfig,
    VisibleOnlyConfig,
)
from tests.export.networks import create_loaded

torch: Any = pytest.importorskip("torch", reason="needs torch: pip install torch")

DILATED = ResNetConfig(width=0.0625, stem_stride=4, output_stride=16)


@pytest.mark.parametrize("detects", [False, True], ids=["labels", "boxes"])
@pytest.mark.parametrize(
    "network",
    [
        MdStudentConfig(),
        MdStudentConfig(DILATED, transfer_level=5, multiply_mask=False),
        ImageLevelConfig(DILATED),
        FeatureLevelConfig(),
        VisibleOnlyConfig(),
        ThermalOnlyConfig(),
    ],
    ids=["student", "student-c5", "native", "teacher", "visible", "thermal"],
)
def test_modules_answer_as_the_network_does(
    network: NetworkConfig, detects: bool, tmp_path: Path
) -> None:
    from mdjax.benchmark.engines.torch_network import create_network

    loaded = create_loaded(type(network), detects=detects, size_hw=(64, 96), configured=network)
    deployment = deploy(loaded)
    images = make_random_images(deployment, batch_size=2)
    run: Any = jax.jit(deployment.run)
    expected = [np.asarray(x) for x in run(*images)]
    write_arrays(loaded, deployment, tmp_path / "arrays.npz")
    with np.load(tmp_path / "arrays.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    facts = describe_architecture(loaded, deployment)
    facts["stages"] = {str(level): x for level, x in facts["stages"].items()}  # As in JSON.
    module = create_network(facts, arrays)
    # `torch.compile` writes `self.name` into a program.
    names = {part for name, _ in module.named_modules() for part in name.split(".")}
    assert not names & set(keyword.kwlist)
    shown = {
        x.name: torch.from_numpy(image.transpose(0, 3, 1, 2).copy())
        for x, image in zip(deployment.inputs, images, strict=True)
    }
    with torch.inference_mode():
        found = [x.numpy() for x in module(**shown)]
    found = [x.transpose(0, 2, 3, 1) if x.ndim == 4 else x for x in found]
    for x, y in zip(expected, found, strict=True):
        np.testing.assert_allclose(y, x, atol=1e-4 * np.abs(x).max())
