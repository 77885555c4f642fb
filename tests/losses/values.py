"""Losses as numbers, for tests that look at their values."""

import functools
from collections.abc import Callable
from typing import Any


def take_value(loss: Callable[..., Any]) -> Callable[..., Any]:
    """The same loss, divided."""

    @functools.wraps(loss)
    def compute(*arguments: Any, **options: Any) -> Any:
        return loss(*arguments, **options).value

    return compute
