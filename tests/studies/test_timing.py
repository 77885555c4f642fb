"""What is timed is what `predict` runs, and the networks take turns."""

from typing import Any

import numpy as np
import pytest

from mdjax.runs.loading import LoadedNetwork, load_network
from mdjax.studies import timing
from mdjax.studies.timing import measure_milliseconds
from tests.conftest import SmallRuns


def test_networks_take_turns_after_a_first_call_that_does_not_count(
    small_runs: SmallRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that is 1 s later after each pass of the teacher, and 3 s after each student."""
    networks = {name: load_network(small_runs.root / name) for name in ("teacher", "distilled")}
    seconds = {id(networks["teacher"]): 1.0, id(networks["distilled"]): 3.0}
    now, calls = 0.0, []

    def compile_predictor(loaded: Any, *, batch_size: int) -> Any:
        def predict(visible: np.ndarray, thermal: np.ndarray) -> np.ndarray:
            nonlocal now
            # Host arrays: the copy to the device is timed too.
            assert type(visible) is type(thermal) is np.ndarray
            assert visible.shape == (batch_size, 32, 48, 3)
            assert thermal.shape == (batch_size, 32, 48, 1)
            now += seconds[id(loaded)]
            calls.append(seconds[id(loaded)])
            return np.zeros((batch_size, 32, 48, 9), np.float32)

        return predict

    monkeypatch.setattr(LoadedNetwork, "compile_predictor", compile_predictor)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now)
    times = measure_milliseconds(networks, num_rounds=3, batch_size=2)
    assert calls == [1.0, 3.0] * 4
    assert times == {"teacher": 500.0, "distilled": 1500.0}


def test_real_networks_are_timed(small_runs: SmallRuns) -> None:
    networks = {"native": load_network(small_runs.root / "native")}
    assert 0.01 < measure_milliseconds(networks, num_rounds=2)["native"] < 60_000
