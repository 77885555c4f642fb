import os
import signal
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from mdjax.losses.ratio import mean_ratio
from mdjax.models.network import select_full_thermal
from mdjax.tasks.segmentation import compute_cross_entropy
from mdjax.train.loop import TIMINGS, InterruptedTraining, LoopConfig, run_training
from mdjax.train.state import create_state
from mdjax.train.step import make_train_step
from mdjax.train.terms import LossTerm
from mdjax.types import MdjaxError
from tests.train.tiny import TinyNetwork, init_tiny, make_batch


class Recorder:
    """Keeps what the loop logs, shows and saves."""

    def __init__(self):
        self.logged = []
        self.shown = []
        self.saved = []
        self.scored = []

    def options(self, scores=None) -> dict[str, Any]:
        return {
            "log": lambda step, metrics: self.logged.append((step, dict(metrics))),
            "show": lambda step, loss: self.shown.append((step, loss)),
            "save": lambda state, window: self.saved.append(
                (int(state.step), window, jax.tree.map(np.array, state))
            ),
            "add_scores": lambda scores: self.scored.append((len(self.saved), dict(scores))),
            "evaluate": lambda state: scores or {"score": float(state.step)},
        }


def make_batches(start_step=0):
    step = start_step
    while True:
        yield make_batch(step)
        step += 1


def make_tiny_step(terms=None, network=None):
    network = network or TinyNetwork(has_batch_norm=True, dropout_rate=0.2)
    optimiser = optax.sgd(0.1, momentum=0.9)
    step = make_train_step(
        network,
        optimiser,
        terms or (LossTerm("segmentation", 1.0, compute_cross_entropy),),
        select_inputs=select_full_thermal,
        seed=7,
    )
    return step, create_state(init_tiny(network), optimiser)


def test_resumed_training_gives_the_same_numbers_bit_for_bit():
    config = LoopConfig(num_steps=6, log_every=2, evaluate_every=0, save_every=3)
    step, state = make_tiny_step()
    whole = Recorder()
    expected = run_training(state, step, make_batches(), config, **whole.options())
    middle = next(state for done, _, state in whole.saved if done == 3)
    step, _ = make_tiny_step()
    resumed = run_training(
        jax.tree.map(jnp.array, middle), step, make_batches(3), config, **Recorder().options()
    )
    chex.assert_trees_all_equal(expected, resumed)


def test_metrics_are_means_over_the_steps_since_the_last_entry():
    step, state = make_tiny_step()
    losses = []

    def watched(state, batch):
        state, metrics = step(state, batch)
        losses.append(float(metrics["loss"]))
        return state, metrics

    recorder = Recorder()
    config = LoopConfig(num_steps=5, log_every=2, evaluate_every=0, save_every=100)
    run_training(state, watched, make_batches(), config, **recorder.options())
    logged = {step: metrics for step, metrics in recorder.logged if "train/loss" in metrics}
    assert list(logged) == [2, 4, 5]
    np.testing.assert_allclose(logged[2]["train/loss"], np.mean(losses[:2]), rtol=1e-6)
    np.testing.assert_allclose(logged[5]["train/loss"], losses[4], rtol=1e-6)
    assert logged[4]["train/steps_per_second"] > 0


def test_each_state_is_saved_once_and_then_scored():
    step, state = make_tiny_step()
    recorder = Recorder()
    config = LoopConfig(num_steps=4, evaluate_every=2, save_every=3)
    run_training(state, step, make_batches(), config, **recorder.options())
    assert [done for done, _, _ in recorder.saved] == [2, 3, 4]
    # After the first and the third were saved.
    assert recorder.scored == [(1, {"score": 2.0}), (3, {"score": 4.0})]
    assert (4, {"val/score": 4.0}) in recorder.logged


@pytest.mark.parametrize("save_every", [1, 2, 3])
def test_log_entries_do_not_depend_on_where_a_run_was_cut(save_every):
    """Cut after each saved state in turn, also amid a log interval."""
    config = LoopConfig(num_steps=7, log_every=3, evaluate_every=4, save_every=save_every)
    step, state = make_tiny_step()
    whole = Recorder()
    run_training(state, step, make_batches(), config, **whole.options())
    expected = list_entries(whole)
    assert [at for at, _ in expected] == [3, 4, 6, 7, 7]
    for done, window, middle in whole.saved:
        is_scored = done in (4, 7)
        resumed = Recorder()
        run_training(
            jax.tree.map(jnp.array, middle),
            step,
            make_batches(done),
            config,
            window=window,
            is_scored=is_scored,
            **resumed.options(),
        )
        # What is due at the saved step itself comes again; the log knows it.
        is_later = [at > done or (at == done and "val/score" not in m) for at, m in expected]
        later = [entry for entry, is_kept in zip(expected, is_later, strict=True) if is_kept]
        assert list_entries(resumed) == later


def list_entries(recorder):
    return [
        (at, {name: x for name, x in metrics.items() if name not in TIMINGS})
        for at, metrics in recorder.logged
    ]


def test_scoring_that_failed_is_done_first_when_the_training_goes_on():
    config = LoopConfig(num_steps=4, log_every=2, evaluate_every=2, save_every=100)
    step, state = make_tiny_step()
    cut = Recorder()
    options = {**cut.options(), "evaluate": fail_to_score}
    with pytest.raises(MdjaxError, match="nothing to be scored"):
        run_training(state, step, make_batches(), config, **options)
    ((done, window, saved),) = cut.saved
    resumed = Recorder()
    run_training(
        jax.tree.map(jnp.array, saved),
        step,
        make_batches(done),
        config,
        window=window,
        **resumed.options(),
    )
    assert [at for at, metrics in resumed.logged if "val/score" in metrics] == [2, 4]


def fail_to_score(state):
    raise MdjaxError("nothing to be scored")


def test_last_state_is_saved_even_if_scoring_it_fails():
    step, state = make_tiny_step()
    recorder = Recorder()
    config = LoopConfig(num_steps=2, evaluate_every=0, save_every=100)
    options = {**recorder.options(), "evaluate": fail_to_score}
    with pytest.raises(MdjaxError, match="nothing to be scored"):
        run_training(state, step, make_batches(), config, **options)
    assert [done for done, _, _ in recorder.saved] == [2]


def test_scores_are_logged_under_the_name_of_their_split():
    step, state = make_tiny_step()
    recorder = Recorder()
    config = LoopConfig(num_steps=1, evaluate_every=0)
    run_training(state, step, make_batches(), config, scored_split="test", **recorder.options())
    assert (1, {"test/score": 1.0}) in recorder.logged


@pytest.fixture
def spend(monkeypatch):
    """A function that lets time pass by a clock of our own, and returns what it is given."""
    now = 0.0

    def pass_by(seconds, result):
        nonlocal now
        now += seconds
        return result

    monkeypatch.setattr("mdjax.train.loop.time.perf_counter", lambda: now)
    return pass_by


def test_rate_counts_neither_scoring_nor_saving_nor_probing(spend):
    """Each step takes 1 s; all else takes 100 s."""
    step, state = make_tiny_step()
    recorder = Recorder()
    options = recorder.options() | {
        "save": lambda state, window: spend(100, None),
        "add_scores": lambda scores: spend(100, None),
        "evaluate": lambda state: spend(100, {"score": 1.0}),
        "probe": lambda state, batch: spend(100, {}),
    }
    config = LoopConfig(num_steps=4, log_every=2, evaluate_every=1, save_every=1, probe_every=1)
    run_training(state, lambda *inputs: spend(1, step(*inputs)), make_batches(), config, **options)
    rates = [m["train/steps_per_second"] for _, m in recorder.logged if "train/loss" in m]
    assert rates == [1.0, 1.0]


def test_share_of_waiting_counts_the_batches_alone(spend):
    """Of 4 seconds for a batch and its step, 3 pass before the batch is there: 75 %."""
    step, state = make_tiny_step()
    recorder = Recorder()
    batches = (spend(3, batch) for batch in make_batches())
    config = LoopConfig(num_steps=4, log_every=2, evaluate_every=0, save_every=4)
    options = recorder.options()
    run_training(state, lambda *inputs: spend(1, step(*inputs)), batches, config, **options)
    shares = [m["train/data_wait_share"] for _, m in recorder.logged if "train/loss" in m]
    assert shares == [0.75, 0.75]


def test_rate_counts_the_step_that_still_runs_when_the_probe_begins(monkeypatch):
    """A step returns at once; its second passes where its metrics are read."""
    step, state = make_tiny_step()
    recorder = Recorder()
    now = 0.0

    read = jax.device_get

    def wait_and_read(values):
        nonlocal now
        now += "loss" in values
        return read(values)

    monkeypatch.setattr("mdjax.train.loop.jax.device_get", wait_and_read)
    monkeypatch.setattr("mdjax.train.loop.time.perf_counter", lambda: now)
    options: dict[str, Any] = recorder.options() | {"probe": lambda state, batch: {}}
    config = LoopConfig(num_steps=4, log_every=4, evaluate_every=0, save_every=4, probe_every=1)
    run_training(state, step, make_batches(), config, **options)
    (rate,) = [m["train/steps_per_second"] for _, m in recorder.logged if "train/loss" in m]
    assert rate == 1.0


def test_a_term_that_is_not_finite_stops_with_step_and_name_and_saves_nothing_bad():
    def explode(inputs):
        first = inputs.batch.visible[0, 0, 0, 0]
        return mean_ratio(jnp.where(first == make_batch(3).visible[0, 0, 0, 0], jnp.nan, 1.0))

    terms = (
        LossTerm("segmentation", 1.0, compute_cross_entropy),
        LossTerm("explosive", 0.1, explode),
    )
    step, state = make_tiny_step(terms)
    recorder = Recorder()
    config = LoopConfig(num_steps=10, save_every=1, evaluate_every=0)
    with pytest.raises(MdjaxError, match=r"Step 4: loss/explosive is nan"):
        run_training(state, step, make_batches(), config, **recorder.options())
    assert [done for done, _, _ in recorder.saved] == [1, 2, 3]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_signal_saves_the_state_and_restores_the_handler(number):
    step, state = make_tiny_step()
    recorder = Recorder()
    before = signal.getsignal(number)

    def batches():
        for count, batch in enumerate(make_batches()):
            if count == 2:
                os.kill(os.getpid(), number)
            yield batch

    config = LoopConfig(num_steps=50, save_every=50, evaluate_every=0)
    with pytest.raises(InterruptedTraining, match="after step 3"):
        run_training(state, step, batches(), config, **recorder.options())
    assert [done for done, _, _ in recorder.saved] == [3]
    assert signal.getsignal(number) is before


def test_a_signal_during_the_log_entry_stops_after_the_next_step_which_is_saved():
    """What the exception says is true whenever the signal comes: the state is saved."""
    step, state = make_tiny_step()
    recorder = Recorder()
    options = recorder.options()

    def log(done, metrics):
        if done == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    config = LoopConfig(num_steps=50, log_every=2, save_every=50, evaluate_every=0)
    with pytest.raises(InterruptedTraining, match="after step 3"):
        run_training(state, step, make_batches(), config, **{**options, "log": log})
    assert [done for done, _, _ in recorder.saved] == [3]


def test_gradient_norms_are_probed_as_often_as_asked():
    step, state = make_tiny_step()
    recorder = Recorder()
    config = LoopConfig(num_steps=4, evaluate_every=0, probe_every=2)
    run_training(
        state,
        step,
        make_batches(),
        config,
        probe=lambda state, batch: {"gradient_norm/segmentation": jnp.float32(1.5)},
        **recorder.options(),
    )
    probed = [(at, m) for at, m in recorder.logged if "gradient_norm/segmentation" in m]
    assert probed == [(at, {"gradient_norm/segmentation": 1.5}) for at in (0, 2)]


@pytest.mark.parametrize("values", [{"num_steps": 0}, {"save_every": 0}, {"evaluate_every": -1}])
def test_impossible_values_are_refused(values):
    with pytest.raises(MdjaxError, match=next(iter(values))):
        LoopConfig(**values)
