"""Array functions that stay one operation in traced programs, so that exports recognise them."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import jax

Function = TypeVar("Function", bound=Callable[..., Any])

PREFIX = "mdjax."
"""Of the names of operators in traced programs."""


def operator(*static_argnames: str) -> Callable[[Function], Function]:
    """Mark a function as an operator: a jaxpr shows one call, `mdjax.` and the function's name.

    XLA compiles the same program with and without it. An export that knows the operator writes it
    as one node, such as ONNX's Resize, instead of what JAX computes it from.

    Args:
        static_argnames: Arguments that are no arrays.
    """

    def mark(function: Function) -> Function:
        @wraps(function)
        def named(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        named.__name__ = PREFIX + function.__name__
        compiled = jax.jit(named, static_argnames=static_argnames)

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return compiled(*args, **kwargs)

        return call  # pyright: ignore[reportReturnType]

    return mark
