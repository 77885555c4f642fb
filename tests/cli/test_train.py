"""What a command line makes of a preset; training itself is in `test_main.py`."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mdjax.cli import demo, train
from mdjax.cli.main import EXIT_BAD_INPUT, EXIT_INTERRUPTED
from mdjax.io.json_file import read_json, write_json
from mdjax.methods.channel_wise import ChannelWiseDistillation
from mdjax.presets import DISTILL_PRESETS, TRAIN_PRESETS
from mdjax.runs.config import FuseConfig, TrainConfig
from mdjax.runs.stored_config import store_config
from mdjax.studies.experiment import Budget
from mdjax.studies.rows import DISTILLED, STUDENT, TEACHER, create_rows
from mdjax.tasks.detection import DetectionTask
from mdjax.tasks.segmentation import SegmentationTask
from mdjax.train.loop import InterruptedTraining
from mdjax.train.optimiser import AdamWConfig, SgdConfig
from tests.cli.running import run

Configure = Callable[..., Any]


class NothingTrained:
    """In the place of a result."""

    def format_table(self) -> str:
        return ""


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Configure:
    """The configuration that a command line would train, and whether it would resume."""
    seen: list[Any] = []

    def remember(config: Any, run_dir: Path, *, resume: bool, show: Any) -> NothingTrained:
        del show
        seen.append((config, run_dir, resume))
        return NothingTrained()

    monkeypatch.setattr(train, "train", remember)

    def configure(*arguments: Any) -> Any:
        assert run(*arguments) == 0
        return seen.pop()

    return configure


# -- Choices --------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", TRAIN_PRESETS)
def test_preset_alone_is_the_preset(preset: str, configure: Configure) -> None:
    assert configure("train", preset, "run") == (TRAIN_PRESETS[preset], Path("run"), False)


@pytest.mark.parametrize("preset", DISTILL_PRESETS)
def test_preset_with_its_teacher_is_the_preset(preset: str, configure: Configure) -> None:
    config, _, _ = configure("distill", preset, "run", "--teacher", "t")
    assert config == replace(DISTILL_PRESETS[preset], teacher=Path("t"))


@pytest.mark.parametrize("network", ["visible", "thermal", "native", "student", "teacher"])
def test_network_is_that_of_the_preset_of_this_name(network: str, configure: Configure) -> None:
    config, _, _ = configure("train", "mfnet-small-native", "run", "--network", network)
    assert config == TRAIN_PRESETS[f"mfnet-small-{network}"]


def test_options_are_those_of_the_chosen_network(configure: Configure) -> None:
    typed = ["--network.transfer-level", 5, "--network=student", "--network.backbone.width", 0.5]
    config, _, _ = configure("train", "mfnet-small-native", "run", *typed)
    student = TRAIN_PRESETS["mfnet-small-student"].network
    assert config.network == replace(
        student, transfer_level=5, backbone=replace(student.backbone, width=0.5)
    )


def test_optimiser_has_its_own_rate_and_a_warmup_that_fits(configure: Configure) -> None:
    """Of the 500 steps of SGD's warm-up, a quarter of 1,500 and of 300 steps is left."""
    config, _, _ = configure("train", "mfnet-small-native", "run", "--optimiser", "sgd")
    assert config.optimiser == SgdConfig(warmup_steps=375)
    config, _, _ = configure(
        *("train", "synthetic-native", "run", "--optimiser", "sgd", "--optimiser.momentum", 0.5)
    )
    assert config.optimiser == SgdConfig(warmup_steps=75, momentum=0.5)
    config, _, _ = configure("train", "kaist-native", "run", "--optimiser", "adamw")
    assert config.optimiser == AdamWConfig()


def test_task_is_exchanged_and_a_presets_own_is_kept(configure: Configure) -> None:
    config, _, _ = configure(
        *("train", "synthetic-native", "run", "--task", "detection", "--task.main-metric", "ap50")
    )
    assert config.task == DetectionTask(main_metric="ap50")
    config, _, _ = configure(
        *("train", "msrs-small-native", "run", "--task", "segmentation", "--task.class-balance", 1)
    )
    assert config.task == SegmentationTask(class_balance=1.0)
    config, _, _ = configure("train", "msrs-small-native", "run", "--task", "detection")
    assert config == TRAIN_PRESETS["msrs-small-native"]


def test_method_has_the_weights_of_the_preset_of_this_name(configure: Configure) -> None:
    options = ("--teacher", "t", "--method")
    config, _, _ = configure("distill", "synthetic-cwd", "run", *options, "md")
    assert config.method == DISTILL_PRESETS["synthetic-md"].method
    assert config.network == DISTILL_PRESETS["synthetic-cwd"].network
    config, _, _ = configure(
        "distill", "synthetic-md", "run", *options, "cwd", "--method.weight", 2
    )
    assert config.method == ChannelWiseDistillation(weight=2.0)


# -- Number of steps ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "typed", "warmup_steps"),
    [
        ("mfnet-native", ["--loop.num-steps", 300], 75),  # A quarter of 300, not 500.
        ("mfnet-native", ["--loop.num-steps", 2_000], 500),
        ("mfnet-native", ["--loop.num-steps", 28_000], 500),
        ("synthetic-native", ["--loop.num-steps", 3], 0),
        ("synthetic-native", ["--loop.num-steps", 100, "--optimiser.warmup-steps", 60], 60),
        ("synthetic-native", ["--optimiser.warmup-steps", 299], 299),
    ],
)
def test_warmup_fits_the_steps_unless_it_was_typed(
    preset: str, typed: list[Any], warmup_steps: int, configure: Configure
) -> None:
    config, _, _ = configure("train", preset, "run", *typed)
    assert config.optimiser.warmup_steps == warmup_steps
    num_steps = config.loop.num_steps
    assert replace(config, loop=TRAIN_PRESETS[preset].loop).loop.num_steps >= 300
    assert num_steps == (typed[1] if typed[0] == "--loop.num-steps" else 300)


# -- The demonstration ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("demonstration", "preset"),
    [(demo.SEGMENTATION, "synthetic"), (demo.DETECTION, "synthetic-detection")],
)
def test_presets_on_the_demos_scenes_are_what_the_demo_trains(
    demonstration: demo.Demonstration, preset: str, configure: Configure
) -> None:
    height, width = TRAIN_PRESETS[f"{preset}-student"].pipeline.image_size_hw
    dataset = f"synthetic/{height}x{width}_480_60_120_seed0"
    budget = Budget(data_dir=Path("runs/demo/data"))
    rows = create_rows(
        demonstration.recipe, lambda config: replace(budget.adjust(config), dataset=dataset)
    )
    runs: Any = {TEACHER: Path("runs/demo/seed0/teacher")}
    options = ("--dataset", dataset, "--data-dir", "runs/demo/data", "--seed", 2)
    typed = {
        TEACHER: ("train", f"{preset}-teacher", "run"),
        STUDENT: ("train", f"{preset}-student", "run"),
        DISTILLED: ("distill", f"{preset}-md", "run", "--teacher", "runs/demo/seed0/teacher"),
    }
    for row, command in typed.items():
        config, _, _ = configure(*command, *options)
        assert config == replace(rows[row](runs), seed=2)


# -- Going on -------------------------------------------------------------------------------------


def store(config: Any, run_dir: Path) -> Path:
    run_dir.mkdir(parents=True)
    write_json(run_dir / "config.json", store_config(config, run_dir))
    return run_dir


def test_resume_takes_the_configuration_of_the_run(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = replace(
        DISTILL_PRESETS["synthetic-md"], teacher=Path("runs/teacher"), seed=3, wandb=True
    )
    run_dir = store(config, Path("runs/student"))
    assert configure("resume", run_dir) == (config, run_dir, True)
    changed, _, _ = configure(
        "resume", run_dir, "--data-dir", "elsewhere", "--no-wandb", "--loop.save-every", 7
    )
    loop = replace(config.loop, save_every=7)
    assert changed == replace(config, data_dir=Path("elsewhere"), wandb=False, loop=loop)


def test_resume_does_not_touch_a_warmup_that_is_longer_than_today(
    configure: Configure, tmp_path: Path
) -> None:
    config = TRAIN_PRESETS["synthetic-native"]
    config = replace(config, optimiser=replace(config.optimiser, warmup_steps=200))
    run_dir = store(config, tmp_path / "run")
    resumed, _, _ = configure("resume", run_dir)
    assert resumed.optimiser.warmup_steps == 200


def test_resume_of_nothing_is_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("resume", tmp_path, "--json") == EXIT_BAD_INPUT
    assert f"mdjax resume: {tmp_path}: no run to resume here" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [(), ("--json", "run")])
def test_resume_needs_the_directory_first(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("resume", *arguments) == EXIT_BAD_INPUT
    assert "give the directory of the run first" in capsys.readouterr().err


def test_fusion_is_not_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = store(FuseConfig(), tmp_path / "fused")
    assert run("resume", run_dir) == EXIT_BAD_INPUT
    assert "run mdjax fuse again, into a new directory" in capsys.readouterr().err


def test_resume_with_another_setting_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = store(TrainConfig(data_dir=tmp_path), tmp_path / "run")
    before = read_json(run_dir / "config.json")
    assert run("resume", run_dir, "--seed", 4) == EXIT_BAD_INPUT
    assert "seed: 0 in the run, 4 now" in capsys.readouterr().err
    assert read_json(run_dir / "config.json") == before


def test_stopped_training_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise InterruptedTraining(7)

    monkeypatch.setattr(train, "train", stop)
    assert run("train", "synthetic-native", tmp_path / "run") == EXIT_INTERRUPTED
    assert f"Continue with: mdjax resume {tmp_path / 'run'}\n" in capsys.readouterr().err


# -- What is refused ------------------------------------------------------------------------------


def test_number_that_is_not_finite_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    option = ("--network.exchange-below", "nan")
    assert run("train", "synthetic-csknet", tmp_path / "run", *option) == EXIT_BAD_INPUT
    assert "network.exchange_below is nan; give a finite number." in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_image_that_leaves_the_network_nothing_to_see_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last features of this preset are 8 times coarser: 15 rows would be two of them."""
    size = ("--pipeline.image-size-hw", 15, 48)
    assert run("train", "synthetic-native", tmp_path / "run", *size) == EXIT_BAD_INPUT
    message = capsys.readouterr().err
    assert "pipeline.image_size_hw is 15 48: too small for this network" in message
    assert "Give 16 or more rows and columns" in message
    # Of the size that it names, nothing is said any more.
    size = ("--pipeline.image-size-hw", 16, 48)
    options = ("--data-dir", tmp_path)
    assert run("train", "synthetic-native", tmp_path / "run", *size, *options) == EXIT_BAD_INPUT
    assert "is not prepared" in capsys.readouterr().err
