"""`mdjax score-detections`: published numbers, every output, every bad input."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mdjax.cli.main import EXIT_BAD_INPUT, main
from mdjax.io.kaist_detections import write_detections

HEADER = "% bbGt version=3\n"
DAY, NIGHT = "set06/V000/I00019", "set09/V000/I00039"


def make_files(
    folder: Path,
    *,
    names: tuple[str, ...] = (DAY, NIGHT),
    annotation: str = "person 100 100 20 60 0 0 0 0 0 0 0\nperson? 300 100 200 200 0 0 0 0 0 0 0\n",
    detections: str = "1,100,100,20,60,0.9\n2,310,110,20,60,0.8\n",
) -> list[str]:
    """The arguments; one person is in each image, only that of the first is found."""
    for name in names:
        path = folder / "annotations" / f"{name.replace('/', '_')}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEADER + annotation)
    (folder / "list.txt").write_text("\n".join(names) + "\n")
    (folder / "detections.txt").write_text(detections)
    return [
        *("score-detections", "kaist", "--annotations", str(folder / "annotations")),
        *("--image-list", str(folder / "list.txt")),
        *("--detections", str(folder / "detections.txt")),
    ]


def run_json(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


# -- Published numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "reasonable", "distance", "occlusion"),
    [
        ("ACF_C_T", (47.32, 42.57, 56.17), (28.74, 53.67, 88.20), (62.94, 81.40, 88.08)),
        ("IATDNN-IAMSS", (14.95, 14.67, 15.72), (0.04, 28.55, 83.42), (45.43, 46.25, 64.57)),
        ("MSDS-RCNN", (11.34, 10.53, 12.94), None, None),
    ],
)
def test_released_detections_have_their_published_miss_rates(
    method: str,
    reasonable: tuple[float, ...],
    distance: tuple[float, ...] | None,
    occlusion: tuple[float, ...] | None,
    real_data_dir: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All, day, night; near, medium, far and occlusion none, partial, heavy as Zhou et al. state.

    "Improving multispectral pedestrian detection by addressing modality imbalance problems", ECCV
    2020, table 2; its row of MSDS-RCNN is of other detections than those released.
    """
    folder = real_data_dir / "kaist"
    arguments = [
        *("score-detections", "kaist", "--annotations", str(folder / "annotations_liu")),
        *("--image-list", str(folder / "test-all-20.txt")),
        *("--detections", str(folder / "detections" / f"{method}_result.txt")),
    ]
    scores = run_json(arguments, capsys)

    def get_scores(*names: str) -> tuple[float, ...]:
        return tuple(round(scores[f"miss_rate_{name}"], 2) for name in names)

    assert get_scores("all", "day", "night") == reasonable
    if distance is not None:
        assert get_scores("near", "medium", "far") == distance
    if occlusion is not None:
        kinds = ("occlusion_none", "occlusion_partial", "occlusion_heavy")
        assert get_scores(*kinds) == occlusion
    num_images, num_boxes = scores["num_images"], scores["num_boxes"]
    assert [num_images[name] for name in ("all", "day", "night")] == [2252, 1455, 797]
    assert [num_boxes[name] for name in ("all", "day", "night")] == [1455, 989, 466]


# -- Outputs --------------------------------------------------------------------------------------


def test_json_has_scores_counts_and_curve(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By day 1 of 1 is found, at night 0 of 1, and what lies in `person?` does not count."""
    scores = run_json(make_files(tmp_path), capsys)
    assert scores["rule"] == "matlab"
    assert scores["miss_rate_all"] == pytest.approx(50)
    assert scores["miss_rate_day"] == pytest.approx(1e-8)
    assert scores["miss_rate_night"] == pytest.approx(100)
    assert scores["miss_rate_near"] is None  # nobody is that tall
    assert scores["num_boxes"]["all"] == 2
    assert scores["num_boxes"]["near"] == 0
    assert scores["num_images"]["night"] == 1
    assert scores["num_detections"] == 2
    np.testing.assert_allclose(np.log10(scores["curve"]["fppi"]), np.arange(-2, 0.1, 0.25))
    assert scores["curve"]["miss_rate_percent"]["all"] == [50.0] * 9


def test_table_tells_rule_scores_and_who_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(make_files(tmp_path)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "KAIST, log-average miss rate in percent, matlab rule; 2 detections"
    row = next(line for line in lines if line.startswith("all "))
    assert row.split() == [
        *("all", "50.00", "2", "2", "height", ">=", "55,", "occlusion", "none/partial")
    ]
    assert any("height 45 to 115, occlusion none" in line for line in lines)


def test_python_rule_is_an_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a detection in the night image its person is not counted: 0 of 1 missed."""
    arguments = make_files(tmp_path, detections="1,100,100,20,60,0.9\n")
    assert run_json(arguments, capsys)["miss_rate_all"] == pytest.approx(50)
    scores = run_json([*arguments, "--rule", "python"], capsys)
    assert scores["rule"] == "python"
    assert scores["miss_rate_all"] == pytest.approx(1e-8)
    assert scores["num_boxes"]["all"] == 1


def test_curve_is_a_picture_and_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two found, a false one, then two more false: the corners of the curve are kept.

    FPPI 0, 0, 1/2, 2/2, 3/2 over miss rates 1/2, 0, 0, 0, 0: the points that only lengthen a
    straight line, the first and the third and fourth, are omitted.
    """
    found = "1,100,100,20,60,0.9\n2,100,100,20,60,0.8\n"
    false = "".join(f"1,600,{10 + 90 * i},20,60,0.{7 - i}\n" for i in range(3))
    arguments = make_files(tmp_path, detections=found + false)
    assert main([*arguments, "--curve", str(tmp_path / "curve.png")]) == 0
    picture = cv2.imread(str(tmp_path / "curve.png"))
    assert picture is not None
    lines = (tmp_path / "curve.csv").read_text().splitlines()
    assert lines[0] == "subset,fppi,miss_rate"
    assert [line for line in lines if line.startswith("all,")] == ["all,0,0", "all,1.5,0"]
    assert {line.split(",")[0] for line in lines[1:]} > {"all", "day", "night", "medium"}


def test_written_detections_score_as_they_should(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The person of the file, 100 100 20 60, has the edges 99 99 119 159 in arrays."""
    arguments = make_files(tmp_path)
    boxes = [np.array([[99.0, 99, 119, 159]])] * 2
    write_detections(tmp_path / "detections.txt", boxes, [np.array([0.5])] * 2)
    assert run_json(arguments, capsys)["miss_rate_all"] == pytest.approx(1e-8)


def test_no_device_is_asked_for(tmp_path: Path) -> None:
    """A platform that JAX does not know stops whoever asks for a device."""
    environment = {**os.environ, "JAX_PLATFORMS": "no_such_platform"}
    result = subprocess.run(
        [sys.executable, "-m", "mdjax.cli.main", *make_files(tmp_path), "--json"],
        env=environment,
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["miss_rate_all"] == pytest.approx(50)


# -- Bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"detections": "1,100,100,20,60\n"}, "detections.txt: line 1: has 5 columns, not 6"),
        ({"detections": "1,100,100,20,60,nan\n"}, "detections.txt: line 1: the score is nan"),
        ({"detections": "0,100,100,20,60,1\n"}, "line 1: image 0; the list has images 1 to 2"),
        ({"detections": "3,100,100,20,60,1\n"}, "line 1: image 3; the list has images 1 to 2"),
        ({"detections": "1,100,100,-20,60,1\n"}, "line 1: the box is -20 wide and 60 high"),
        ({"detections": "1,700,100,20,60,1\n"}, "line 1: the box lies outside its image"),
        ({"annotation": "horse 1 1 9 9 0 0 0 0 0 0 0\n"}, "line 2: unknown label 'horse'"),
        ({"annotation": "person 700 1 9 9 0 0 0 0 0 0 0\n"}, "line 2: the box 700 1 9 9"),
        ({"names": ("set12/V000/I00019",)}, "list.txt: line 1: 'set12/V000/I00019' is no name"),
        ({"names": ("I00019",)}, "list.txt: line 1: 'I00019' is no name"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)
def test_bad_input_is_one_clear_message(
    files: dict[str, Any], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*make_files(tmp_path, **files), "--json"]) == EXIT_BAD_INPUT
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("mdjax score-detections: ")
    assert message in shown.err


def test_missing_annotations_are_all_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = make_files(tmp_path)
    for path in (tmp_path / "annotations").iterdir():
        path.unlink()
    assert main(arguments) == EXIT_BAD_INPUT
    shown = capsys.readouterr().err
    assert "2 of 2 annotation files are missing" in shown
    assert "set06_V000_I00019.txt" in shown
    assert "set09_V000_I00039.txt" in shown


def test_curve_of_another_format_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*make_files(tmp_path), "--curve", str(tmp_path / "curve.csv")]
    assert main(arguments) == EXIT_BAD_INPUT
    assert "give it a name that ends in .png" in capsys.readouterr().err
    assert not (tmp_path / "curve.csv").exists()


@pytest.mark.parametrize("option", ["--detections", "--image-list"])
@pytest.mark.parametrize("name", ["found.csv", "found.png"])
def test_curve_and_its_numbers_replace_no_input(
    option: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = make_files(tmp_path)
    index = arguments.index(option) + 1
    given = Path(arguments[index]).rename(tmp_path / name)
    before = given.read_text()
    arguments[index] = str(given)
    assert main([*arguments, "--curve", str(tmp_path / "found.png")]) == EXIT_BAD_INPUT
    assert "give the curve another name" in capsys.readouterr().err
    assert given.read_text() == before


def test_help_explains_every_option(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as stop:
        main(["score-detections", "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for option in ("kaist", "--annotations", "--image-list", "--detections", "--rule", "--curve"):
        assert option in text
