"""Two processes of two devices each: what they tell each other, and that they end together."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from mdjax.cli.together import joining
from mdjax.train import joining as joining_module
from mdjax.train.joining import ProcessOptions, _find_lost, start_together
from mdjax.train.processes import SharedFlag, ask_first_process, gather, is_first_process
from mdjax.types import MdjaxError
from tests.train.normalised_training import train_and_count
from tests.train.test_devices import assert_same_training
from tests.train.together import run_together

# At the end process 1 fails while process 0 waits for it.
SCRIPT = """
import json, sys
import numpy as np
from mdjax.cli.together import joining
from mdjax.runs.agreement import (
    require_same_config_everywhere, require_same_evaluation_everywhere,
    require_same_provenance_everywhere
)
from mdjax.runs.config import TrainConfig
from mdjax.runs.provenance import Provenance
from mdjax.train.devices import create_data_mesh, list_local_rows, make_batch_sharding, replicate
from mdjax.train.joining import ProcessOptions
from mdjax.train.processes import SharedFlag, ask_first_process, gather
from mdjax.types import MdjaxError
from tests.train.normalised_training import train_and_count

address, count, index = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

def refuse():
    raise MdjaxError(f"refused by {index}")

def read_refusal(ask):
    try:
        ask()
    except MdjaxError as error:
        return str(error)

class Records:
    dataset_name, fingerprint = "own/1.0.0", "hash"

def score(split, weight):
    variables = {"params": {"w": np.float32(weight)}}
    require_same_evaluation_everywhere(variables, Records, {"split": split})

SCORED = [("test", 1), (f"split {index}", 1), ("test", index)]

with joining(ProcessOptions(False, address, count, index), command="train", remedy="Resume."):
    flag = SharedFlag()
    mesh = create_data_mesh(8)
    found = {
        "gathered": gather({"index": index, "length": "x" * index}),
        "asked": ask_first_process(lambda: f"found by {index}"),
        "refused": read_refusal(lambda: ask_first_process(refuse)),
        "flags": [flag.show(index == 1 and step == 1) for step in range(4)],
        "rows": list_local_rows(make_batch_sharding(mesh), 8),
        "uneven": read_refusal(lambda: create_data_mesh(6)),
        "replicated": float(replicate({"x": np.float32(index + 5)}, mesh)["x"]),
        "config": read_refusal(lambda: require_same_config_everywhere(TrainConfig(seed=index))),
        "data": read_refusal(
            lambda: require_same_provenance_everywhere(
                Provenance("own/1.0.0", f"hash {index}", {"teacher": str(index)})
            )
        ),
        "scored": [read_refusal(lambda: score(split, weight)) for split, weight in SCORED],
        "training": train_and_count(),
    }
    print(json.dumps(found), flush=True)
    gather(None)  # Both have printed: the one that waits is ended at once when the other fails.
    if index == 1:
        raise MdjaxError("the disk is full")
    gather(None)
"""


@pytest.mark.slow
def test_two_processes_agree_and_end_together(tmp_path: Path) -> None:
    first, second = run_together(SCRIPT, (), tmp_path, num_devices=2)
    told: list[dict[str, Any]] = []
    for done in (first, second):
        assert done.stdout, done.stderr
        told.append(json.loads(done.stdout.splitlines()[-1]))
    for index, found in enumerate(told):
        assert found["gathered"] == [{"index": 0, "length": ""}, {"index": 1, "length": "x"}]
        assert found["asked"] == "found by 0"
        assert found["refused"] == "refused by 0"
        # Raised at the second step by one, seen after the next by both.
        assert found["flags"] == [False, False, True, False]
        assert found["rows"] == [[0, 1, 2, 3], [4, 5, 6, 7]][index]
        assert found["uneven"] == (
            "batch_size is 6; give a multiple of the number of devices, 4 (2 processes)."
        )
        assert found["replicated"] == 5.0
        assert found["config"].endswith("\n  seed: 0 in process 0, 1 in process 1")
        assert "process 1 has other data or networks than process 0" in found["data"]
        assert "\n  data_dir: own/1.0.0 holds other records" in found["data"]
        assert "\n  teacher: has other variables" in found["data"]
        same, other_split, other_weights = found["scored"]
        assert same is None
        assert other_split.endswith("\n  split: split 0 in process 0, split 1 in process 1")
        assert other_weights.endswith("\n  network: has other variables than in process 0")
        assert_same_training(found["training"], train_and_count())
    assert (first.returncode, second.returncode) == (2, 2)
    assert first.stderr == ""
    assert second.stderr.startswith("mdjax train: process 1 of 2 on ")
    assert second.stderr.endswith(": the disk is full\n")
    assert second.stderr.count("\n") == 1


ABANDONED = """
import os, signal, sys
from mdjax.cli.together import joining
from mdjax.train import joining as joining_module
from mdjax.train.joining import ProcessOptions
from mdjax.train.processes import gather
address, count, index = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
joining_module._LOST_AFTER_S = 8
with joining(ProcessOptions(False, address, count, index), command="train", remedy=""):
    gather(None)
    if index == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    gather(None)
"""


@pytest.mark.slow
def test_process_does_not_outlive_the_first_one(tmp_path: Path) -> None:
    """With it goes the coordinator: JAX ends the others, or the watch does."""
    first, second = run_together(ABANDONED, (), tmp_path)
    assert first.returncode == -signal.SIGKILL
    assert second.returncode not in (0, -signal.SIGKILL)


ALONE = """
import sys
from mdjax.cli.together import joining
from mdjax.train.joining import ProcessOptions
options = ProcessOptions(False, sys.argv[1], 3, 0, timeout_s=2)
with joining(options, command="train", remedy=""):
    print("met")
"""


@pytest.mark.slow
def test_processes_that_do_not_arrive_are_one_message(tmp_path: Path) -> None:
    (done,) = run_together(ALONE, (), tmp_path, num_processes=1)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mdjax train: process 0 of 3 has waited 2 seconds at the ")
    assert "coordinator 127.0.0.1:" in done.stderr
    assert "its 2 other processes did not all arrive" in done.stderr
    assert done.stderr.count("\n") == 1


def test_one_process_asks_nobody() -> None:
    assert is_first_process()
    assert gather("x") == ["x"]
    assert ask_first_process(lambda: 3) == 3
    flag = SharedFlag()
    assert [flag.show(False), flag.show(True)] == [False, True]
    with joining(ProcessOptions(), command="train", remedy=""):
        pass


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"coordinator": "10.0.0.1:1234"}, "give all three of processes.coordinator"),
        ({"count": 2, "index": 0}, "give all three"),
        ({"coordinator": "10.0.0.1", "count": 2, "index": 0}, "port that is free there"),
        ({"coordinator": "a:b", "count": 2, "index": 0}, "port that is free there"),
        ({"coordinator": "a:1", "count": 2, "index": 2}, "index is 2, of 2: give a number from 0"),
        ({"from_cluster": True, "count": 2}, "omit them, or omit it"),
        ({"timeout_s": 0}, "timeout_s is 0; give 1 or more"),
    ],
)
def test_impossible_options_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(MdjaxError, match=message):
        ProcessOptions(**values)


def test_environment_without_a_cluster_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_none(*_: Any, **__: Any) -> None:
        raise ValueError("coordinator_address should be defined.")

    monkeypatch.setattr(joining_module.jax.distributed, "initialize", find_none)
    with pytest.raises(MdjaxError, match=r"does not say how .* srun, mpirun or on a TPU slice"):
        start_together(ProcessOptions(from_cluster=True), print)


def test_process_that_stays_silent_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times in seconds: 1 is heard of at 0 and 20, 0 at each; silence of more than 30 counts."""
    seen: dict[str, tuple[str, float]] = {}
    found = []
    for now, number in ((0, "1"), (20, "2"), (50, "2"), (51, "2")):
        monkeypatch.setattr(joining_module.time, "monotonic", lambda now=now: float(now))
        found.append(_find_lost(seen, [("mdjax/alive/0", str(now)), ("mdjax/alive/1", number)]))
    assert found == [None, None, None, 1]
