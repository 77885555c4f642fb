"""`mdjax align`, from a folder of pairs to the file that `prepare` takes."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mdjax.align.homography import read_homography
from mdjax.align.units import list_corners, map_points
from mdjax.cli.main import EXIT_BAD_INPUT
from tests.align import warped_scenes
from tests.align.test_points import write_points
from tests.align.warped_scenes import make_pairs, measure_error_px
from tests.cli.running import run
from tests.data.factories import encode_png
from tests.data_builders.raw_pairs import write


@pytest.fixture
def raw_dir(tmp_path: Path) -> Path:
    """Four pairs in two splits."""
    folder = tmp_path / "raw"
    for number, (visible_u8, thermal_u8) in enumerate(make_pairs(range(4))):
        split = "train" if number < 3 else "test"
        bgr_u8 = cv2.cvtColor(visible_u8, cv2.COLOR_RGB2BGR)
        write(folder / "visible" / split / f"{number}.png", encode_png(bgr_u8))
        write(folder / "thermal" / split / f"{number}.png", encode_png(thermal_u8))
    return folder


@pytest.fixture
def points(tmp_path: Path) -> Path:
    thermal = list_corners(warped_scenes.THERMAL_HW) * 60 + 5
    thermal = np.vstack([thermal, [[30, 20], [40, 35]]])
    rows = np.hstack([map_points(warped_scenes.KNOWN, thermal), thermal])
    return write_points(tmp_path / "points.csv", rows.tolist())


def test_pairs_are_aligned_and_prepared(
    raw_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next step that it prints works."""
    out = tmp_path / "rig.json"
    assert run("align", "--raw", raw_dir, "--out", out) == 0
    printed = capsys.readouterr().out
    assert "From 4 pairs; alignments of two halves of them differ by" in printed
    assert f"Look at it before you use it: {tmp_path / 'rig.png'}" in printed
    assert f"mdjax prepare rgbt-folder --raw {raw_dir} --homography {out}" in printed
    assert measure_error_px(read_homography(out)) < 0.7
    assert cv2.imread(str(tmp_path / "rig.png")) is not None
    write(raw_dir / "classes.txt", "person\n")
    for split, numbers in (("train", range(3)), ("test", range(3, 4))):
        for number in numbers:
            write(raw_dir / "labels" / split / f"{number}.txt", "0 .5 .5 .2 .2\n")
    command = ("prepare", "rgbt-folder", "--raw", raw_dir, "--homography", out)
    assert run(*command, "--data-dir", tmp_path / "data") == 0
    assert "thermal images warped onto it" in capsys.readouterr().out.replace("\n", " ")


def test_points_take_the_place_of_edges(
    raw_dir: Path, points: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rig.json"
    assert run("align", "--raw", raw_dir, "--out", out, "--points", points, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert measure_error_px(read_homography(out)) < 0.01
    assert report["homography"] == json.loads(out.read_text())
    assert report["homography"]["evidence"]["num_pairs"] == 6
    assert report["picture"] == str(tmp_path / "rig.png")
    left, top, right, bottom = report["part_xyxy_px"]
    assert 0 < left < right <= 128
    assert 0 < top < bottom <= 96


def test_files_of_an_earlier_call_are_kept(
    raw_dir: Path, points: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("align", "--raw", raw_dir, "--out", tmp_path / "rig.json", "--points", points)
    assert run(*command) == 0
    assert run(*command) == EXIT_BAD_INPUT
    assert "rig.json: already exists; replace it with --overwrite" in capsys.readouterr().err
    assert run(*command, "--overwrite") == 0


def test_nothing_is_written_where_nothing_is_found(
    raw_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One pair is missing, so that there are too few."""
    (raw_dir / "thermal" / "train" / "0.png").unlink()
    assert run("align", "--raw", raw_dir, "--out", tmp_path / "rig.json") == EXIT_BAD_INPUT
    error = capsys.readouterr().err
    assert "needs 4 pairs or more, there are 3" in error
    assert "Nothing was written" in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw"]


def test_images_of_several_rigs_are_refused(
    raw_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(raw_dir / "thermal" / "train" / "1.png", encode_png(np.zeros((30, 40), np.uint8)))
    write(raw_dir / "thermal" / "train" / "2.png", b"no image")
    assert run("align", "--raw", raw_dir, "--out", tmp_path / "rig.json") == EXIT_BAD_INPUT
    error = capsys.readouterr().err
    assert "thermal images: are of 80x60 (0), 40x30 (1) pixels; give pairs of one rig" in error
    assert "train/2.png: cannot be decoded" in error


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--num-pairs", "3"], "--num-pairs 3: give 4 or more"),
        (["--out", "rig.txt"], "rig.txt: give the file a name that ends in .json"),
        (["--out", "absent/rig.json"], "absent: there is no such folder"),
        (["--raw", "absent"], "absent: there is no such folder"),
        (["--points", "absent.csv"], "absent.csv"),
    ],
)
def test_wrong_options_are_told(
    raw_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("align", "--raw", raw_dir, *options) == EXIT_BAD_INPUT
    assert expected in capsys.readouterr().err


def test_folder_without_pairs_says_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "visible").mkdir()
    assert run("align", "--raw", tmp_path, "--out", tmp_path / "rig.json") == EXIT_BAD_INPUT
    assert "there are no images in it (*.png" in capsys.readouterr().err
