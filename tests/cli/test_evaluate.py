"""`mdjax evaluate` of a detector, from arguments to files; that of labels is in `test_main.py`."""

import json
from pathlib import Path

import numpy as np
import pytest

from mdjax.cli import evaluate
from mdjax.cli.main import EXIT_BAD_INPUT, main
from mdjax.data.source import open_split
from mdjax.io.images import decode_visible_thermal
from mdjax.io.kaist_detections import read_detections
from tests.conftest import SmallScenes
from tests.predict.anchor_network import CELL_PX, create_loaded_detector
from tests.predict.image_files import SIZE_HW
from tests.predict.pixel_network import create_loaded_network
from tests.train.together import run_together


def test_detector_writes_scores_detections_and_curve(
    small_scenes: SmallScenes,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each of the six cells of a scene scores sigmoid(8 (mean - 1/2)), see `AnchorNetwork`.

    Six scenes in batches of four: the rows that fill up the second batch are no images.
    """
    loaded = create_loaded_detector(dataset=small_scenes.dataset, data_dir=small_scenes.data_dir)
    monkeypatch.setattr(evaluate, "load_network", lambda *_: loaded)
    path, curve = tmp_path / "found.txt", tmp_path / "curve.png"
    arguments = ["evaluate", "run", "--detections", str(path), "--curve", str(curve)]
    assert main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert 0 <= report["scores"]["ap50/all"] <= 100
    assert curve.is_file()
    assert curve.with_suffix(".csv").is_file()

    split = open_split(small_scenes.dataset, "test", small_scenes.data_dir)
    found = read_detections(path, num_images=len(split), image_size_hw=SIZE_HW)
    for index, of_image in enumerate(found):
        visible_u8, _ = decode_visible_thermal(split[index]["visible_thermal"], "scene")
        scores = {}
        for y in range(0, SIZE_HW[0], CELL_PX):
            for x in range(0, SIZE_HW[1], CELL_PX):
                mean = visible_u8[y : y + CELL_PX, x : x + CELL_PX].mean() / 255
                scores[x + 1, y + 1] = 1 / (1 + np.exp(-8 * (mean - 0.5)))
        assert np.all(of_image.boxes_xywh_px[:, 2:] == CELL_PX)
        corners = [(int(x), int(y)) for x, y in of_image.boxes_xywh_px[:, :2]]
        assert set(corners) == set(scores)
        np.testing.assert_allclose(of_image.scores, [scores[c] for c in corners], rtol=1e-4)


def test_camera_that_is_missing_is_not_described(
    small_scenes: SmallScenes,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded = create_loaded_detector(dataset=small_scenes.dataset, data_dir=small_scenes.data_dir)
    monkeypatch.setattr(evaluate, "load_network", lambda *_: loaded)
    for missing, thermal in (("none", "thermal 16x"), ("thermal", None)):
        assert main(["evaluate", "run", "--missing", missing, "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        assert (report["missing"], report["thermal"]) == (missing, thermal)


TOGETHER = """
import sys
from pathlib import Path
from mdjax.cli import evaluate
from mdjax.cli.main import main
from tests.predict.anchor_network import create_loaded_detector
address, count, index, dataset, data_dir, detections = sys.argv[1:]
variables = {"params": {}}
loaded = create_loaded_detector(None, variables, dataset=dataset, data_dir=Path(data_dir))
evaluate.load_network = lambda *_: loaded
options = ["--processes.coordinator", address, "--processes.count", count, "--json"]
options += ["--processes.index", index, "--detections", detections]
sys.exit(main(["evaluate", "run", *options]))
"""


@pytest.mark.slow
def test_two_processes_score_what_one_scores(
    small_scenes: SmallScenes,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The scores to the last digit; the first one alone answers and writes."""
    place = (small_scenes.dataset, small_scenes.data_dir)
    together, alone = tmp_path / "together.txt", tmp_path / "alone.txt"
    first, second = run_together(TOGETHER, (*place, together), tmp_path / "shown")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert second.stdout == ""

    loaded = create_loaded_detector(dataset=small_scenes.dataset, data_dir=small_scenes.data_dir)
    monkeypatch.setattr(evaluate, "load_network", lambda *_: loaded)
    assert main(["evaluate", "run", "--json", "--detections", str(alone)]) == 0
    expected = json.loads(capsys.readouterr().out)["scores"]
    np.testing.assert_equal(json.loads(first.stdout)["scores"], expected)
    found, of_one = (np.loadtxt(path, delimiter=",") for path in (together, alone))
    np.testing.assert_allclose(found, of_one, rtol=1e-5)


def test_files_of_a_detector_are_refused_for_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "load_network", lambda *_: create_loaded_network())
    path = tmp_path / "found.txt"
    assert main(["evaluate", "run", "--detections", str(path)]) == EXIT_BAD_INPUT
    assert "this network labels pixels" in capsys.readouterr().err
    assert not path.exists()
