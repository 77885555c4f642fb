"""The run-time type checker that the tests lay over all annotations of `mdjax` and `data_builders`.

`conftest.py` installs it through jaxtyping's import hook: each call checks the shapes, data types
and classes in its signature, with one meaning of `b`, `h`, `w`... per call.
"""

import functools
import sys
import typing
from collections.abc import Callable
from typing import Any

import beartype

_checks_with_beartype = beartype.beartype(
    # PEP 484: an int is a fine float.
    conf=beartype.BeartypeConf(is_pep484_tower=True)
)


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """Checks the calls of one function; jaxtyping hands dataclasses over as their `__init__`.

    JAX rebuilds a registered dataclass with whatever a tree function returned for its fields:
    shapes, shardings, stacked micro-batches. Those calls are let through; everything that our code
    or a test builds itself is checked.

    The checks are made at the first call: most processes call few of the functions they import.
    """

    @functools.cache
    def make_checked() -> Callable[..., Any]:
        for hint in function.__annotations__.values():
            _make_protocols_checkable(hint)
        return _checks_with_beartype(function)

    is_initialiser = function.__name__ == "__init__"

    @functools.wraps(function)
    def check_call(*args: Any, **kwargs: Any) -> Any:
        if is_initialiser and _is_called_by_jax():
            return None
        return make_checked()(*args, **kwargs)

    return check_call


def _make_protocols_checkable(hint: Any) -> None:
    """Lets beartype see whether a value has the methods of a protocol."""
    if isinstance(hint, type) and getattr(hint, "_is_protocol", False):
        typing.runtime_checkable(hint)
    for part in typing.get_args(hint):
        _make_protocols_checkable(part)


def _is_called_by_jax() -> bool:
    frame = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("jaxtyping."):
        frame = frame.f_back
    return frame is not None and frame.f_globals.get("__name__", "").startswith("jax.")
