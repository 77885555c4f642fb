"""The commands as a person types them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdjax import __version__
from mdjax.cli.main import EXIT_BAD_INPUT, EXIT_BROKEN_PIPE
from mdjax.io.json_file import to_plain
from mdjax.runs.results import read_result
from tests.cli.running import run
from tests.conftest import SmallRuns, SmallScenes
from tests.runs.small import BACKBONE, LOOP, SIZE_HW

COMMANDS = (
    "prepare",
    "train",
    "distill",
    "resume",
    "runs",
    "report",
    "fuse",
    "evaluate",
    "predict",
    "score-detections",
    "demo",
    "doctor",
)


# -- Help and mistakes ----------------------------------------------------------------------------


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: mdjax COMMAND")
    for command in COMMANDS:
        assert f"\n  {command} " in text


def test_no_command_shows_the_help_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == EXIT_BAD_INPUT
    assert "usage: mdjax COMMAND" in capsys.readouterr().out


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"mdjax {__version__}\n"


def test_unknown_command_lists_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("trian") == EXIT_BAD_INPUT
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "there is no command 'trian'" in shown.err
    assert "\n  train " in shown.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("prepare",), ("mfnet", "synthetic")),
        (("prepare", "mfnet"), ("--raw", "--data-dir", "--include-flips", "--overwrite")),
        (("prepare", "synthetic"), ("--num-train", "--image-size-hw", "--seed")),
        (("train",), ("mfnet-teacher", "mfnet-small-native", "synthetic-visible")),
        (
            ("train", "mfnet-teacher"),
            (
                *("RUN_DIR", "--resume", "--json", "--data-dir", "--pretrained", "--batch-size"),
                *("--network.backbone.width", "--optimiser.learning-rate", "--loop.num-steps"),
                *("--pipeline.camera.resolution", "--task.guidance-weight"),
            ),
        ),
        (("distill",), ("mfnet-md", "mfnet-small-md", "synthetic-md")),
        (
            ("distill", "mfnet-md"),
            ("--teacher", "--method.attention-weight", "--method.semantic-loss"),
        ),
        (("evaluate",), ("RUN_DIR", "--split", "--checkpoint", "--resolution", "--json")),
        (("predict",), ("RUN_OR_EXPORT", "IMAGES", "--thermal", "--out-dir")),
        (("resume",), ("RUN_DIR", "--data-dir", "--loop.save-every", "--json")),
        (("runs",), ("FOLDER", "--json")),
        (("report",), ("RUNS...", "--out", "--tables", "--json")),
        (("demo",), ("--out", "--num-seeds", "--num-steps", "--json")),
        (("doctor",), ("--data-dir", "--json")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_help_of_a_command_explains_its_options(
    arguments: tuple[str, ...], expected: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments, "--help") == 0
    text = capsys.readouterr().out
    assert f"usage: mdjax {' '.join(arguments[:1])}" in text
    assert [option for option in expected if option not in text] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--optimiser.learning-rate", "0"), "learning_rate is 0.0; give a number above 0"),
        (("--loop.num-steps", "0"), "num_steps is 0; give 1 or more"),
        (
            ("--loop.num-steps", "10", "--optimiser.warmup-steps", "10"),
            "warmup_steps is 10; give fewer than loop.num_steps, 10",
        ),
        (("--network.backbone.output-stride", "7"), "output_stride is 7; with stem_stride 2"),
        (("--network.backbone.width", "-1"), "width is -1.0"),
        (("--batch-size", "0"), "batch_size is 0"),
        (("--num-microbatches", "3"), "num_microbatches is 3; give a divisor"),
        (("--task.guidance-weight", "-1"), "guidance_weight is -1.0"),
        (("--pipeline.camera.resolution", "tiny"), "tiny"),
        (("--pipeline.image-size-hw", "0", "5"), "image_size_hw"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_impossible_value_of_a_preset_is_one_clear_message(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("train", "synthetic-teacher", tmp_path / "run", *arguments) == EXIT_BAD_INPUT
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("mdjax train: ")
    assert message in shown.err
    assert "Traceback" not in shown.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "synthetic-native", "{}/run", "--data-dir", "{}"), "mdjax prepare --help"),
        (("train", "mfnet-native", "{}/run", "--data-dir", "{}"), "mdjax prepare --help"),
        (
            ("distill", "mfnet-md", "{}/run", "--teacher", "{}/t", "--data-dir", "{}"),
            "mdjax prepare --help",
        ),
        (("evaluate", "{}/nobody"), "there is no such run directory; `mdjax runs"),
        (("prepare", "mfnet", "--raw", "{}/nothing", "--data-dir", "{}/data"), "nothing"),
        (("prepare", "synthetic", "--num-val", "0", "--data-dir", "{}/data"), "num_val is 0"),
        (("demo", "--num-seeds", "0", "--out", "{}/demo"), "num_seeds is 0"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else None,
)
def test_mistake_is_a_message_without_a_traceback(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(*(x.format(tmp_path) for x in arguments)) == EXIT_BAD_INPUT
    shown = capsys.readouterr()
    assert shown.err.startswith(f"mdjax {arguments[0]}: ")
    assert message in shown.err
    assert "Traceback" not in shown.err
    assert list(tmp_path.iterdir()) == []


def test_program_answers_as_its_function_does() -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "mdjax", "evaluate", "no-such-run"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == EXIT_BAD_INPUT
    assert finished.stdout == ""
    assert finished.stderr.startswith("mdjax evaluate: no-such-run")
    assert finished.stderr.count("\n") == 1


def test_reader_that_has_enough_gets_no_traceback() -> None:
    """As `mdjax train mfnet-native --help | head -1`."""
    with subprocess.Popen(
        [sys.executable, "-m", "mdjax.cli.main", "train", "mfnet-native", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.close()
        assert program.stderr.read() == b""
    assert program.returncode == EXIT_BROKEN_PIPE


# -- Preparing ------------------------------------------------------------------------------------


def test_prepare_mfnet_prints_counts_of_the_real_files(
    real_data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("prepare", "mfnet", "--raw", real_data_dir / "mfnet", "--data-dir", tmp_path) == 0
    rows = [
        [cell for cell in line.split() if cell not in "│┃"]
        for line in capsys.readouterr().out.splitlines()
    ]
    assert ["day", "images", "60", "10", "20"] in rows
    assert ["night", "images", "60", "10", "20"] in rows
    assert ["images", "120", "20", "40"] in rows


def test_prepare_synthetic_writes_what_training_finds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ("--num-train", 3, "--num-val", 2, "--num-test", 2, "--image-size-hw", 24, 32)
    assert run("prepare", "synthetic", "--data-dir", tmp_path, *sizes) == 0
    assert "24x32_3_2_2_seed0" in capsys.readouterr().out.replace("\n", "")
    assert list(tmp_path.glob("synthetic/24x32_3_2_2_seed0/*/dataset_info.json"))


# -- Training and scoring -------------------------------------------------------------------------


def make_small_options(scenes: SmallScenes) -> list[Any]:
    """The configuration of the shared runs, from the command line."""
    return [
        *("--dataset", scenes.dataset, "--data-dir", scenes.data_dir, "--batch-size", 4),
        *("--pipeline.image-size-hw", *SIZE_HW, "--network.backbone.width", BACKBONE.width),
        *("--network.backbone.blocks-per-stage", BACKBONE.blocks_per_stage),
        *("--loop.num-steps", LOOP.num_steps),
        *("--loop.log-every", LOOP.log_every, "--loop.save-every", LOOP.save_every),
        *("--loop.evaluate-every", LOOP.evaluate_every),
    ]


def read_last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    *before, last = capsys.readouterr().out.splitlines()
    assert not any(line.startswith("{") for line in before)
    return json.loads(last)


def test_train_json_prints_one_object_that_equals_the_api(
    small_runs: SmallRuns,
    small_scenes: SmallScenes,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = make_small_options(small_scenes)
    assert run("train", "synthetic-native", tmp_path / "run", *options, "--json") == 0
    printed = read_last_line(capsys)
    assert printed["scores"] == to_plain(small_runs.results["native"].scores)
    assert printed["network"] == "ImageLevel"
    result = read_result(tmp_path / "run")
    assert result is not None
    np.testing.assert_equal(result.scores, dict(small_runs.results["native"].scores))
    ours, theirs = (
        json.loads((d / "config.json").read_text())
        for d in (tmp_path / "run", small_runs.root / "native")
    )
    assert ours == theirs


def test_resumed_finished_training_prints_its_table(
    small_runs: SmallRuns, small_scenes: SmallScenes, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = small_runs.root / "distilled"
    options = [*make_small_options(small_scenes), "--teacher", small_runs.root / "teacher"]
    assert run("distill", "synthetic-md", run_dir, *options, "--resume") == 0
    shown = capsys.readouterr()
    assert "mean accuracy, 9 classes" in shown.out
    assert f"Resuming {run_dir} after step 4 of 4" in shown.err


def test_second_run_in_a_used_directory_is_refused(
    small_runs: SmallRuns, small_scenes: SmallScenes, capsys: pytest.CaptureFixture[str]
) -> None:
    options = make_small_options(small_scenes)
    run_dir = small_runs.root / "native"
    assert run("train", "synthetic-native", run_dir, *options) == EXIT_BAD_INPUT
    assert f"Continue a training with mdjax resume {run_dir}" in capsys.readouterr().err


def test_evaluate_json_prints_the_recorded_scores(
    small_runs: SmallRuns, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("evaluate", small_runs.root / "distilled", "--split", "val", "--json") == 0
    printed = read_last_line(capsys)
    assert printed["scores"] == to_plain(small_runs.results["distilled"].scores["val"])
    assert (printed["network"], printed["split"], printed["step"]) == ("MdStudent", "val", 4)
    assert (printed["thermal"], printed["image_size_hw"]) == ("thermal 16x", list(SIZE_HW))


def test_evaluate_prints_a_table_and_takes_another_camera(
    small_runs: SmallRuns, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("evaluate", small_runs.root / "native", "--resolution", "none") == 0
    text = capsys.readouterr().out
    assert "mean IoU, 8 classes" in text
    assert "network at 48x32, thermal none" in text
    assert run("evaluate", small_runs.root / "native", "--resolution", "none", "--json") == 0
    printed = read_last_line(capsys)
    assert printed["thermal"] == "thermal none"
    assert printed["scores"] != to_plain(small_runs.results["native"].scores["test"])


def test_resolution_of_a_camera_that_the_network_does_not_see_is_refused(
    small_runs: SmallRuns, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = small_runs.root / "teacher"
    assert run("evaluate", teacher, "--resolution", "64x") == EXIT_BAD_INPUT
    assert "(full thermal) does not see the cheap camera's image" in " ".join(
        capsys.readouterr().err.split()
    )
    assert run("evaluate", teacher, "--json") == 0
    assert read_last_line(capsys)["thermal"] == "full thermal"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--split", "nowhere"), "has no split 'nowhere'"),
        (("--resolution", "huge"), "huge"),
        (("--data-dir", "no-such-folder"), "mdjax prepare --help"),
    ],
)
def test_evaluate_of_what_is_not_there_is_a_message(
    options: tuple[str, str],
    message: str,
    small_runs: SmallRuns,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("evaluate", small_runs.root / "native", *options) == EXIT_BAD_INPUT
    assert message in capsys.readouterr().err
