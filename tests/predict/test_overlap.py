"""What is read ahead and written behind stays in order, bounded, and tells of what fails."""

import contextlib
import threading
from collections.abc import Iterator

import pytest

from mdjax.predict.overlap import read_ahead, write_behind


def test_items_are_read_ahead_in_order_and_not_further() -> None:
    read: list[int] = []

    def count() -> Iterator[int]:
        for number in range(6):
            read.append(number)
            yield number

    found: list[int] = []
    for number in read_ahead(count(), 2):
        found.append(number)
        assert len(read) <= number + 4  # This one, two that wait, and one that is read.
    assert found == list(range(6))


def test_reading_goes_on_while_an_item_is_used() -> None:
    """Item 1 is there only because it was read during the use of item 0."""
    was_read = threading.Event()

    def read() -> Iterator[int]:
        yield 0
        was_read.set()
        yield 1

    items = read_ahead(read(), 1)
    assert next(items) == 0
    assert was_read.wait(10)
    assert list(items) == [1]


def test_failure_to_read_comes_behind_what_was_read() -> None:
    def fail() -> Iterator[int]:
        yield 0
        raise KeyboardInterrupt

    items = read_ahead(fail())
    assert next(items) == 0
    with pytest.raises(KeyboardInterrupt):
        next(items)


def test_reading_ends_with_its_context() -> None:
    """Nothing is read afterwards: what it was read from may be closed."""
    threads = threading.active_count()
    with contextlib.closing(read_ahead(iter(range(100)))) as items:
        assert next(items) == 0
        assert threading.active_count() == threads + 1
    assert threading.active_count() == threads


def test_calls_are_done_in_order_before_the_end() -> None:
    written: list[int] = []
    with write_behind(2) as call:
        for number in range(50):
            call(written.append, number)
            assert number - len(written) <= 2  # Those that wait, and the one that is written.
    assert written == list(range(50))


def test_failure_to_write_ends_what_is_written() -> None:
    written: list[int] = []

    def write(number: int) -> None:
        if number == 1:
            raise OSError("full")
        written.append(number)

    def write_all() -> None:
        with write_behind(1) as call:
            for number in range(10):
                call(write, number)

    with pytest.raises(OSError, match="full"):
        write_all()
    assert written[:1] == [0]
    assert len(written) < 9


def test_failure_elsewhere_leaves_out_what_waits() -> None:
    goes_on = threading.Event()
    written: list[str] = []

    def fail() -> None:
        with write_behind(5) as call:
            call(goes_on.wait, 10)
            call(written.append, "left out")
            threading.Timer(0.2, goes_on.set).start()
            raise ValueError("elsewhere")

    with pytest.raises(ValueError, match="elsewhere"):
        fail()
    assert written == []
