"""The folder of an export: its files, its card, and what is refused."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import chex
import jax
import numpy as np
import onnx
import pytest
from jax import export as jax_export
from PIL import Image

from mdjax.cli import export as command
from mdjax.cli.main import EXIT_BAD_INPUT, main
from mdjax.export.artefact import check_place, read_card
from mdjax.export.deployment import deploy
from mdjax.export.export import export_network
from mdjax.export.measuring import compare_outputs, make_random_images, measure_steps
from mdjax.export.simplification import Step, simplify
from mdjax.export.stablehlo import create_stablehlo
from mdjax.export.weights import name_tensors, read_weights, write_weights
from mdjax.io.torch_file import read_tensors
from mdjax.models.config import CskNetConfig, FeatureLevelConfig, ImageLevelConfig
from mdjax.types import MdjaxError
from tests.conftest import PROJECT_ROOT
from tests.export.networks import CLASS_NAMES, create_loaded
from tests.runs.small import SIZE_HW


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export that is only read."""
    folder = tmp_path_factory.mktemp("export") / "exported"
    export_network(create_loaded(), folder, head="classes")
    return folder


def copy(folder: Path, target: Path) -> Path:
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


def test_card_says_what_the_models_take_and_answer(exported: Path) -> None:
    card = read_card(exported)
    assert sorted(card["files"]) == ["model.onnx", "model.safetensors", "model.stablehlo"]
    assert card["class_names"] == list(CLASS_NAMES)
    of_onnx = card["files"]["model.onnx"]
    visible, thermal = of_onnx["inputs"]
    height, width = SIZE_HW
    assert (visible["shape"], thermal["shape"]) == (
        [1, 3, height, width],
        [1, 1, height // 4, width // 4],
    )
    assert visible["range"] == [0, 255]
    assert list(of_onnx["outputs"]) == ["classes"]
    assert "inputs" not in card["files"]["model.safetensors"]
    assert card["scores"] == {"mean_accuracy_3/all": 50.0}
    assert [step["difference"] < 1e-4 for step in card["steps"]] == [True] * 4
    assert all(step["onnx_milliseconds"] > 0 for step in card["steps"])
    model = onnx.load(exported / "model.onnx")
    facts = {x.key: x.value for x in model.metadata_props}
    assert json.loads(facts["class_names"]) == list(CLASS_NAMES)
    assert json.loads(facts["inputs"]) == of_onnx["inputs"]
    assert json.loads(facts["outputs"]) == of_onnx["outputs"]


@pytest.mark.parametrize("name", ["model.onnx", "model.stablehlo", "model.safetensors"])
def test_file_that_the_card_does_not_describe_is_refused(
    exported: Path, tmp_path: Path, name: str
) -> None:
    folder = copy(exported, tmp_path / "exported")
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(MdjaxError, match=f"{name}: is not the file that card.json describes"):
        read_card(folder)
    (folder / name).unlink()
    with pytest.raises(MdjaxError, match=f"{name}: file is missing"):
        read_card(folder)


def test_folder_without_an_export_is_named(tmp_path: Path) -> None:
    with pytest.raises(MdjaxError, match="holds no export"):
        read_card(tmp_path)


def test_earlier_export_is_replaced_only_if_asked(exported: Path, tmp_path: Path) -> None:
    folder = copy(exported, tmp_path / "exported")
    with pytest.raises(MdjaxError, match="holds an earlier export"):
        export_network(create_loaded(), folder)
    export_network(create_loaded(), folder, formats=("safetensors",), overwrite=True)
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "model.safetensors"]


def test_impossible_place_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(MdjaxError, match=r"file/sub/exported: cannot be created: .*file is not a"):
        check_place(tmp_path / "file" / "sub" / "exported", overwrite=False)


def test_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(MdjaxError, match="exists and is no export"):
        export_network(create_loaded(), tmp_path, overwrite=True)
    assert (tmp_path / "thesis.txt").is_file()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": {}}, "its checkpoint has no scores"),
        ({"scores": {"ap50/all": float("nan")}}, "only scores that are not numbers"),
        (
            {"variables": {"params": {"kernel": np.asarray([np.inf], np.float32)}}},
            "not finite; train it again",
        ),
    ],
)
def test_network_that_cannot_be_trusted_is_refused(
    changes: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(MdjaxError, match=message):
        export_network(create_loaded(**changes), tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


def test_options_reach_the_models(tmp_path: Path) -> None:
    """Two pairs a batch in the ONNX model, and its thermal image convolved before enlarging."""
    formats: Any = ("onnx", "stablehlo")
    options: Any = {"formats": formats, "batch_size": 2, "low_resolution_stem": True}
    card = export_network(create_loaded(), tmp_path / "exported", **options).card
    assert [x["shape"][0] for x in card["files"]["model.onnx"]["inputs"]] == [2, 2]
    assert card["steps"][-1]["name"] == "thermal part of conv1 at the sensor's resolution"
    model = onnx.load(tmp_path / "exported" / "model.onnx")
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 2
    kinds = [node.op_type for node in model.graph.node]
    operators = card["files"]["model.onnx"]["operators"]
    assert operators == {kind: kinds.count(kind) for kind in kinds}
    assert next(iter(operators)) == "Conv"
    assert operators["DepthToSpace"] == 1
    images = make_random_images(deploy(create_loaded()), batch_size=3)
    content = (tmp_path / "exported" / "model.stablehlo").read_bytes()
    found: Any = jax_export.deserialize(bytearray(content)).call(*images)
    run: Any = jax.jit(deploy(create_loaded()).run)
    expected = [np.asarray(x) for x in run(*images)]
    assert compare_outputs(expected, [np.asarray(found["logits"])]) < 1e-4
    alone = export_network(create_loaded(), tmp_path / "other", formats=("stablehlo",)).card
    assert list(alone["files"]) == ["model.stablehlo"]
    assert {step["onnx_milliseconds"] for step in alone["steps"]} == {None}


def test_step_that_changes_the_answer_is_refused() -> None:
    deployment = deploy(create_loaded())
    first, *_ = simplify(deployment)
    other = simplify(deploy(create_loaded(ImageLevelConfig)))[0]
    with pytest.raises(MdjaxError, match="wrong: the network would answer differently"):
        measure_steps([first, Step("wrong", other.graph)], deployment, num_rounds=1)


@pytest.mark.parametrize("detects", [False, True])
def test_stablehlo_takes_any_number_of_images(detects: bool) -> None:
    deployment = deploy(create_loaded(detects=detects, size_hw=(64, 64)))
    program = jax_export.deserialize(bytearray(create_stablehlo(deployment)))
    assert set(program.platforms) == {"cpu", "cuda", "tpu"}
    images = make_random_images(deployment, batch_size=2)
    run: Any = jax.jit(deployment.run)
    expected = [np.asarray(x) for x in run(*images)]
    found: Any = program.call(*images)
    names = deployment.output_names
    assert compare_outputs(expected, [np.asarray(found[name]) for name in names]) < 1e-4


@pytest.mark.parametrize("network", [ImageLevelConfig, FeatureLevelConfig, CskNetConfig])
def test_weights_come_back(network: Any, tmp_path: Path) -> None:
    loaded = create_loaded(network)
    write_weights(loaded.variables, tmp_path / "model.safetensors")
    found = read_weights(tmp_path / "model.safetensors", loaded.variables)
    chex.assert_trees_all_equal(found, dict(loaded.variables))


def test_backbone_has_the_names_of_torchvision(tmp_path: Path) -> None:
    """What reads torchvision's files reads the backbone, all of its tensors."""
    loaded = create_loaded(ImageLevelConfig)
    write_weights(loaded.variables, tmp_path / "model.safetensors")
    tensors = read_tensors(tmp_path / "model.safetensors")
    of_backbone = {
        name: x for name, x in tensors.items() if not name.startswith(("params.", "batch_stats."))
    }
    assert {"conv1.weight", "bn1.running_var", "layer2.0.downsample.0.weight"} <= set(of_backbone)
    assert of_backbone["conv1.weight"].shape[1:] == (6, 7, 7)
    params = jax.tree.map(np.zeros_like, loaded.variables["params"])
    statistics = loaded.variables["batch_stats"]
    # Width and depth are not those of ResNet-18: only the names are compared.
    names = {*name_tensors(loaded.variables).values()}
    assert set(of_backbone) < names
    assert len(of_backbone) == sum(
        len(jax.tree.leaves(tree[scope]))
        for tree in (params, statistics)
        for scope in ("backbone", "trunk")
    )


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    write_weights(create_loaded(ImageLevelConfig).variables, tmp_path / "model.safetensors")
    with pytest.raises(MdjaxError, match="is of another network"):
        read_weights(tmp_path / "model.safetensors", create_loaded().variables)


def test_two_streams_have_names_of_their_own() -> None:
    names = list(name_tensors(create_loaded(FeatureLevelConfig).variables).values())
    assert len(set(names)) == len(names)
    assert "params.thermal_stream.conv1.kernel" in names


def test_command_prints_what_it_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "load_network", lambda *_: create_loaded())
    folder = tmp_path / "exported"
    arguments = ["export", "run", "--out-dir", str(folder), "--formats", "safetensors", "onnx"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    operators = read_card(folder)["files"]["model.onnx"]["operators"]
    assert f"\nmodel.onnx consists of\n  Conv {operators['Conv']}, Relu " in printed
    assert "batch normalisation in the convolutions" in printed
    assert "model.safetensors" in printed
    assert "ONNX ms" in printed
    assert main(arguments) == EXIT_BAD_INPUT
    assert "--overwrite" in capsys.readouterr().err
    assert main([*arguments, "--overwrite", "--head", "boxes"]) == EXIT_BAD_INPUT
    assert "give --head logits or classes" in capsys.readouterr().err


def run_example(*arguments: Any) -> subprocess.CompletedProcess[str]:
    """Run it in a process that cannot import JAX or mdjax."""
    example = PROJECT_ROOT / "examples" / "run_onnx.py"
    program = (
        "import sys, runpy; sys.modules.update(jax=None, mdjax=None, flax=None); "
        f"sys.argv = {['run_onnx', *map(str, arguments)]}; runpy.run_path({str(example)!r})"
    )
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )


def test_example_labels_image_files_without_jax(exported: Path, tmp_path: Path) -> None:
    """Images of the right size are not resized, so that the labels are those of JAX."""
    deployment = deploy(create_loaded(), head="classes")
    images = make_random_images(deployment)
    paths = [tmp_path / f"{x.name}.png" for x in deployment.inputs]
    for image, path in zip(images, paths, strict=True):
        Image.fromarray(np.squeeze(image[0])).save(path)
    labels = tmp_path / "labels.png"
    done = run_example(exported / "model.onnx", *paths, labels)
    assert done.returncode == 0, done.stderr
    run: Any = jax.jit(deployment.run)
    (expected,) = run(*images)
    np.testing.assert_array_equal(np.asarray(Image.open(labels)), expected[0])
    assert done.stdout.startswith("unlabelled")


def test_example_overwrites_nothing_and_takes_no_other_bits(exported: Path, tmp_path: Path) -> None:
    model, visible, thermal = exported / "model.onnx", tmp_path / "v.png", tmp_path / "t.png"
    Image.fromarray(np.zeros((*SIZE_HW, 3), np.uint8)).save(visible)
    Image.fromarray(np.full(SIZE_HW, 30_000, np.uint16)).save(thermal)
    before = thermal.read_bytes()
    done = run_example(model, visible, thermal)  # The file for the labels is missing.
    assert (done.returncode, thermal.read_bytes()) == (1, before)
    assert "Give MODEL, visible, thermal and, for the labels, a file that is not" in done.stderr
    done = run_example(model, visible, tmp_path / "lost.png", tmp_path / "labels.png")
    assert done.stderr == f"{tmp_path / 'lost.png'}: there is no such file.\n"
    done = run_example(model, visible, thermal, tmp_path / "labels.png")
    assert "t.png: has pixels of the kind I;16; give 8 bits a channel" in done.stderr
    assert run_example().stderr.startswith("Label an image pair")


def test_example_is_short() -> None:
    text = (PROJECT_ROOT / "examples" / "run_onnx.py").read_text(encoding="utf-8")
    assert len(text.split('"""')[2].strip().splitlines()) <= 40
