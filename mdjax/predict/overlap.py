"""Reading ahead and writing behind, each in a thread of its own with a bounded number of items.

Decoders, networks and encoders leave Python's lock while they work, so that they run at once.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

_NUM_AHEAD = 2

Item = TypeVar("Item")


def read_ahead(items: Iterator[Item], num_ahead: int = _NUM_AHEAD) -> Generator[Item, None, None]:
    """Give the items of an iterator, which runs in a thread while they are used.

    What it raises is raised here, behind the items before. Close this generator, as
    `contextlib.closing` does, before what the iterator reads from is closed.

    Args:
        items: Used by the thread alone.
        num_ahead: Items that wait at most.
    """
    end: Any = object()
    with ThreadPoolExecutor(1) as pool:
        waiting = deque(pool.submit(next, items, end) for _ in range(num_ahead))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(pool.submit(next, items, end))
            yield item


@contextlib.contextmanager
def write_behind(num_behind: int = _NUM_AHEAD) -> Iterator[Callable[..., None]]:
    """Give a function that calls another one in a thread, in order, and returns before it is done.

    What one of them raises is raised at a later call or at the end, and those behind it are left
    out; where the body fails, those that wait are left out too.

    Args:
        num_behind: Calls that wait at most; the next one waits for the first of them.
    """
    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1) as pool:

        def call(write: Callable[..., None], *arguments: Any) -> None:
            if len(waiting) >= num_behind:
                waiting.popleft().result()
            waiting.append(pool.submit(write, *arguments))

        try:
            yield call
            while waiting:
                waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
