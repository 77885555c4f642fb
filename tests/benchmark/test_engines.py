"""Engines in their processes: what they answer, and how they fail."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from mdjax.benchmark import engine as engine_module
from mdjax.benchmark import measuring
from mdjax.benchmark.engine import ENGINES, Engine, find_installed
from mdjax.benchmark.measuring import measure_in_turn
from mdjax.benchmark.models import Models, Origin, write_models
from mdjax.benchmark.process import EngineError, EngineProcess
from mdjax.benchmark.torch_facts import has_twin
from mdjax.models.config import CskNetConfig, FeatureLevelConfig
from mdjax.runs.loading import LoadedNetwork
from mdjax.runs.untrained import save_untrained
from tests.export.networks import create_loaded


def write(
    loaded: LoadedNetwork, folder: Path, *names: str, batch_size: int = 1
) -> tuple[Models, list[Engine]]:
    saved = save_untrained(loaded, folder / "run")
    engines = [ENGINES[name] for name in names]
    models = write_models(
        saved,
        Origin(saved.run_dir, "last"),
        folder / "models",
        engines,
        name="network",
        batch_size=batch_size,
        num_threads=1,
    )
    return models, engines


@pytest.fixture(scope="module")
def onnx(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """A student for ONNX Runtime, which is only read."""
    return write(create_loaded(), tmp_path_factory.mktemp("onnx"), "onnx")[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "create",
    [
        create_loaded,
        partial(create_loaded, detects=True),
        partial(create_loaded, FeatureLevelConfig),
    ],
    ids=["labels", "boxes", "teacher"],
)
def test_all_installed_engines_answer_as_jax_does(
    create: Callable[[], LoadedNetwork], tmp_path: Path
) -> None:
    """Batch 2, and each engine in a process of its own; what is not installed is not tested."""
    installed, _ = find_installed([name for name in ENGINES if name != "torch-compile"])
    names = [x.name for x in installed]
    models, engines = write(create(), tmp_path, *names, batch_size=2)
    said: list[str] = []
    group = measure_in_turn(
        [models], engines, tmp_path / "work", seconds=0.01, num_threads=1, show=said.append
    )
    assert len(said) == len(engines) + 2
    for one in group.measured:
        assert one.problem == "", str(one)
        assert len(one.rounds) >= measuring.MIN_ROUNDS
        assert one.cold_start_s > 0
        assert one.difference is not None
        assert one.difference < (1e-4 if one.engine.is_exact else 0.5)
    assert {"jax", "stablehlo", "onnx", "onnx-int8"} <= {x.engine.name for x in group.measured}
    assert group.peak_flops is not None
    assert group.peak_flops > 0


def test_other_images_are_answered_too(onnx: Models, tmp_path: Path) -> None:
    job = onnx.jobs["onnx"]
    with np.load(job.images) as stored:
        images = {name: stored[name] for name in stored.files}
    with EngineProcess(ENGINES["onnx"], job, tmp_path) as process:
        np.testing.assert_array_equal(
            process.answer(images)["logits"], process.first_answer["logits"]
        )
        black = process.answer({name: np.zeros_like(x) for name, x in images.items()})
        assert np.abs(black["logits"] - process.first_answer["logits"]).max() > 1e-3
        assert len(process.time_passes(4)) == 4
        assert process.peak_bytes is None or process.peak_bytes > 1e7
        with pytest.raises(EngineError, match=r"onnx failed: .*no_such_file.*exit status 1"):
            process.answer_file(tmp_path / "no_such_file.npz")


def test_engine_that_fails_is_named_with_what_it_said(onnx: Models, tmp_path: Path) -> None:
    damaged = tmp_path / "model.onnx"
    damaged.write_bytes(b"no model")
    job = replace(onnx.jobs["onnx"], model=str(damaged))
    with pytest.raises(EngineError, match=r"onnx failed: .*exit status 1"):
        EngineProcess(ENGINES["onnx"], job, tmp_path)


def test_engine_that_answers_something_else_is_not_timed(onnx: Models, tmp_path: Path) -> None:
    """JAX is taken to have said 1 % more; the others go on."""
    wrong = replace(onnx, expected={"logits": onnx.expected["logits"] * 1.01})
    group = measure_in_turn(
        [wrong, onnx],
        [ENGINES["onnx"]],
        tmp_path,
        seconds=0.01,
        num_threads=1,
        show=lambda _: None,
    )
    refused, timed = group.measured
    assert "answers differ from those of JAX by 9.9e-03" in refused.problem
    assert not refused.rounds
    assert timed.problem == ""
    assert len(timed.rounds) >= measuring.MIN_ROUNDS


def test_product_is_not_timed_alone(onnx: Models, tmp_path: Path) -> None:
    """A day for the passes, which nobody waits for where no network can run."""
    wrong = replace(onnx, expected={"logits": onnx.expected["logits"] * 1.01})
    group = measure_in_turn(
        [wrong],
        [ENGINES["onnx"]],
        tmp_path,
        seconds=86400.0,
        num_threads=1,
        show=lambda _: None,
    )
    assert group.measured[0].problem
    assert group.peak_flops is None


def test_engine_that_is_not_installed_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing = replace(ENGINES["openvino"], library="no_such_library")
    int8 = replace(ENGINES["openvino-int8"], library="no_such_library")
    known = {**ENGINES, "openvino": missing, "openvino-int8": int8}
    monkeypatch.setattr(engine_module, "ENGINES", known)
    found, lines = find_installed(["openvino", "jax", "openvino-int8"])
    assert found == [ENGINES["jax"]]
    assert lines == [
        "openvino, openvino-int8: left out, no_such_library is not installed (pip install openvino)"
    ]


def test_network_without_a_twin_says_so(tmp_path: Path) -> None:
    models, _ = write(create_loaded(CskNetConfig), tmp_path, "torch")
    assert models.absent["torch"] == "CskNet has no twin in PyTorch here"


def test_only_known_networks_have_a_twin() -> None:
    assert has_twin(create_loaded())
    assert not has_twin(create_loaded(CskNetConfig))
    assert not has_twin(replace(create_loaded(), variables={"params": {"other": {}}}))
