"""8-bit models: rounding by hand, what stays in float, scores before and after, refusal."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import onnx
import pytest

from mdjax.cli import export as command
from mdjax.cli.main import EXIT_BAD_INPUT, main
from mdjax.data.source import open_split
from mdjax.data.thermal_camera import ThermalCamera, simulate_camera
from mdjax.export import int8
from mdjax.export.artefact import read_card
from mdjax.export.deployment import deploy
from mdjax.export.export import export_network
from mdjax.export.feeds import make_feed, read_feeds_of_files, read_feeds_of_split
from mdjax.export.int8 import Int8Options
from mdjax.export.onnx_model import create_onnx_model
from mdjax.export.onnx_session import open_session, score_model
from mdjax.export.quantisation import find_end_nodes, quantise
from mdjax.export.sensitivity import (
    LayerError,
    measure_layer_errors,
    round_activations,
    round_kernel,
)
from mdjax.export.simplification import simplify
from mdjax.predict.inputs import prepare_pair
from mdjax.predict.pairs import PairFiles, read_pair
from mdjax.runs.loading import LoadedNetwork, load_network
from mdjax.runs.scoring import evaluate_network
from mdjax.types import MdjaxError
from tests.conftest import SmallRuns, SmallScenes
from tests.export.networks import create_loaded
from tests.runs.small import SIZE_HW


def test_activations_are_rounded_to_256_steps() -> None:
    """Between −1 and 254 a step is 1 and the zero its second value: 0.4 → 0, 0.6 → 1, 300 → 254."""
    rounded = round_activations(np.asarray([-1.0, 0.0, 0.4, 0.6, 300.0]), -1.0, 254.0)
    np.testing.assert_allclose(rounded, [-1, 0, 0, 1, 254])


def test_kernels_are_rounded_for_each_output_channel() -> None:
    """A channel up to 127 has steps of 1, one up to 12.7 steps of 0.1."""
    kernel = np.asarray([[127.0, 12.7], [0.4, 0.44]]).reshape(1, 1, 2, 2)
    np.testing.assert_allclose(
        round_kernel(kernel).reshape(2, 2), [[127.0, 12.7], [0.0, 0.4]], atol=1e-9
    )


def test_each_convolution_has_its_own_error() -> None:
    """8 bits change the output of a convolution by about a percent, of none by nothing."""
    deployment = deploy(create_loaded())
    graph = simplify(deployment)[-1].graph
    rng = np.random.default_rng(0)
    feeds = [
        [rng.integers(0, 256, shape.shape).astype(np.uint8) for shape in deployment.list_shapes()]
        for _ in range(2)
    ]
    errors = measure_layer_errors(graph, feeds)
    num_convolutions = sum(x.kind == "conv_general_dilated" for x in graph.operations)
    assert len(errors) == num_convolutions
    assert all(1e-4 < x.error < 0.1 for x in errors)


def make_model(loaded: LoadedNetwork) -> tuple[Any, onnx.ModelProto, list[Any]]:
    deployment = deploy(loaded)
    model = create_onnx_model(simplify(deployment)[-1].graph, deployment)
    rng = np.random.default_rng(0)
    visible, thermal = rng.random((*SIZE_HW, 3), np.float32), rng.random(SIZE_HW, np.float32)
    feed = make_feed(deployment, loaded.config, visible, thermal)
    return deployment, model, [feed]


def test_sensitive_convolutions_and_the_last_ones_stay_in_float() -> None:
    _, model, feeds = make_model(create_loaded())
    errors = [LayerError("MdStudent/backbone/conv1", 0.2), LayerError("MdStudent/attention", 0.01)]
    quantised, kept = quantise(model, feeds, errors, keep_above=0.1)
    assert kept == ["MdStudent/backbone/conv1/Conv", "MdStudent/head/classifier/Conv"]
    made = onnx.load_model_from_string(quantised)
    makers = {name: node.op_type for node in made.graph.node for name in node.output}
    quantised_inputs = {
        node.name: makers.get(node.input[1]) for node in made.graph.node if node.op_type == "Conv"
    }
    assert all(quantised_inputs.pop(name) != "DequantizeLinear" for name in kept)
    assert set(quantised_inputs.values()) == {"DequantizeLinear"}


def test_symmetric_steps_are_centred_on_zero() -> None:
    """TensorRT takes signed numbers of 8 bits with zero points of 0, and no biases of 32 bits."""
    _, model, feeds = make_model(create_loaded())
    symmetric, _ = quantise(model, feeds, [], symmetric=True)
    made = onnx.load_model_from_string(symmetric)
    constants = {x.name: onnx.numpy_helper.to_array(x) for x in made.graph.initializer}
    nodes = [x for x in made.graph.node if x.op_type in ("QuantizeLinear", "DequantizeLinear")]
    zero_points = [constants[node.input[2]] for node in nodes]
    assert len(zero_points) > 50
    assert {x.dtype for x in zero_points} == {np.dtype(np.int8)}
    assert not any(x.any() for x in zero_points)
    usual, _ = quantise(model, feeds, [])
    in_float, in_steps, centred = (
        open_session(content)(feeds[0])[0]
        for content in (model.SerializeToString(), usual, symmetric)
    )
    size = np.abs(in_float).max()
    for rounded in (in_steps, centred):
        assert 0 < np.abs(rounded - in_float).max() < 0.1 * size
    assert not np.array_equal(in_steps, centred)


def test_end_nodes_are_the_last_convolutions() -> None:
    _, model, _ = make_model(create_loaded())
    assert find_end_nodes(model) == ["MdStudent/head/classifier/Conv"]
    deployment = deploy(create_loaded(detects=True), head="raw")
    names = find_end_nodes(create_onnx_model(simplify(deployment)[-1].graph, deployment))
    assert len(names) == 6
    assert all(name.endswith("output/Conv") for name in names)


def test_camera_pixels_are_those_of_the_evaluation() -> None:
    """Scaled up, the thermal input is what the pipeline shows the network, but for 8 bits."""
    loaded = create_loaded()
    deployment = deploy(loaded)
    rng = np.random.default_rng(0)
    visible, thermal = rng.random((*SIZE_HW, 3), np.float32), rng.random(SIZE_HW, np.float32)
    feed = make_feed(deployment, loaded.config, visible, thermal)
    assert feed["thermal"].shape == (1, SIZE_HW[0] // 4, SIZE_HW[1] // 4, 1)
    large = cv2.resize(
        feed["thermal"][0, ..., 0] / np.float32(255), SIZE_HW[::-1], interpolation=cv2.INTER_LINEAR
    )
    np.testing.assert_allclose(large, simulate_camera(thermal, ThermalCamera()), atol=0.51 / 255)


def test_one_array_holds_what_the_camera_sees() -> None:
    """Scaled up, like what the network was trained with, and not the full-resolution image."""
    loaded = create_loaded()
    deployment = deploy(loaded, in_one_array=True, input_type="float")
    rng = np.random.default_rng(0)
    visible, thermal = rng.random((*SIZE_HW, 3), np.float32), rng.random(SIZE_HW, np.float32)
    feed = make_feed(deployment, loaded.config, visible, thermal)
    expected = simulate_camera(thermal, ThermalCamera())
    np.testing.assert_allclose(feed["visible_thermal"][0, ..., 3], expected, atol=1e-6)


def write_pair(folder: Path, *, scale: int) -> tuple[PairFiles, np.ndarray, np.ndarray]:
    """Files of a pair, whose thermal image is so many times smaller."""
    rng = np.random.default_rng(0)
    visible = rng.integers(0, 256, (*SIZE_HW, 3)).astype(np.uint8)
    size_hw = (SIZE_HW[0] // scale, SIZE_HW[1] // scale)
    thermal = rng.integers(0, 256, size_hw).astype(np.uint8)
    cv2.imwrite(str(folder / "visible.png"), visible[..., ::-1])
    cv2.imwrite(str(folder / "thermal.png"), thermal)
    return PairFiles("a", folder / "visible.png", folder / "thermal.png"), visible, thermal


def test_files_become_the_same_inputs(tmp_path: Path) -> None:
    """A thermal image with the camera's own pixels goes in unchanged."""
    loaded = create_loaded()
    deployment = deploy(loaded)
    files, visible, thermal = write_pair(tmp_path, scale=4)
    (feed,) = read_feeds_of_files(deployment, loaded, [files])
    np.testing.assert_array_equal(feed["visible"][0], visible)
    np.testing.assert_array_equal(feed["thermal"][0, ..., 0], thermal)
    with pytest.raises(
        MdjaxError, match=r"visible\.png: has no thermal image beside it.*--calibrate-thermal"
    ):
        read_feeds_of_files(deployment, loaded, [PairFiles("a", tmp_path / "visible.png")])


@pytest.mark.parametrize("in_one_array", [False, True])
def test_small_thermal_files_are_scaled_up_as_for_predictions(
    tmp_path: Path, in_one_array: bool
) -> None:
    """Without rounding to grey levels."""
    loaded = create_loaded()
    deployment = deploy(loaded, in_one_array=in_one_array, input_type="float")
    files, _, _ = write_pair(tmp_path, scale=8)
    (feed,) = read_feeds_of_files(deployment, loaded, [files])
    found = feed["visible_thermal" if in_one_array else "thermal"][0, ..., -1]
    expected = prepare_pair(read_pair(files), loaded.config, thermal_size_hw=found.shape).thermal
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.fixture
def trained(small_runs: SmallRuns) -> LoadedNetwork:
    """The shared distilled student, with the scores of its run."""
    return load_network(small_runs.root / "distilled")


def test_model_in_float_scores_as_the_network(trained: LoadedNetwork) -> None:
    """Grey levels of 8 bits move no pixel of these tiny networks' labels by much."""
    deployment = deploy(trained, input_type="float")
    model = create_onnx_model(simplify(deployment)[-1].graph, deployment)
    split = open_split(trained.config.dataset, "test", trained.config.data_dir)
    found = score_model(open_session(model.SerializeToString()), deployment, trained, split)
    expected = evaluate_network(trained, split="test").to_metrics()
    for name, value in found.to_metrics().items():
        np.testing.assert_allclose(value, expected[name], atol=0.2, err_msg=name)


def test_export_adds_a_scored_model_in_8_bits(trained: LoadedNetwork, tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    export_network(trained, folder, formats=("onnx",), int8=Int8Options(max_drop=100))
    card = read_card(folder)
    assert set(card["files"]) == {
        *("model.onnx", "model_int8.onnx", "calibration.npz", "end_nodes.txt"),
    }
    scores = card["int8"]["scores"]
    assert card["int8"]["drop"] == pytest.approx(scores["float"] - scores["int8"])
    with np.load(folder / "calibration.npz") as calibration:
        assert set(calibration) == {"visible", "thermal"}
        assert len(calibration["visible"]) == card["int8"]["num_calibration_pairs"] == 16
    in_float, in_8_bits = (
        card["files"][name]["operators"] for name in ("model.onnx", "model_int8.onnx")
    )
    assert in_8_bits["Conv"] == in_float["Conv"]
    assert in_8_bits["QuantizeLinear"] > 0
    assert "QuantizeLinear" not in in_float
    small, large = (card["files"][name]["num_bytes"] for name in ("model_int8.onnx", "model.onnx"))
    assert small < large


def test_model_that_loses_too_much_is_refused(
    trained: LoadedNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """50 points in float and 49.4 in 8 bits: 0.6 where 0.5 are allowed."""
    metric = trained.config.task.get_main_metric(trained.class_names)
    scores = iter([50.0, 49.4])

    def score(*_: Any) -> Any:
        return SimpleNamespace(to_metrics=lambda: {metric: next(scores)})

    monkeypatch.setattr(int8, "score_model", score)
    with pytest.raises(MdjaxError, match=f"int8 costs 0.60 points of {metric} .50.00 → 49.40."):
        export_network(
            trained, tmp_path / "exported", formats=("onnx",), int8=Int8Options(max_drop=0.5)
        )
    assert not (tmp_path / "exported").exists()


def test_calibration_needs_images(trained: LoadedNetwork, tmp_path: Path) -> None:
    options = Int8Options(calibrate=tmp_path / "nothing")
    with pytest.raises(MdjaxError, match="nothing: there is no such file"):
        export_network(trained, tmp_path / "exported", formats=("onnx",), int8=options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--int8", "--batch-size", "2"], "omit --batch-size"),
        (["--int8", "--formats", "stablehlo"], "add onnx to --formats"),
        (["--max-drop", "1"], "--keep-above and --symmetric are for 8 bits; add --int8"),
        (["--int8", "--max-drop", "-1"], "max_drop is -1.0; give 0 or more"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    options: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "load_network", lambda *_: create_loaded())
    out = tmp_path / "exported"
    assert main(["export", "run", "--out-dir", str(out), *options]) == EXIT_BAD_INPUT
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_calibration_is_spread_over_the_split(small_scenes: SmallScenes) -> None:
    loaded = create_loaded()
    config = replace(loaded.config, dataset=small_scenes.dataset, data_dir=small_scenes.data_dir)
    split = open_split(small_scenes.dataset, "train", small_scenes.data_dir)
    deployment = deploy(loaded)
    feeds = read_feeds_of_split(deployment, config, split, 4)
    every = read_feeds_of_split(deployment, config, split, 16)
    for few, one_of in zip(feeds, every[::4], strict=True):
        np.testing.assert_array_equal(few["visible"], one_of["visible"])
