"""What a person reads who mistypes an option."""

import io
import sys

import pytest

from mdjax.cli.main import EXIT_BAD_INPUT
from tests.cli.running import run

TRAIN = "train kaist-student run"
DISTILL = "distill kaist-md run --teacher t"


@pytest.fixture(params=["utf-8", "ascii"], autouse=True)
def alphabet(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The parser frames its messages in lines or in dashes, as the terminal has them."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=request.param)
    monkeypatch.setattr(sys, "stdout", stream)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        # A wrong name: one that exists, and the help that there is.
        (
            f"{TRAIN} --network.backbone.widht 3",
            "there is no option --network.backbone.widht; did you mean --network.backbone.width?\n"
            "`mdjax train kaist-student --help` explains all options.\n",
        ),
        (
            f"{TRAIN} --Batch_size=3",
            "there is no option --Batch-size; did you mean --batch-size?\n"
            "`mdjax train kaist-student --help` explains all options.\n",
        ),
        (
            f"{TRAIN} --folds.qqq 3",
            "there is no option --folds.qqq; there are --folds.num-folds, --folds.tested.\n"
            "`mdjax train kaist-student --help` explains all options.\n",
        ),
        (
            f"{TRAIN} --nothing-like-it",
            "there is no option --nothing-like-it.\n"
            "`mdjax train kaist-student --help` explains all options.\n",
        ),
        (
            "evaluate run --splt test --resoltion 4x",
            "there is no option --splt; did you mean --split?\n"
            "there is no option --resoltion; did you mean --resolution?\n"
            "`mdjax evaluate --help` explains all options.\n",
        ),
        (
            "prepare synthetic --num-trian 3",
            "there is no option --num-trian; did you mean --num-train?\n"
            "`mdjax prepare synthetic --help` explains all options.\n",
        ),
        ("prepare mfnt", "there is no mdjax prepare mfnt; did you mean mfnet?\n"),
        (
            "doctor now please",
            "there is no argument now please; omit it.\n"
            "`mdjax doctor --help` explains all options.\n",
        ),
        # An option of what was not chosen.
        (
            f"{TRAIN} --optimiser adamw --optimiser.momentum 0.5",
            "there is no option --optimiser.momentum; there are --optimiser.learning-rate, "
            "--optimiser.warmup-steps, --optimiser.warmup-start, "
            "--optimiser.final-learning-rate, --optimiser.weight-decay, "
            "--optimiser.max-gradient-norm, --optimiser.backbone-rate-factor.\n"
            "`mdjax train kaist-student --help` explains all options.\n"
            "--optimiser.momentum is an option of --optimiser sgd.\n",
        ),
        # The misspelt name of what is required, and what is missing altogether.
        (
            "distill kaist-md run --teachr t",
            "there is no option --teachr; did you mean --teacher?\n"
            "`mdjax distill kaist-md --help` explains all options.\n",
        ),
        (
            "distill kaist-md run",
            "Missing from mdjax distill kaist-md:\n"
            "    --teacher PATH\n"
            "        Run directory of the trained teacher. (required)\n"
            "`mdjax distill kaist-md --help` explains all options.\n"
            "For example:\n"
            "    mdjax train kaist-teacher runs/teacher\n"
            "    mdjax distill kaist-md runs/student --teacher runs/teacher\n",
        ),
        (
            "train kaist-student",
            "Missing from mdjax train kaist-student:\n"
            "    RUN_DIR\n"
            "        New directory for the run. (required)\n"
            "`mdjax train kaist-student --help` explains all options.\n",
        ),
        # Values that cannot be: no markup, no frame.
        (
            f"{TRAIN} --pipeline.image-size-hw 8",
            "Missing value for argument '--pipeline.image-size-hw'. Expected 2 values.\n"
            "`mdjax train kaist-student --help` explains all options.\n",
        ),
        (
            "prepare rgbt-folder --raw a --name b --thermal-range-counts 1 2 3",
            "Error parsing --thermal-range-counts: no type matching {None}|{INT INT} could be "
            "instantiated from ['1', '2', '3'].\n"
            "    --thermal-range-counts {None}|{INT INT}\n"
            "    For 16-bit thermal images: the counts that map to black and white. "
            "(default: None)\n"
            "`mdjax prepare rgbt-folder --help` explains all options.\n",
        ),
        (
            f"{TRAIN} --optimiser sdg",
            "invalid choice 'sdg' for argument '--optimiser'. Expected one of ('sgd', 'adamw').\n"
            "`mdjax train kaist-student --help` explains all options.\n",
        ),
        # Any number of values, but none.
        *(
            (
                f"{typed} --json",
                f"{option}: give at least one value, or omit it.\n"
                f"`mdjax {' '.join(typed.split()[:num_words])} --help` explains all options.\n",
            )
            for typed, option, num_words in (
                ("benchmark run --engines", "--engines", 1),
                ("benchmark run --presets", "--presets", 1),
                ("benchmark run --sizes", "--sizes", 1),
                ("benchmark run --batch_sizes", "--batch-sizes", 1),
                ("benchmark run --resolutions --sizes 8x8", "--resolutions", 1),
                ("export run --formats", "--formats", 1),
                ("reproduce table8 --merge", "--merge", 1),
                ("tradeoff mfnet-small --noise", "--noise", 1),
                ("report run --tables", "--tables", 1),
            )
        ),
        (
            "prepare msrs --raw a --classes",
            "--classes: give at least one value, or omit it.\n"
            "`mdjax prepare msrs --help` explains all options.\n",
        ),
        # Presets.
        (
            "train kaist-studnt run",
            "there is no preset kaist-studnt; did you mean kaist-student?\n"
            "`mdjax train --help` lists the presets.\n",
        ),
        (
            "train kaist-md run",
            "kaist-md is a preset of another command: mdjax distill kaist-md RUN_DIR\n",
        ),
        (
            "train",
            "give a preset first: mdjax train PRESET RUN_DIR [options]\n"
            "`mdjax train --help` lists the presets.\n",
        ),
        (
            "distill --resume run",
            "give a preset first: mdjax distill PRESET RUN_DIR [options]\n"
            "`mdjax distill --help` lists the presets.\n",
        ),
    ],
    ids=lambda value: value if " " in value and "\n" not in value else "",
)
def test_message_says_what_is_wrong_and_what_there_is(
    typed: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*typed.split()) == EXIT_BAD_INPUT
    assert capsys.readouterr().err == f"mdjax {typed.split()[0]}: {message}"


def test_preset_like_no_other_lists_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "qqq", "run") == EXIT_BAD_INPUT
    message = capsys.readouterr().err
    assert message.startswith("mdjax train: there is no preset qqq; there are mfnet-visible, ")
    assert "synthetic-native" in message
