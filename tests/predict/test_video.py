"""A video pair is predicted as its frames are, and nothing that is half done is left."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdjax.align.common_view import make_common_view
from mdjax.models.config import VisibleOnlyConfig
from mdjax.predict import video_pair
from mdjax.predict.files import predict_files
from mdjax.predict.images import make_image_predictor
from mdjax.predict.video import VideoPredictions
from mdjax.predict.video_pair import VideoFiles, find_videos
from mdjax.types import MdjaxError
from tests.align import rigs
from tests.predict.anchor_network import create_loaded_detector, make_cells_u8
from tests.predict.image_files import (
    make_thermal_u8,
    make_visible_u8,
    read_image,
    write_thermal,
    write_visible,
)
from tests.predict.pixel_network import create_loaded_network
from tests.predict.video_files import read_frames, write_frames

NUM_FRAMES = 5


def write_pair(
    folder: Path,
    num_frames: Sequence[int] = (NUM_FRAMES, NUM_FRAMES),
    rates: tuple[float, float] = (10, 10),
) -> tuple[Path, Path]:
    """Random frames that FFV1 keeps as they are."""
    visible = [make_visible_u8(number) for number in range(num_frames[0])]
    thermal = [make_thermal_u8(number) for number in range(num_frames[1])]
    return (
        write_frames(folder / "visible.avi", visible, rates[0]),
        write_frames(folder / "thermal.avi", thermal, rates[1]),
    )


def predict(loaded: Any, *paths: Path, out_dir: Path, **options: Any) -> VideoPredictions:
    predictions = predict_files(loaded, *paths, out_dir=out_dir, **options)
    assert isinstance(predictions, VideoPredictions)
    return predictions


def list_files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def replace_frame(
    monkeypatch: pytest.MonkeyPatch, camera: str, replaced: dict[int, np.ndarray | None]
) -> None:
    """What a decoder gives of some frames of one camera's video; None for the end."""

    class Reader(video_pair.VideoReader):
        number = -1

        def read(self) -> np.ndarray | None:
            self.number += 1
            frame = super().read()
            is_replaced = camera in self.path.name and self.number in replaced
            return replaced[self.number] if is_replaced else frame

    monkeypatch.setattr(video_pair, "VideoReader", Reader)


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_labels_of_frames_are_those_of_images(tmp_path: Path, batch_size: int) -> None:
    """Five frames in batches of 1; of 3, the last filled up; and in one that is not full."""
    loaded = create_loaded_network()
    predictions = predict(
        loaded, *write_pair(tmp_path), out_dir=tmp_path / "out", batch_size=batch_size
    )
    predict_image = make_image_predictor(loaded)
    expected = [predict_image(make_visible_u8(i), make_thermal_u8(i)) for i in range(NUM_FRAMES)]
    for number, labels_u8 in enumerate(expected):
        written = read_image(tmp_path / f"out/visible_labels/{number:06d}.png")
        np.testing.assert_array_equal(written, labels_u8)
    records = json.loads((tmp_path / "out/visible_labels.json").read_text())
    assert records["class_names"] == list(loaded.class_names)
    assert records["frames_per_second"] == 10
    assert records["thermal"] == str(tmp_path / "thermal.avi")
    assert [frame["frame"] for frame in records["frames"]] == [0, 1, 2, 3, 4]
    assert [frame["time_s"] for frame in records["frames"]] == [0, 0.1, 0.2, 0.3, 0.4]
    assert records["frames"][2]["labels"] == "visible_labels/000002.png"
    pixels = np.bincount(np.ravel(expected), minlength=9)
    assert list(predictions.class_counts.values()) == pixels.tolist()
    assert predictions.num_frames == NUM_FRAMES
    assert predictions.frames_per_second > 0
    assert "5 of 5 frames: thermal 48x32 was passed through" in predictions.notes[0]
    assert len(read_frames(tmp_path / "out/visible_overlay.mp4")) == NUM_FRAMES


def test_boxes_of_frames_are_in_the_records(tmp_path: Path) -> None:
    """A bright cell that moves to the right, over frames that are twice as large as the network's.

    It is 16 pixels wide at the working size, so 32 in the frame; white scores sigmoid(4) = 0.982.
    """
    size_hw = (64, 96)
    cells = [make_cells_u8((1, column), size_hw=size_hw) for column in range(3)]
    visible = write_frames(tmp_path / "v.mkv", [cell[..., None].repeat(3, -1) for cell in cells])
    thermal = write_frames(tmp_path / "t.mkv", [np.zeros(size_hw, np.uint8)] * 3)
    predictions = predict(create_loaded_detector(), visible, thermal, out_dir=tmp_path / "out")
    assert list_files(tmp_path / "out") == ["detections.json", "v_detections.mp4"]
    records = json.loads((tmp_path / "out/detections.json").read_text())
    assert (records["class_names"], records["score_threshold"]) == (["person"], 0.3)
    boxes = [frame["boxes_xyxy_px"] for frame in records["frames"]]
    assert boxes == [[[0, 32, 32, 64]], [[32, 32, 64, 64]], [[64, 32, 96, 64]]]
    assert [frame["scores"] for frame in records["frames"]] == [[0.982]] * 3
    assert predictions.class_counts == {"person": 3}
    assert predictions.to_dict()["num_detections"] == {"person": 3}
    frames = read_frames(tmp_path / "out/v_detections.mp4")
    assert [frame.shape for frame in frames] == [(64, 2 * 96, 3)] * 3  # both images


def test_frames_are_cut_and_warped_as_files_are(tmp_path: Path) -> None:
    """The same pixels in a video of one frame and in image files."""
    loaded = create_loaded_network()
    visible, thermal = rigs.make_visible_u8(0), rigs.make_thermal_u8(0)
    videos = (
        write_frames(tmp_path / "v.avi", [visible]),
        write_frames(tmp_path / "t.avi", [thermal]),
    )
    write_visible(tmp_path / "v.png", visible)
    write_thermal(tmp_path / "t.png", thermal)
    view = make_common_view(None, rigs.write_values(tmp_path / "rig.json"))
    predict(loaded, *videos, out_dir=tmp_path / "out", view=view)
    files = (tmp_path / "v.png", tmp_path / "t.png")
    predict_files(loaded, *files, out_dir=tmp_path / "expected", view=view)
    labels_u8 = read_image(tmp_path / "out/v_labels/000000.png")
    assert labels_u8.shape == (24, 32)
    np.testing.assert_array_equal(labels_u8, read_image(tmp_path / "expected/v_labels.png"))


@pytest.mark.parametrize("name", ["homography", "crop"])
def test_boxes_of_a_part_count_in_the_whole_frame(name: str, tmp_path: Path) -> None:
    """The part begins at (8, 3); its 32x24 pixels have cells of 10.7x12."""
    visible_u8 = np.zeros((30, 40), np.uint8)
    visible_u8[3:27, 8:] = make_cells_u8((1, 2), size_hw=(24, 32))
    visible = write_frames(tmp_path / "v.avi", [visible_u8[..., None].repeat(3, -1)])
    thermal = write_frames(tmp_path / "t.avi", [np.zeros((12, 16), np.uint8)])
    rig = rigs.write_values(tmp_path / "rig.json")
    view = make_common_view(rigs.PART, rig if name == "homography" else None)
    predict(create_loaded_detector(), visible, thermal, out_dir=tmp_path / "out", view=view)
    records = json.loads((tmp_path / "out/detections.json").read_text())
    (box,) = records["frames"][0]["boxes_xyxy_px"]
    np.testing.assert_allclose(box, [8 + 64 / 3, 3 + 12, 40, 27], atol=0.1)


@pytest.mark.parametrize(
    ("num_frames", "rates", "expected"),
    [
        ((5, 4), (10, 10), r"5 frames at 10 per second and 4 frames at 10 per second; cut both"),
        ((5, 5), (10, 25), r"5 frames at 10 per second and 5 frames at 25 per second; cut both"),
    ],
)
def test_videos_that_do_not_run_in_step_are_refused(
    tmp_path: Path, num_frames: tuple[int, int], rates: tuple[float, float], expected: str
) -> None:
    paths = write_pair(tmp_path, num_frames, rates)
    with pytest.raises(MdjaxError, match=expected):
        predict(create_loaded_network(), *paths, out_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_rounded_rates_are_equal(tmp_path: Path) -> None:
    paths = write_pair(tmp_path, rates=(29.97, 30))
    predictions = predict(create_loaded_network(), *paths, out_dir=tmp_path / "out")
    assert predictions.num_frames == NUM_FRAMES


def test_end_that_the_header_does_not_tell_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thermal video can be decoded up to its third frame."""
    replace_frame(monkeypatch, "thermal", {3: None})
    predictions = predict(create_loaded_network(), *write_pair(tmp_path), out_dir=tmp_path / "out")
    assert predictions.num_frames == 3
    damage, rest = predictions.notes[-2:]
    assert "thermal.avi: 3 frames could be read, though its header tells of 5; it is" in damage
    assert f"ends after 3 frames, but {tmp_path / 'visible.avi'} goes on; the rest was left" in rest
    assert len(read_frames(tmp_path / "out/visible_overlay.mp4")) == 3


def test_video_of_unknown_length_and_rate_is_predicted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reader(video_pair.VideoReader):
        def __init__(self, *arguments: Any, **options: Any):
            super().__init__(*arguments, **options)
            self.num_frames = self.frames_per_second = None

    monkeypatch.setattr(video_pair, "VideoReader", Reader)
    predictions = predict(create_loaded_network(), *write_pair(tmp_path), out_dir=tmp_path / "out")
    assert predictions.num_frames == NUM_FRAMES
    assert "no frame rate is known, the video was written with 25" in predictions.notes[-1]
    records = json.loads((tmp_path / "out/visible_labels.json").read_text())
    assert records["frames"][1]["time_s"] is None


@pytest.mark.parametrize(
    ("camera", "frame", "problem"),
    [
        ("visible", np.zeros((40, 60, 3), np.uint8), "visible frame has 60x40 pixels, the first"),
        ("thermal", np.zeros((16, 24, 3), np.uint8), "thermal frame has 24x16 pixels, the first"),
        ("thermal", make_visible_u8(), "a thermal image is grey"),
    ],
)
def test_frame_that_does_not_fit_is_skipped_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, camera: str, frame: np.ndarray, problem: str
) -> None:
    """Frames 1 and 2, so that of batches of two there are a half and a half."""
    replace_frame(monkeypatch, camera, {1: frame, 2: frame})
    predictions = predict(
        create_loaded_network(), *write_pair(tmp_path), out_dir=tmp_path / "out", batch_size=2
    )
    assert (predictions.num_frames, predictions.num_skipped) == (3, 2)
    (note,) = [note for note in predictions.notes if "skipped" in note]
    assert note.startswith("2 frames skipped (1, 2): ")
    assert problem in note
    records = json.loads((tmp_path / "out/visible_labels.json").read_text())["frames"]
    assert [problem in frame.get("problem", "") for frame in records] == [
        *(False, True, True, False, False)
    ]
    names = list_files(tmp_path / "out/visible_labels")
    assert names == ["000000.png", "000003.png", "000004.png"]
    assert len(read_frames(tmp_path / "out/visible_overlay.mp4")) == 3


def test_first_frame_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    visible = write_frames(tmp_path / "v.avi", [make_visible_u8()])
    thermal = write_frames(tmp_path / "t.avi", [make_thermal_u8(0, (8, 8))])
    with pytest.raises(MdjaxError, match=r"t\.avi, frame 0: .*different aspects"):
        predict(create_loaded_network(), visible, thermal, out_dir=tmp_path / "out")
    with pytest.raises(MdjaxError, match=r"v\.avi, frame 0: .*v\.avi: a thermal image is grey"):
        predict(create_loaded_network(), visible, visible, out_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_counts_of_16_bits_are_read_by_the_range_of_the_training(tmp_path: Path) -> None:
    """From 1,000 to 1,510 counts, two counts are one of 255 grey levels; 8 bits are refused."""
    visible, grey = write_pair(tmp_path)
    counts = [1000 + 2 * make_thermal_u8(i).astype(np.uint16) for i in range(NUM_FRAMES)]
    thermal = write_frames(tmp_path / "thermal.mkv", counts)
    predict(create_loaded_network(), visible, grey, out_dir=tmp_path / "expected")
    with_range = create_loaded_network(thermal_range_counts=(1000.0, 1510.0))
    predict(with_range, visible, thermal, out_dir=tmp_path / "out")
    for name in list_files(tmp_path / "expected/visible_labels"):
        labels_u8, expected_u8 = (
            read_image(tmp_path / folder / "visible_labels" / name)
            for folder in ("out", "expected")
        )
        np.testing.assert_array_equal(labels_u8, expected_u8)
    with pytest.raises(MdjaxError, match="8 bits, where 16 bits of counts from 1000"):
        predict(with_range, visible, grey, out_dir=tmp_path / "refused")


def test_one_video_is_enough_where_the_network_needs_no_other(tmp_path: Path) -> None:
    visible, thermal = write_pair(tmp_path)
    for number, (loaded, path, options) in enumerate(
        [
            (create_loaded_network(config=VisibleOnlyConfig()), visible, {}),
            (create_loaded_network(), visible, {"missing": "thermal"}),
            (create_loaded_network(), thermal, {"missing": "visible"}),
        ]
    ):
        predictions = predict(loaded, path, out_dir=tmp_path / str(number), **options)
        assert predictions.num_frames == NUM_FRAMES
    with pytest.raises(MdjaxError, match=r"visible\.avi: the network needs .* thermal video too"):
        predict(create_loaded_network(), visible, out_dir=tmp_path / "out")


def test_video_and_something_else_are_refused(tmp_path: Path) -> None:
    visible, thermal = write_pair(tmp_path)
    with pytest.raises(MdjaxError, match=r"absent\.mp4: there is no such file"):
        find_videos(visible, tmp_path / "absent.mp4")
    (tmp_path / "a.png").touch()
    for other in (tmp_path, tmp_path / "a.png"):
        for paths in ((visible, other), (other, visible)):
            with pytest.raises(MdjaxError, match=f"{other}: is no video .* give two videos, or"):
                find_videos(*paths)
    assert find_videos(tmp_path) is None
    assert find_videos(visible, thermal) == VideoFiles(visible, thermal)
    assert find_videos(thermal, missing="visible") == VideoFiles(None, thermal)
    with pytest.raises(MdjaxError, match="batch_size is 0"):
        predict(create_loaded_network(), visible, thermal, out_dir=tmp_path, batch_size=0)


def test_earlier_files_are_replaced_only_on_request(tmp_path: Path) -> None:
    paths, out_dir = write_pair(tmp_path), tmp_path / "out"
    loaded = create_loaded_network()
    predict(loaded, *paths, out_dir=out_dir)
    (out_dir / "visible_labels/000009.png").touch()
    with pytest.raises(MdjaxError, match=r"3 times: already exists; replace it with --overwrite"):
        predict(loaded, *paths, out_dir=out_dir)
    predict(loaded, *paths, out_dir=out_dir, overwrite=True)
    assert "visible_labels/000009.png" not in list_files(out_dir)


def test_interruption_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Reader(video_pair.VideoReader):
        num_read = 0

        def read(self) -> np.ndarray | None:
            self.num_read += 1
            if self.num_read == 4:
                raise KeyboardInterrupt
            return super().read()

    paths = write_pair(tmp_path)
    monkeypatch.setattr(video_pair, "VideoReader", Reader)
    for loaded in (create_loaded_network(), create_loaded_detector()):
        with pytest.raises(KeyboardInterrupt):
            predict(loaded, *paths, out_dir=tmp_path / "out", batch_size=2)
        assert list_files(tmp_path / "out") == []


def test_damaged_video_is_one_message(tmp_path: Path) -> None:
    visible, thermal = write_pair(tmp_path)
    thermal.write_bytes(b"no video")
    with pytest.raises(MdjaxError, match=r"thermal\.avi: cannot be decoded as a video"):
        predict(create_loaded_network(), visible, thermal, out_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()
