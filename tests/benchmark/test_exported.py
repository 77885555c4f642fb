"""Exported folders in a benchmark: what they can be run with, and what is wrong with them."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdjax.benchmark.engine import ENGINES
from mdjax.benchmark.exported import open_export, prepare_models
from mdjax.benchmark.measuring import measure_in_turn
from mdjax.benchmark.models import Origin
from mdjax.benchmark.subject import RunSubject, Sizes, list_subjects
from mdjax.export.export import export_network
from mdjax.train.state import count_parameters
from mdjax.types import MdjaxError
from tests.export.networks import create_loaded

ALL = list(ENGINES.values())


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student's export, which is only read."""
    folder = tmp_path_factory.mktemp("export") / "exported"
    export_network(create_loaded(), folder, head="classes", layout="nhwc")
    return folder


def test_export_says_what_can_run_it(exported: Path, tmp_path: Path) -> None:
    opened = open_export(exported)
    models = prepare_models(opened, tmp_path / "work", ALL, batch_size=1, num_threads=1)
    assert set(models.jobs) == {"stablehlo", "onnx", "openvino"}
    assert models.absent["onnx-int8"] == "holds no model_int8.onnx; export it with --int8"
    assert models.absent["jax"].endswith("give the run directory too")
    assert models.num_parameters == count_parameters(create_loaded().variables["params"])
    assert models.gflop_trained > 0
    assert not models.jobs["onnx"].channels_first
    two = prepare_models(opened, tmp_path / "two", ALL, batch_size=2, num_threads=1)
    assert set(two.jobs) == {"stablehlo"}
    assert two.absent["onnx"] == "model.onnx takes batches of 1; export it with --batch-size 2"


def test_export_is_measured(exported: Path, tmp_path: Path) -> None:
    """Class ids are compared by how many are the same."""
    engines = [ENGINES["onnx"]]
    models = prepare_models(
        open_export(exported), tmp_path / "images", engines, batch_size=1, num_threads=1
    )
    group = measure_in_turn(
        [models], engines, tmp_path / "work", seconds=0.01, num_threads=1, show=lambda _: None
    )
    (onnx,) = group.measured
    assert onnx.problem == ""
    assert onnx.share == 1.0
    assert onnx.difference is None


def test_changed_file_is_refused(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "changed"
    folder.mkdir()
    for path in exported.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    content = np.fromfile(folder / "model.onnx", np.uint8)
    content[len(content) // 2] ^= 1
    content.tofile(folder / "model.onnx")
    with pytest.raises(MdjaxError, match=r"model\.onnx: is not the file that card.json describes"):
        list_subjects(folder, Sizes())


def test_sizes_are_those_of_the_inputs(exported: Path) -> None:
    (subject,) = list_subjects(exported, Sizes())
    of_run = RunSubject("run", create_loaded(), Origin(exported, "last"))
    assert subject.sizes_wh == of_run.sizes_wh == ((48, 32), (12, 8))


@pytest.mark.parametrize("name", ["model.stablehlo", "model.onnx"])
def test_model_that_cannot_be_loaded_is_refused(name: str, exported: Path, tmp_path: Path) -> None:
    """Its hash is right: it was written so, or for another version of the engine."""
    card = json.loads((exported / "card.json").read_text())
    (tmp_path / name).write_bytes(b"no model")
    sha256 = hashlib.sha256(b"no model").hexdigest()
    card["files"] = {name: {**card["files"][name], "num_bytes": 8, "sha256": sha256}}
    (tmp_path / "card.json").write_text(json.dumps(card))
    with pytest.raises(MdjaxError, match=rf"{name}: cannot be loaded by this version of"):
        list_subjects(tmp_path, Sizes())


@pytest.mark.parametrize(
    "damage",
    [
        {"steps": []},
        {"steps": [{}]},
        {"steps": None},
        {"files": {"model.onnx": 1}},
    ],
    ids=str,
)
def test_damaged_card_is_refused(damage: dict[str, Any], exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(exported, folder)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, **damage}))
    with pytest.raises(MdjaxError, match=r"card\.json: is damaged"):
        list_subjects(folder, Sizes())


@pytest.mark.parametrize("damage", [{"outputs": None}, {"inputs": []}], ids=str)
def test_damaged_description_of_a_model_is_refused(
    damage: dict[str, Any], exported: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(exported, folder)
    card = json.loads((folder / "card.json").read_text())
    for described in card["files"].values():
        described.update(damage)
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(MdjaxError, match=r"card\.json: is damaged\. Export the run again"):
        list_subjects(folder, Sizes())


def test_what_is_neither_run_nor_export_is_named(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(MdjaxError, match=r"is no run directory.* It holds no export either"):
        list_subjects(tmp_path, Sizes())
    with pytest.raises(MdjaxError, match="there is no such run directory"):
        list_subjects(tmp_path / "nothing", Sizes())
    with pytest.raises(MdjaxError, match="omit --sizes and --resolutions"):
        list_subjects(exported, Sizes(resolutions=("full",)))
