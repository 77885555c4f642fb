"""Folders that are being filled: each pair once, when it is whole, whatever comes with it."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdjax.cli import predict as command
from mdjax.cli.main import main
from mdjax.predict import follow
from mdjax.predict.files import follow_files
from mdjax.predict.follow import StopRule
from mdjax.predict.images import make_image_predictor
from mdjax.types import MdjaxError
from tests.predict.anchor_network import create_loaded_detector
from tests.predict.image_files import (
    make_thermal_u8,
    make_visible_u8,
    read_image,
    write_four_channels,
    write_thermal,
    write_visible,
)
from tests.predict.pixel_network import create_loaded_network
from tests.predict.streams import (
    IDLE,
    call_before_predicting,
    fill,
    list_names,
    read_records,
    run,
    write_pair,
)

pytestmark = pytest.mark.usefixtures("hurry")


def test_pairs_are_predicted_as_they_come(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """The thermal image comes later than the visible one, as another program writes it."""
    steps: list[Callable[[], Any]] = []
    for i in range(4):
        visible, thermal = folders[0] / f"{i:03d}.png", folders[1] / f"{i:03d}.png"
        steps.append(lambda path=visible, i=i: write_visible(path, make_visible_u8(i)))
        steps.append(lambda path=thermal, i=i: write_thermal(path, make_thermal_u8(i)))
    camera = fill(steps)
    followed = run(folders, stop=StopRule(max_pairs=4, idle_seconds=60))
    camera.join()
    assert (followed.num_predicted, followed.num_skipped) == (4, 0)
    predict = make_image_predictor(create_loaded_network())
    expected = [predict(make_visible_u8(i), make_thermal_u8(i)) for i in range(4)]
    for number, labels_u8 in enumerate(expected):
        written = read_image(tmp_path / f"out/{number:03d}_labels.png")
        np.testing.assert_array_equal(written, labels_u8)
        assert (tmp_path / f"out/{number:03d}_overlay.png").is_file()
    pixels = np.bincount(np.ravel(expected), minlength=9).tolist()
    assert list(followed.class_counts.values()) == pixels
    head, *records = read_records(tmp_path)
    assert head["class_names"] == list(create_loaded_network().class_names)
    assert [record["name"] for record in records] == ["000", "001", "002", "003"]
    assert sum(records[2]["class_pixels"].values()) == 32 * 48
    assert followed.notes[0].startswith("4 of 4 pairs: thermal 48x32 was passed through")
    assert followed.pairs_per_second > 0
    assert followed.milliseconds_per_image > 0


def test_half_written_file_is_waited_for(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """Half of the file stays for longer than several looks, and the pair behind it goes ahead."""
    for number in range(2):
        write_pair(folders, number)
    path = folders[1] / "000.png"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    camera = fill([lambda: path.write_bytes(content)], pause_s=0.25)
    told: list[str] = []
    followed = run(folders, tell=told.append)
    camera.join()
    assert (followed.num_predicted, followed.num_skipped, told) == (2, 0, [])
    assert list_names(tmp_path) == ["001", "000"]


@pytest.mark.parametrize("length", [0, 50])
def test_file_that_stays_half_written_is_told_and_skipped(
    folders: tuple[Path, Path], tmp_path: Path, length: int
) -> None:
    for number in range(2):
        write_pair(folders, number)
    path = folders[0] / "000.png"
    path.write_bytes(path.read_bytes()[:length])
    told: list[str] = []
    followed = run(folders, tell=told.append)
    assert (followed.num_predicted, followed.num_skipped) == (1, 1)
    assert told == [f"skipped: {followed.problems[0]}"]
    assert str(path) in told[0]
    assert read_records(tmp_path)[2]["problem"] in told[0]
    assert f"skipped: {path}" in followed.format_summary()


def test_pair_of_the_wrong_size_is_skipped_and_the_stream_goes_on(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    write_pair(folders, 0)
    write_pair(folders, 1, size_hw=(40, 60))
    write_pair(folders, 2)
    write_thermal(folders[1] / "002.png", make_thermal_u8(2, (16, 24)))
    write_pair(folders, 3)
    write_thermal(folders[1] / "003.png", make_thermal_u8(3, (7, 31)))
    write_pair(folders, 4)
    followed = run(folders)
    assert (followed.num_predicted, followed.num_skipped) == (2, 3)
    problems = [record.get("problem", "") for record in read_records(tmp_path)[1:]]
    assert "001.png: the visible frame has 60x40 pixels, the first one 48x32" in "".join(problems)
    assert "002.png: the thermal frame has 24x16 pixels, the first one 48x32" in "".join(problems)
    assert "different aspects" in "".join(problems)
    assert sorted(list_names(tmp_path)) == ["000", "001", "002", "003", "004"]


def test_ctrl_c_ends_with_what_was_predicted(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of the third pair, and later while nothing comes."""
    for number in range(5):
        write_pair(folders, number)
    loaded, calls = create_loaded_network(), []

    def interrupt() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    call_before_predicting(monkeypatch, loaded, interrupt)
    told: list[str] = []
    followed = run(folders, loaded=loaded, stop=StopRule(), tell=told.append)
    assert followed.num_predicted == 2
    assert followed.pairs_per_second > 0
    assert followed.left == ("002", "003", "004")
    assert told == ["stopped; what has been predicted is kept"]
    assert list_names(tmp_path) == ["000", "001"]

    def stop(seconds: float) -> None:
        del seconds
        calls.append(1)
        if len(calls) > 9:  # Three of the first call; three pairs, and some looks.
            raise KeyboardInterrupt

    monkeypatch.setattr(follow.time, "sleep", stop)
    assert run(folders, loaded=loaded, stop=StopRule()).num_predicted == 3
    assert list_names(tmp_path) == ["000", "001", "002", "003", "004"]


def test_what_comes_during_a_long_batch_is_predicted(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Predicting the first pair takes longer than nothing new may come."""
    write_pair(folders, 0)
    loaded = create_loaded_network()

    def work() -> None:
        if not (folders[0] / "001.png").exists():
            write_pair(folders, 1)
            time.sleep(0.3)

    call_before_predicting(monkeypatch, loaded, work)
    assert run(folders, loaded=loaded).num_predicted == 2
    assert list_names(tmp_path) == ["000", "001"]


def test_rate_of_a_backlog_is_told_while_it_lasts(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "_STATUS_S", 0.0)
    for number in range(3):
        write_pair(folders, number)
    told: list[str] = []
    run(folders, stop=StopRule(max_pairs=3), tell=told.append)
    counts = ["1 pair", "2 pairs", "3 pairs"]
    assert [line.split(" predicted, 0 skipped; ")[0] for line in told] == counts
    assert all(float(line.split("; ")[1].split()[0]) > 0 for line in told)


def test_boxes_have_a_line_each(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """Random images score about 0.5 in each of their six cells."""
    for number in range(2):
        write_pair(folders, number)
    followed = run(folders, loaded=create_loaded_detector())
    assert followed.class_counts == {"person": 12}
    head, *records = read_records(tmp_path)
    assert (head["class_names"], head["score_threshold"]) == (["person"], 0.3)
    assert [len(record["boxes_xyxy_px"]) for record in records] == [6, 6]
    assert Path(records[0]["picture"]).is_file()
    assert not (tmp_path / "out/detections.json").exists()
    assert followed.to_dict()["num_detections"] == {"person": 12}
    with pytest.raises(MdjaxError, match="differs in score_threshold; write to another folder"):
        run(folders, loaded=create_loaded_detector(), score_threshold=0.5)


def test_images_without_partner_are_told_at_the_end(folders: tuple[Path, Path]) -> None:
    write_pair(folders, 0)
    write_visible(folders[0] / "001.png", make_visible_u8(1))
    followed = run(folders)
    assert followed.num_predicted == 1
    assert followed.without_partner == (folders[0] / "001.png",)
    assert f"1 image without a partner: {folders[0] / '001.png'}" in followed.format_summary()


def test_one_folder_may_hold_both_images(tmp_path: Path) -> None:
    """By words in names, or in four channels."""
    for number in range(2):
        write_visible(tmp_path / f"words/{number}_rgb.png", make_visible_u8(number))
        write_thermal(tmp_path / f"words/{number}_ir.png", make_thermal_u8(number))
        four = make_visible_u8(number), make_thermal_u8(number)
        write_four_channels(tmp_path / f"four/{number}.png", *four)
    of_words = run((tmp_path / "words", tmp_path / "words"), out_dir=tmp_path / "a")
    of_four = follow_files(
        create_loaded_network(),
        tmp_path / "four",
        out_dir=tmp_path / "b",
        tell=print,
        stop=IDLE,
    )
    assert of_words.class_counts == of_four.class_counts
    assert of_four.num_predicted == 2


def test_thermal_images_alone_are_enough_without_visible_ones(tmp_path: Path) -> None:
    write_thermal(tmp_path / "t/a.png", make_thermal_u8())
    followed = follow_files(
        create_loaded_network(),
        tmp_path / "t",
        out_dir=tmp_path / "out",
        tell=print,
        stop=IDLE,
        missing="visible",
    )
    assert followed.num_predicted == 1


def test_places_that_do_not_fit_are_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    write_pair(folders, 0)
    absent = tmp_path / "absent"
    with pytest.raises(MdjaxError, match="absent: is no folder; give one that is being filled"):
        run((folders[0], absent))
    with pytest.raises(MdjaxError, match="holds the folders thermal, visible; give the folder of"):
        follow_files(create_loaded_network(), tmp_path, out_dir=tmp_path / "out", tell=print)
    with pytest.raises(MdjaxError, match="is in the folder of the images"):
        run(folders, out_dir=folders[0] / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("mine")
    with pytest.raises(MdjaxError, match="mine: is not empty, and no stream was predicted into"):
        run(folders, out_dir=tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    run(folders)
    (tmp_path / "out/predictions.jsonl").write_text("{}\nno JSON\n")
    with pytest.raises(MdjaxError, match=r"predictions\.jsonl: is damaged .* begin anew with --ov"):
        run(folders)
    for stop in (StopRule(idle_seconds=0), StopRule(max_pairs=0)):
        with pytest.raises(MdjaxError, match="is 0; give"):
            run(folders, stop=stop)


def test_command_follows_and_says_how_fast(
    folders: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "load_network", lambda *_: create_loaded_network())
    monkeypatch.setattr(follow, "_STATUS_S", 0.0)
    for number in range(2):
        write_pair(folders, number)
    write_pair(folders, 2, size_hw=(40, 60))
    images = [str(folders[0]), "--thermal", str(folders[1]), "--out-dir", str(tmp_path / "out")]
    stop = ["--follow", "--idle-seconds", "0.2"]
    assert main(["predict", "run", *images, *stop]) == 0
    shown = capsys.readouterr()
    assert "2 pairs predicted, 1 skipped; " in shown.out
    assert " pairs per second while there were any, of which the network takes " in shown.out
    assert "002.png: the visible frame has 60x40 pixels" in shown.err
    assert "2 pairs predicted, 0 skipped; " in shown.err
    assert main(["predict", "run", *images, *stop, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["num_earlier"], report["num_skipped"]) == (2, 1)
    assert report["milliseconds_per_image"] is None
    assert main(["predict", "run", *images, "--max-pairs", "2"]) == 2
    assert "are for streams; add --follow" in capsys.readouterr().err
    assert main(["predict", "run", str(tmp_path / "absent"), "--follow"]) == 2
    assert "absent: is no folder" in capsys.readouterr().err
