"""An exported network predicts image pairs as the run that it comes from does."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdjax.cli import predict as command
from mdjax.cli.main import main
from mdjax.export.export import INT8_FILE, export_network
from mdjax.export.exported import load_exported
from mdjax.io.read_file import hash_file
from mdjax.predict.files import predict_files
from mdjax.predict.frames import predict_frames
from mdjax.predict.images import make_image_predictor
from mdjax.runs.loading import LoadedNetwork
from mdjax.types import MdjaxError
from tests.export.networks import create_loaded
from tests.predict.anchor_network import create_loaded_detector
from tests.predict.image_files import (
    make_thermal_u8,
    make_visible_u8,
    read_image,
    write_folders,
    write_thermal,
)
from tests.predict.pixel_network import create_loaded_network

SENSOR_HW = (8, 12)
"""16 times fewer pixels than the working size has."""


def score(loaded: LoadedNetwork) -> LoadedNetwork:
    """What was never scored is not exported."""
    return replace(loaded, scores={"mean_accuracy_9/all": 50.0})


def export(loaded: LoadedNetwork, folder: Path, **options: Any) -> Path:
    return export_network(score(loaded), folder, **{"formats": ("onnx",), **options}).folder


def read_frames(size_hw: tuple[int, int] = SENSOR_HW) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(make_visible_u8(i), make_thermal_u8(i, size_hw)) for i in range(2)]


def predict(network: Any, frames: Any, **options: Any) -> list[Any]:
    return [x.prediction for x in predict_frames(network, frames, **options)]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export that is only read."""
    folder = tmp_path_factory.mktemp("export") / "exported"
    return export(create_loaded_network(), folder, formats=("onnx", "stablehlo"))


def change_card(exported: Path, folder: Path, **changes: Any) -> Path:
    """Copy an export, with a card that says something else."""
    folder.mkdir()
    for path in exported.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, **changes}))
    return folder


@pytest.mark.parametrize("model", ["float", "stablehlo"])
def test_labels_are_those_of_the_run(exported: Path, model: Any) -> None:
    """Of the sensor's own images, which are taken as they are, and of larger ones.

    Larger ones pass the simulated camera; its pixels are rounded to grey levels, so that a few
    labels of nearly equal logits may differ.
    """
    loaded, network = create_loaded_network(), load_exported(exported, model)
    assert network.thermal_size_hw == SENSOR_HW
    for size_hw, max_share in ((SENSOR_HW, 0.0), ((32, 48), 0.01)):
        frames = read_frames(size_hw)
        expected, found = predict(loaded, frames), predict(network, frames)
        assert np.mean(np.not_equal(found, expected)) <= max_share
    assert len(np.unique(expected)) > 1


def test_float_images_are_not_rounded(tmp_path: Path) -> None:
    """With the camera simulated, whose noise is the same too."""
    loaded = create_loaded_network()
    camera = replace(loaded.config.pipeline.camera, noise_std=0.05)
    pipeline = replace(loaded.config.pipeline, camera=camera)
    loaded = replace(loaded, config=replace(loaded.config, pipeline=pipeline))
    network = load_exported(export(loaded, tmp_path / "exported", input_type="float"))
    frames = read_frames((32, 48))
    np.testing.assert_array_equal(predict(network, frames), predict(loaded, frames))


def test_logits_are_those_of_a_whole_student(tmp_path: Path) -> None:
    """To 1e-4 of the largest one, in a batch of three with an ONNX model that takes two."""
    loaded = create_loaded()
    network = load_exported(export(loaded, tmp_path / "exported", batch_size=2, layout="nhwc"))
    rng = np.random.default_rng(0)
    height, width = network.thermal_size_hw
    visible_u8 = rng.integers(0, 256, (3, *loaded.config.pipeline.image_size_hw, 3), np.uint8)
    thermal_u8 = rng.integers(0, 256, (3, height, width), np.uint8)
    frames = list(zip(visible_u8, thermal_u8, strict=True))
    visible = visible_u8.astype(np.float32) / 255
    thermal = thermal_u8.astype(np.float32)[..., None] / 255
    found = network.compile_predictor(batch_size=3)(visible, thermal)
    alone = network.compile_predictor(batch_size=1)
    rows = [alone(visible[i : i + 1], thermal[i : i + 1]) for i in range(3)]
    np.testing.assert_allclose(found, np.concatenate(rows), rtol=0, atol=1e-5)
    expected = predict(loaded, frames)
    np.testing.assert_array_equal(np.argmax(found, axis=-1), expected)


@pytest.mark.parametrize("head", ["boxes", "raw", "nms"])
@pytest.mark.parametrize("model", ["float", "stablehlo"])
def test_boxes_are_those_of_the_run(tmp_path: Path, head: str, model: Any) -> None:
    """Six cells with scores of about 0.5, of which a threshold leaves out a part."""
    loaded = create_loaded_detector()
    formats = ("onnx",) if model == "float" else ("stablehlo",)
    folder = export(loaded, tmp_path / "exported", head=head, formats=formats)
    network = load_exported(folder, model)
    for threshold in (0.3, 0.5):
        expected = predict(loaded, read_frames(), score_threshold=threshold)
        found = predict(network, read_frames(), score_threshold=threshold)
        for a, b in zip(expected, found, strict=True):
            np.testing.assert_allclose(b.boxes_xyxy_px, a.boxes_xyxy_px, rtol=0, atol=1e-4)
            np.testing.assert_allclose(b.scores, a.scores, rtol=0, atol=1e-4)
            np.testing.assert_array_equal(b.class_ids, a.class_ids)
        assert 0 < sum(len(x.scores) for x in expected) < (13 if threshold < 0.5 else 12)
    if head == "nms":
        with pytest.raises(MdjaxError, match=r"has left out boxes below 0\.01; give no lower one"):
            predict(network, read_frames(), score_threshold=0.001)


def test_class_ids_are_enough(tmp_path: Path) -> None:
    loaded = create_loaded_network()
    network = load_exported(export(loaded, tmp_path / "exported", head="classes"))
    np.testing.assert_array_equal(predict(network, read_frames()), predict(loaded, read_frames()))


def test_both_images_may_be_one_array(tmp_path: Path) -> None:
    """Both at the working size, so that thermal images are scaled up before, and rounded."""
    loaded = create_loaded_network()
    folder = export(loaded, tmp_path / "exported", in_one_array=True, input_type="float")
    network = load_exported(folder)
    assert network.thermal_size_hw == (32, 48)
    np.testing.assert_array_equal(predict(network, read_frames()), predict(loaded, read_frames()))


def test_missing_image_is_that_of_the_export(exported: Path, tmp_path: Path) -> None:
    loaded = create_loaded_network()
    network = load_exported(export(loaded, tmp_path / "exported", missing="visible"))
    frames = [(None, thermal) for _, thermal in read_frames()]
    np.testing.assert_array_equal(
        predict(network, frames, missing="visible"), predict(loaded, frames, missing="visible")
    )
    with pytest.raises(MdjaxError, match="was exported with --missing visible; give the same"):
        predict(network, read_frames())
    with pytest.raises(MdjaxError, match="omit --missing, or export the run with --missing therm"):
        make_image_predictor(load_exported(exported), missing="thermal")


def test_thermal_image_of_another_size_is_scaled_and_told(exported: Path, tmp_path: Path) -> None:
    """Between the sensor's size and the visible image's: a run uses all of its pixels."""
    visible, thermal = write_folders(tmp_path, 2)
    for number, name in enumerate("ab"):
        write_thermal(thermal / f"{name}.png", make_thermal_u8(number, (16, 24)))
    written = predict_files(load_exported(exported), visible, thermal, out_dir=tmp_path / "out")
    assert written.notes[0].startswith("2 of 2 images: thermal 24x16 was scaled to 12x8, which the")


def test_counts_are_read_by_the_range_of_the_training(tmp_path: Path) -> None:
    loaded = create_loaded_network(thermal_range_counts=(1000.0, 1510.0))
    network = load_exported(export(loaded, tmp_path / "exported"))
    frames = [(visible, 1000 + 2 * thermal.astype(np.uint16)) for visible, thermal in read_frames()]
    np.testing.assert_array_equal(predict(network, frames), predict(loaded, frames))


def test_view_of_the_training_is_kept(tmp_path: Path) -> None:
    loaded = create_loaded_network(training_view="cut to 24x16")
    assert load_exported(export(loaded, tmp_path / "exported")).training_view == "cut to 24x16"


def run_command(*arguments: Any) -> int:
    return main(["predict", *map(str, arguments)])


def test_command_takes_an_export(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = create_loaded_network()
    visible, thermal = write_folders(tmp_path, 3)
    predict_files(loaded, visible, thermal, out_dir=tmp_path / "expected", simulate="never")
    options = ("--thermal", thermal, "--out-dir", tmp_path / "out", "--json", "--batch-size", 2)
    assert run_command(exported, visible, *options, "--model", "stablehlo") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["network"], report["step"]) == ("ImageLevel", 7)
    assert report["model"] == str(exported / "model.stablehlo")
    assert [image["name"] for image in report["images"]] == ["a", "b", "c"]
    assert "passed through the simulated camera of the training, 12x8" in report["notes"][0]
    assert read_image(tmp_path / "out/c_labels.png").shape == (32, 48)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--model", "int8"), "has no model_int8.onnx among its files (model.onnx, model.stab"),
        (("--checkpoint", "best"), "is an export, of one state; omit --checkpoint"),
        (("--missing", "thermal"), "was exported for all of its images; omit --missing"),
        (("--score-threshold", "0.5"), "labels pixels, which have no score"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    exported: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    message: str,
) -> None:
    visible, thermal = write_folders(tmp_path, 1)
    out_dir = tmp_path / "out"
    images = (visible, "--thermal", thermal, "--out-dir", out_dir)
    assert run_command(exported, *images, *options) == 2
    assert message in capsys.readouterr().err
    assert not out_dir.exists()


def test_model_is_for_exports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "load_network", lambda *_: create_loaded_network())
    visible, thermal = write_folders(tmp_path, 1)
    assert run_command("run", visible, "--thermal", thermal, "--model", "int8") == 2
    assert "run: is no export; omit --model, or give what `mdjax export`" in capsys.readouterr().err


def test_model_that_was_changed_is_refused(exported: Path, tmp_path: Path) -> None:
    """Only the model that is used is read: another one may be gone."""
    folder = change_card(exported, tmp_path / "exported")
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)
    with pytest.raises(MdjaxError, match=r"model\.onnx: is not the file that card\.json describe"):
        load_exported(folder)
    assert load_exported(folder, "stablehlo").batch_size is None
    (folder / "model.stablehlo").unlink()
    with pytest.raises(MdjaxError, match=r"model\.stablehlo: file is missing"):
        load_exported(folder, "stablehlo")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 4}, "has version 4, but this mdjax reads version 3; use the version of mdjax"),
        ({"version": 2}, "was written by an earlier version of mdjax. Export the run again"),
        ({"version": "3"}, "is damaged. Export the run again"),
        ({"config": {"version": 99}}, "its configuration has version 99, but this mdjax reads"),
        ({"class_names": 3}, "is damaged. Export the run again"),
        ({"files": {}}, "has no model.onnx among its files (none); export the run with it"),
    ],
)
def test_card_that_cannot_be_read_is_refused(
    exported: Path, tmp_path: Path, changes: Any, message: str
) -> None:
    folder = change_card(exported, tmp_path / "exported", **changes)
    with pytest.raises(MdjaxError) as caught:
        load_exported(folder)
    assert message in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(("model", "engine"), [("float", "ONNX Runtime"), ("stablehlo", "JAX")])
def test_model_that_its_engine_does_not_know_is_one_message(
    exported: Path, tmp_path: Path, model: Any, engine: str
) -> None:
    """Such as one of a later version: its hash is right."""
    folder = change_card(exported, tmp_path / "exported")
    card = json.loads((folder / "card.json").read_text())
    for name in ("model.onnx", "model.stablehlo"):
        (folder / name).write_bytes(b"of another time")
        card["files"][name]["sha256"] = hash_file(folder / name)
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(
        MdjaxError, match=f"cannot be loaded by this version of {engine} "
    ) as caught:
        load_exported(folder, model)
    assert len(str(caught.value).splitlines()) == 1


def test_onnx_runtime_that_is_not_installed_is_named(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MdjaxError, match="needs ONNX Runtime: pip install onnxruntime"):
        load_exported(exported)
    assert load_exported(exported, "stablehlo").class_names[0] == "unlabelled"


def test_model_in_8_bits_is_used_if_asked(exported: Path, tmp_path: Path) -> None:
    """Here under the name of one in 8 bits, the labels are those of the model in its file."""
    model = exported / "model.onnx"
    described = json.loads((exported / "card.json").read_text())["files"]["model.onnx"]
    files = {"model.onnx": described, INT8_FILE: described}
    folder = change_card(exported, tmp_path / "exported", files=files)
    (folder / INT8_FILE).write_bytes(model.read_bytes())
    (folder / "model.onnx").unlink()
    network = load_exported(folder, "int8")
    assert network.source == folder / INT8_FILE
    np.testing.assert_array_equal(
        predict(network, read_frames()), predict(create_loaded_network(), read_frames())
    )
