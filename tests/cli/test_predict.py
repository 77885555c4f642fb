"""`mdjax predict`, from arguments to files."""

import json
from pathlib import Path

import pytest

from mdjax.cli import predict
from mdjax.cli.main import main
from tests.predict.anchor_network import create_loaded_detector
from tests.predict.image_files import (
    make_thermal_u8,
    make_visible_u8,
    write_folders,
    write_thermal,
)
from tests.predict.pixel_network import create_loaded_network
from tests.predict.video_files import write_frames


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two pairs, and a run directory from which a small network is loaded."""
    monkeypatch.setattr(predict, "load_network", lambda *_: create_loaded_network())
    return write_folders(tmp_path, 2)


def make_arguments(folders: tuple[Path, Path], out_dir: Path) -> list[str]:
    visible, thermal = map(str, folders)
    return ["predict", "run", visible, "--thermal", thermal, "--out-dir", str(out_dir)]


def test_json_lists_what_was_written(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*make_arguments(folders, tmp_path / "out"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["network"] == "ImageLevel"
    assert [image["name"] for image in report["images"]] == ["a", "b"]
    for image in report["images"]:
        assert Path(image["labels"]).is_file()
        assert Path(image["overlay"]).is_file()
        assert sum(image["class_pixels"].values()) == 32 * 48
    assert sum(report["class_pixels"].values()) == 2 * 32 * 48
    assert report["milliseconds_per_image"] > 0
    assert "2 of 2 images: thermal 48x32 was passed through" in report["notes"][0]


def test_summary_says_what_was_done(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = make_arguments(folders, tmp_path / "out")
    assert main([*arguments, "--simulate-camera", "never", "--batch-size", "1"]) == 0
    output = capsys.readouterr().out
    assert "2 of 2 images: thermal 48x32 was used unchanged" in output
    assert "2 images labelled in" in output
    assert "car_stop" in output


def test_part_of_the_visible_image_is_labelled(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From 48x32 pixels on, half of each side: thermal images of 48x32 would be larger."""
    arguments = make_arguments(folders, tmp_path / "out")
    assert main([*arguments, "--visible-crop", "0", "0", "24", "16"]) == 2
    assert "the thermal image is larger than the visible one" in capsys.readouterr().err
    for name in "ab":
        write_thermal(folders[1] / f"{name}.png", make_thermal_u8(size_hw=(16, 24)))
    assert main([*arguments, "--visible-crop", "12", "8", "36", "24", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert sum(report["images"][0]["class_pixels"].values()) == 16 * 24
    assert "cut to 24x16 pixels at (12, 8)" in "".join(report["notes"])


def test_part_of_videos_is_labelled(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    videos = tmp_path / "visible.avi", tmp_path / "thermal.avi"
    write_frames(videos[0], [make_visible_u8(number) for number in range(2)])
    write_frames(videos[1], [make_thermal_u8(number, (16, 24)) for number in range(2)])
    arguments = [*make_arguments(videos, tmp_path / "out"), "--visible-crop", "12", "8"]
    assert main([*arguments, "50", "24", "--json"]) == 2
    assert "the visible frame: has 48x32 pixels, but --visible-crop" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main([*arguments, "36", "24", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert sum(report["class_pixels"].values()) == 2 * 16 * 24
    assert "2 of 2 frames: the visible image was cut to 24x16 pixels at (12, 8)" in report["notes"]


def test_wrong_homography_is_told_before_anything_is_loaded(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = make_arguments(folders, tmp_path / "out")
    assert main([*arguments, "--homography", str(tmp_path / "absent.json")]) == 2
    assert "absent.json: cannot be read" in capsys.readouterr().err


def test_second_run_is_refused_without_overwrite(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = make_arguments(folders, tmp_path / "out")
    assert main(arguments) == 0
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert "4 problems, nothing was written" in error
    assert "Traceback" not in error
    assert main([*arguments, "--overwrite"]) == 0


def test_folder_of_pairs_is_predicted_once(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`visible/` and `thermal/` in one folder, in which predictions would be found again."""
    raw_dir = folders[0].parent
    arguments = ["predict", "run", str(raw_dir), "--json", "--out-dir"]
    assert main([*arguments, str(raw_dir / "visible" / "out")]) == 2
    assert f"out: is in the folder of the images, {raw_dir};" in capsys.readouterr().err
    assert main([*arguments, str(tmp_path.with_name("out"))]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [image["name"] for image in report["images"]] == ["a", "b"]
    assert report["images"][1]["thermal"] == str(folders[1] / "b.png")


def test_video_pair_is_predicted(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    visible = write_frames(tmp_path / "v.avi", [make_visible_u8(i) for i in range(3)])
    thermal = write_frames(tmp_path / "t.avi", [make_thermal_u8(i) for i in range(3)])
    arguments = make_arguments((visible, thermal), tmp_path / "out")
    assert main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["num_frames"], report["num_skipped"]) == (3, 0)
    assert report["frames_per_second"] > 0
    assert sum(report["class_pixels"].values()) == 3 * 32 * 48
    assert Path(report["video"]).is_file()
    assert Path(report["records"]).is_file()
    assert main([*arguments, "--overwrite"]) == 0
    output = capsys.readouterr().out
    assert "3 of 3 frames: thermal 48x32 was passed through" in output
    assert "3 frames predicted, 0 skipped; " in output
    assert " frames per second, of which the network takes " in output
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "absent.mp4")]) == 2
    assert "absent.mp4: there is no such file or folder." in capsys.readouterr().err


def test_detector_finds_boxes(
    folders: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Random images score about 0.5 in each of their six cells."""
    monkeypatch.setattr(predict, "load_network", lambda *_: create_loaded_detector())
    arguments = make_arguments(folders, tmp_path / "out")
    assert main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["num_detections"] == {"person": 12}
    assert report["score_threshold"] == 0.3
    written = json.loads((tmp_path / "out" / "detections.json").read_text())
    for image, of_file in zip(report["images"], written["images"], strict=True):
        assert Path(image["picture"]).is_file()
        assert image["boxes_xyxy_px"] == of_file["boxes_xyxy_px"]
        assert len(image["boxes_xyxy_px"]) == 6
    assert main([*arguments, "--overwrite", "--score-threshold", "0.9"]) == 0
    output = capsys.readouterr().out
    assert "person                 0 found" in output
    assert "Scores of 0.9 or more in 2 images" in output


def test_labels_have_no_score(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = make_arguments(folders, tmp_path / "out")
    assert main([*arguments, "--score-threshold", "0.5"]) == 2
    assert "this network labels pixels, which have no score" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_missing_images_are_reported_without_traceback(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "absent.png")]) == 2
    assert "absent.png: there is no such file or folder." in capsys.readouterr().err


@pytest.mark.parametrize("name", ["model.onnx", "model_int8.onnx", "model.stablehlo"])
def test_export_without_its_card_is_no_wrong_path(
    name: str, folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export = tmp_path / "export"
    export.mkdir()
    (export / name).touch()
    assert main(["predict", str(export), *map(str, folders[:1]), "--missing", "thermal"]) == 2
    message = capsys.readouterr().err
    assert f"{export}/card.json: is missing, without which {name} cannot be used; " in message
    assert "export the run again" in message


def test_missing_run_is_reported_without_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    visible, _ = write_folders(tmp_path, 1)
    assert main(["predict", str(tmp_path / "absent"), str(visible)]) == 2
    assert "absent" in capsys.readouterr().err


def test_help_explains_each_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["predict", "--help"])
    assert caught.value.code == 0
    assert "four-channel PNG" in capsys.readouterr().out
