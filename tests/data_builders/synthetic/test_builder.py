"""The builder of generated scenes writes what the renderer draws, and never mixes settings."""

import dataclasses
import functools
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import rich.console

from data_builders import prepared
from data_builders.mfnet.layout import CLASS_NAMES
from data_builders.prepared import PreparedSummary, make_summary_table
from data_builders.synthetic import PrepareSynthetic, Synthetic, SyntheticConfig
from data_builders.synthetic import builder as synthetic
from data_builders.synthetic.builder import SPLIT_STARTS
from mdjax.data.source import open_split
from mdjax.scenes import RenderedScene, render_scene
from mdjax.types import MdjaxError
from tests.data_builders.reading import read_metadata

SIZE_HW = (32, 48)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture(scope="module")
def summary(data_dir: Path) -> PreparedSummary:
    return PrepareSynthetic(
        data_dir, num_train=6, num_val=3, num_test=4, image_size_hw=SIZE_HW, seed=1
    ).prepare()


def decode_png(data: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image


def test_default_settings_are_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TFDS knows a config of this name, and takes no other object in its place."""
    written: list[Any] = []

    def write(builder: Any) -> None:
        written.append(builder)
        raise MdjaxError("far enough")

    monkeypatch.setattr(prepared, "write_records", write)
    with pytest.raises(MdjaxError, match="far enough"):
        PrepareSynthetic(tmp_path).prepare()
    assert written[0].builder_config.name == "96x128_480_60_120_seed0"


def test_records_hold_the_rendered_scenes(summary: PreparedSummary, data_dir: Path) -> None:
    for split, num in (("train", 6), ("val", 3), ("test", 4)):
        source = open_split(summary.dataset, split, data_dir)
        assert len(source) == num
        assert source.get_class_names("labels") == CLASS_NAMES
        assert source.get_class_names("objects") == CLASS_NAMES
        for i in range(num):
            scene = render_scene(1, SPLIT_STARTS[split] + i, SIZE_HW)
            record = source[i]
            assert record["is_night"] == scene.is_night
            image = decode_png(record["visible_thermal"])
            labels_u8 = decode_png(record["labels"])
            np.testing.assert_array_equal(image[..., 2::-1], scene.visible_u8)
            np.testing.assert_array_equal(image[..., 3], scene.thermal_u8)
            np.testing.assert_array_equal(labels_u8, scene.labels_u8)
            objects = record["objects"]
            boxes_xyxy_px = np.reshape(objects["bbox_xyxy_px"], (-1, 4))
            np.testing.assert_array_equal(boxes_xyxy_px, scene.boxes_xyxy_px)
            np.testing.assert_array_equal(objects["label"], scene.box_class_ids)
            levels = np.digitize(scene.occlusion, [np.nextafter(0, 1), np.nextafter(0.5, 1)])
            np.testing.assert_array_equal(objects["occlusion"], levels)
            assert len(scene.box_class_ids) <= source.metadata["max_objects"]


def test_names_tell_the_scene_and_the_time_of_day(summary: PreparedSummary, data_dir: Path) -> None:
    train = open_split(summary.dataset, "train", data_dir)
    assert [train[i]["name"] for i in range(3)] == [b"00000D", b"00001N", b"00002D"]
    assert open_split(summary.dataset, "val", data_dir)[1]["name"] == b"1000001N"


def test_summary_counts_what_was_written(summary: PreparedSummary) -> None:
    """Even numbers are at day: of 3 validation scenes 2, of 4 test scenes 2."""
    assert summary.is_new
    assert summary.num_day == {"train": 3, "val": 2, "test": 2}
    assert summary.num_night == {"train": 3, "val": 1, "test": 2}
    assert sum(summary.class_pixels["val"]) == 3 * SIZE_HW[0] * SIZE_HW[1]
    drawn = [render_scene(1, index, SIZE_HW).labels_u8.ravel() for index in range(6)]
    expected = np.bincount(np.concatenate(drawn), minlength=len(CLASS_NAMES))
    np.testing.assert_array_equal(summary.class_pixels["train"], expected)
    printed = io.StringIO()
    rich.console.Console(width=500, file=printed).print(make_summary_table(summary))
    table = printed.getvalue()
    assert f"Prepared in {summary.folder}" in table
    for text in (*CLASS_NAMES, "day images", "night images", "%"):
        assert text in table


def test_second_call_reuses_the_folder_and_another_setting_gets_its_own(
    summary: PreparedSummary, data_dir: Path
) -> None:
    make_command = functools.partial(
        PrepareSynthetic, data_dir, num_train=6, num_val=3, num_test=4, image_size_hw=SIZE_HW
    )
    again = make_command(seed=1).prepare()
    assert not again.is_new
    assert again.folder == summary.folder
    assert again.class_pixels == summary.class_pixels
    other = make_command(seed=2).prepare()
    assert other.is_new
    assert other.folder != summary.folder
    assert other.class_pixels != summary.class_pixels


def test_overwrite_writes_the_same_scenes_again(tmp_path: Path) -> None:
    make_command = functools.partial(
        PrepareSynthetic, tmp_path, num_train=1, num_val=1, num_test=1, image_size_hw=SIZE_HW
    )
    first = make_command().prepare()
    again = make_command(overwrite=True).prepare()
    assert again.is_new
    assert again.class_pixels == first.class_pixels


def test_fingerprint_is_that_of_the_settings_and_the_scenes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_command = functools.partial(
        PrepareSynthetic, num_train=2, num_val=1, num_test=1, image_size_hw=SIZE_HW
    )

    def prepare(folder: str, **settings: Any) -> str:
        summary = make_command(tmp_path / folder, **settings).prepare()
        return read_metadata(summary.folder)["fingerprint"]

    first = prepare("a")
    assert len(first) == 16
    assert prepare("b") == first
    assert prepare("b", overwrite=True) == first
    assert prepare("a", seed=1) != first

    def render_darker(seed: int, index: int, size_hw: tuple[int, int]) -> RenderedScene:
        scene = render_scene(seed, index, size_hw)
        is_last = index == SPLIT_STARTS["test"]
        return dataclasses.replace(scene, thermal_u8=scene.thermal_u8 // 2) if is_last else scene

    monkeypatch.setattr(synthetic, "render_scene", render_darker)
    assert prepare("c") != first


def test_plain_tfds_calls_work(tmp_path: Path) -> None:
    config = SyntheticConfig(num_train=2, num_val=1, num_test=1, image_size_hw=SIZE_HW)
    assert config.name == "32x48_2_1_1_seed0"
    builder = Synthetic(data_dir=str(tmp_path), config=config)
    builder.download_and_prepare()
    source: Any = builder.as_data_source(split="train")  # type: ignore[call-arg]
    record = source[0]
    assert record["visible_thermal"].shape == (*SIZE_HW, 4)
    assert record["labels"].shape == (*SIZE_HW, 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_val": 0}, "num_val is 0"),
        ({"image_size_hw": (8, 8)}, "at least 16"),
        ({"seed": -1}, "seed -1"),
    ],
)
def test_impossible_settings_are_refused_before_anything_is_written(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(MdjaxError, match=message):
        PrepareSynthetic(tmp_path, **settings).prepare()
    assert not any(tmp_path.iterdir())


def test_preparing_needs_no_tensorflow_and_prints_nothing(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys\n"
        "from data_builders.synthetic import PrepareSynthetic\n"
        "from mdjax.data.source import open_split\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "summary = PrepareSynthetic(folder, num_train=1, num_val=1, num_test=1).prepare()\n"
        "open_split(summary.dataset, 'train', folder)[0]\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "WARNING" not in done.stderr


def test_two_processes_prepare_one_data_set_once(tmp_path: Path) -> None:
    """The second waits, and then finds what the first has written."""
    code = (
        "import pathlib\n"
        "from data_builders.synthetic import PrepareSynthetic\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "print(PrepareSynthetic(folder, num_train=40, num_val=1, num_test=1).prepare().is_new)\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    ends = [process.communicate(timeout=100) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ends
    assert sorted(out.strip() for out, _ in ends) == ["False", "True"]
