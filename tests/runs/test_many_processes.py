"""A run begun by one process, continued by two that lose one, and ended by one of four devices."""

import signal
from pathlib import Path

import pytest

from mdjax.io.metrics_log import read_metrics
from mdjax.runs.loading import load_network
from mdjax.runs.results import read_result
from mdjax.runs.scoring import evaluate_network
from mdjax.train.loop import InterruptedTraining
from mdjax.train.processes import SharedFlag
from tests.conftest import SmallRuns, SmallScenes
from tests.runs.small import run_quietly
from tests.train.together import run_together

# One step was done before, a second one is saved, and two are left, when process 1 kills itself.
SCRIPT = """
import os, signal, sys
from pathlib import Path
from mdjax.cli.output import show_on_stderr
from mdjax.cli.together import joining
from mdjax.runs.training import train
from mdjax.train import joining as joining_module
from mdjax.train.joining import ProcessOptions
from mdjax.train.processes import SharedFlag
from tests.runs.small import shrink_preset

address, count, index, run_dir, teacher, dataset, data_dir = sys.argv[1:]
joining_module._LOST_AFTER_S = 5
show, shown = SharedFlag.show, []

def show_or_die(flag, is_raised):
    shown.append(is_raised)
    if index == "1" and len(shown) == 2 + NUM_MEETINGS:
        os.kill(os.getpid(), signal.SIGKILL)
    return show(flag, is_raised)

NUM_MEETINGS = 2  # `connect_devices` shows the flag too
SharedFlag.show = show_or_die
options = ProcessOptions()
if count != "1":
    options = ProcessOptions(False, address, int(count), int(index))
config = shrink_preset(
    "synthetic-md", dataset=dataset, data_dir=Path(data_dir), teacher=Path(teacher)
)
with joining(options, command="distill", remedy="Continue."):
    train(config, Path(run_dir), resume=True, show=show_on_stderr)
"""


@pytest.mark.slow
def test_run_that_lost_a_process_equals_that_of_one(
    small_runs: SmallRuns, small_scenes: SmallScenes, tmp_path: Path
) -> None:
    """To 1e-5 in every loss; its checkpoint scores the same on one process, to the last digit."""
    run_dir = tmp_path / "run"

    def go_on(**options: int) -> list:
        arguments = (run_dir, small_runs.root / "teacher")
        place = (small_scenes.dataset, small_scenes.data_dir)
        return run_together(SCRIPT, (*arguments, *place), tmp_path / "shown", **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SharedFlag, "show", lambda *_: True)  # It stops after the first step.
        with pytest.raises(InterruptedTraining):
            run_quietly(small_runs.configs["distilled"], run_dir)
    assert load_network(run_dir, checkpoint="last").step == 1

    first, second = go_on()
    assert (first.returncode, second.returncode) == (2, -signal.SIGKILL), first.stderr
    assert "mdjax distill: process 1 of 2 does not answer any more" in first.stderr
    assert "Traceback" not in first.stderr
    # Scored by two processes at step 2.
    loaded = load_network(run_dir, checkpoint="last")
    assert loaded.step == 2
    assert evaluate_network(loaded, split="val").to_metrics() == pytest.approx(
        loaded.scores, abs=0, nan_ok=True
    )

    (done,) = go_on(num_processes=1, num_devices=4)
    assert done.returncode == 0, done.stderr
    result = read_result(run_dir)
    assert result is not None
    assert result.environment["device"].startswith("4 x ")
    ours = read_metrics(run_dir / "metrics.jsonl")
    theirs = read_metrics(small_runs.root / "distilled" / "metrics.jsonl")
    assert [entry.keys() for entry in ours] == [entry.keys() for entry in theirs]
    for entry, other in zip(ours, theirs, strict=True):
        losses = {name for name in entry if name.startswith(("train/loss", "train/grad"))}
        assert {name: entry[name] for name in losses} == pytest.approx(
            {name: other[name] for name in losses}, rel=1e-5
        )
