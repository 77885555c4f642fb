"""Ctrl-C while Python collects garbage."""

import gc
import signal
import time
from types import FrameType

import pytest

from mdjax.signals import postpone_where_dropped


def interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


def collect_and_go_on(raised: list[int]) -> None:
    gc.collect()
    assert raised
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        time.sleep(0.01)
    pytest.fail("the signal was lost")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_in_a_garbage_collection_is_not_lost(number: signal.Signals) -> None:
    def stop_once(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and not raised:
            raised.append(number)
            signal.raise_signal(number)

    raised: list[int] = []
    previous = signal.signal(number, postpone_where_dropped(interrupt))
    gc.callbacks.append(stop_once)
    try:
        with pytest.raises(KeyboardInterrupt) as stopped:
            collect_and_go_on(raised)
        assert stopped.value.args == (number,)
    finally:
        gc.callbacks.remove(stop_once)
        signal.signal(number, previous)


def test_signal_elsewhere_is_raised_at_once() -> None:
    previous = signal.signal(signal.SIGTERM, postpone_where_dropped(interrupt))
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, previous)
