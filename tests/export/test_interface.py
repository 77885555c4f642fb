"""What the card says of each file is what the file takes and answers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import onnx
import pytest
from jax import export as jax_export

from mdjax.data.source import open_split
from mdjax.export.deployment import deploy
from mdjax.export.export import export_network
from mdjax.export.heads import list_heads
from mdjax.export.onnx_model import create_onnx_model
from mdjax.export.onnx_session import open_session, score_model
from mdjax.export.simplification import simplify
from mdjax.models.config import CskNetConfig, VisibleOnlyConfig
from mdjax.ops.boxes import decode_boxes
from mdjax.runs.loading import load_network
from mdjax.types import MdjaxError
from tests.conftest import SmallScenes
from tests.export.networks import create_loaded


def list_shapes(values: Any) -> dict[str, list[Any]]:
    return {
        x.name: [d.dim_param or d.dim_value for d in x.type.tensor_type.shape.dim] for x in values
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("detects", "options"),
    [
        (False, {"head": "logits", "layout": "nhwc", "batch_size": 2}),
        (False, {"head": "classes", "in_one_array": True}),
        (True, {"head": "raw", "batch_size": 2}),
        (True, {"head": "nms", "input_type": "float"}),
    ],
)
def test_each_file_is_described_as_it_is(detects: bool, options: Any, tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    loaded = create_loaded(detects=detects, size_hw=(64, 64))
    card = export_network(loaded, folder, formats=("onnx", "stablehlo"), **options).card

    described = card["files"]["model.onnx"]
    graph = onnx.load(folder / "model.onnx").graph
    assert {x["name"]: x["shape"] for x in described["inputs"]} == list_shapes(graph.input)
    assert {k: x["shape"] for k, x in described["outputs"].items()} == list_shapes(graph.output)
    types = [
        onnx.helper.tensor_dtype_to_np_dtype(x.type.tensor_type.elem_type) for x in graph.output
    ]
    assert [x["type"] for x in described["outputs"].values()] == [str(x) for x in types]

    described = card["files"]["model.stablehlo"]
    program = jax_export.deserialize(bytearray((folder / "model.stablehlo").read_bytes()))
    shapes = [[*map(str, x.shape)] for x in program.in_avals]
    assert [[*map(str, x["shape"])] for x in described["inputs"]] == shapes
    answered = jax.tree.unflatten(program.out_tree, program.out_avals)
    assert {
        name: ([*map(str, x["shape"])], x["type"]) for name, x in described["outputs"].items()
    } == {name: ([*map(str, x.shape)], str(x.dtype)) for name, x in answered.items()}
    for x in [*described["inputs"], *described["outputs"].values()]:
        assert len(x["axes"].split()) == len(x["shape"])


def test_raw_offsets_become_boxes_as_the_card_says() -> None:
    """An anchor with centre (20, 30), 10 wide and 20 high; each number below is in the text."""
    says = list_heads(create_loaded(detects=True).config.task)["raw"].outputs["box_offsets"].says
    assert "(x + 0.1 dx w, y + 0.1 dy h)" in says
    assert "w exp(0.2 dw) and the height h exp(0.2 dh); no exponent is above 4.135" in says
    anchor = np.asarray([[15.0, 20.0, 25.0, 40.0]], np.float32)
    dx, dy, dw, dh = 1.0, -2.0, 3.0, 50.0
    x, y, w, h = 20 + 0.1 * dx * 10, 30 + 0.1 * dy * 20, 10 * np.exp(0.2 * dw), 20 * np.exp(4.135)
    expected = [[x - w / 2, y - h / 2, x + w / 2, y + h / 2]]
    found = decode_boxes(np.asarray([[dx, dy, dw, dh]], np.float32), anchor)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("detects", [False, True])
def test_every_head_is_scored_alike(
    detects: bool, small_scenes: SmallScenes, request: pytest.FixtureRequest
) -> None:
    if detects:
        loaded = create_loaded(detects=True)
    else:
        loaded = load_network(request.getfixturevalue("small_runs").root / "native")
    split = open_split(small_scenes.dataset, "test", small_scenes.data_dir)
    scores = []
    for head in list_heads(loaded.config.task):
        deployment = deploy(loaded, head=head)
        model = create_onnx_model(simplify(deployment)[-1].graph, deployment)
        run = open_session(model.SerializeToString())
        scores.append(score_model(run, deployment, loaded, split).to_metrics())
    assert len(scores) == (3 if detects else 2)
    for of_head in scores[1:]:
        np.testing.assert_allclose([*of_head.values()], [*scores[0].values()], atol=1e-3)


def test_one_array_needs_two_images() -> None:
    with pytest.raises(MdjaxError, match="only the visible image is left to take"):
        deploy(create_loaded(), missing="thermal", in_one_array=True)


def test_only_image_of_a_camera_without_pixels_cannot_be_missing() -> None:
    """A network trained without a thermal camera sees the visible image alone."""
    loaded = create_loaded()
    camera = replace(loaded.config.pipeline.camera, resolution="none")
    config = replace(loaded.config, pipeline=replace(loaded.config.pipeline, camera=camera))
    with pytest.raises(MdjaxError, match="sees only the visible image; without it there is"):
        deploy(replace(loaded, config=config), missing="visible")


def test_branch_alone_is_folded_as_a_network_of_one_image(tmp_path: Path) -> None:
    """The same operators and operations, also after each simplification."""
    options: Any = {"formats": ("onnx",)}
    branch = export_network(
        create_loaded(CskNetConfig), tmp_path / "branch", missing="thermal", **options
    ).card
    alone = export_network(create_loaded(VisibleOnlyConfig), tmp_path / "alone", **options).card
    assert [x["gflop"] for x in branch["steps"]] == [x["gflop"] for x in alone["steps"]]
    operators = [card["files"]["model.onnx"]["operators"] for card in (branch, alone)]
    assert operators[0] == operators[1]


def test_card_does_not_promise_the_scores_of_both_images(tmp_path: Path) -> None:
    loaded = create_loaded(CskNetConfig)
    options: Any = {"formats": ("onnx",)}
    card = export_network(loaded, tmp_path / "one", missing="visible", **options).card
    assert "scores" not in card
    assert card["scores_with_both_images"] == loaded.scores
    metadata = onnx.load(tmp_path / "one" / "model.onnx").metadata_props
    assert "scores" not in {x.key for x in metadata}
    assert export_network(loaded, tmp_path / "two", **options).card["scores"] == loaded.scores
    # Without what it does not see, it scores the same.
    visible = create_loaded(VisibleOnlyConfig)
    card = export_network(visible, tmp_path / "three", missing="thermal", **options).card
    assert card["scores"] == visible.scores


def test_no_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MdjaxError, match="give at least one of onnx, stablehlo, safetensors"):
        export_network(create_loaded(), tmp_path / "exported", formats=())
    assert not (tmp_path / "exported").exists()
