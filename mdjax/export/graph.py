"""A traced network as a list of operations: what is simplified, run again, and written as ONNX."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal, jaxpr_as_fun

from mdjax.ops.operator import PREFIX

_numbers = itertools.count()


@dataclass(frozen=True, eq=False)
class Value:
    """What an operation computes; two values are equal if they are one.

    Attributes:
        shape: Of the array; a number of images may be a symbol.
        dtype: Of the array.
        number: Orders values by when they were made.
    """

    shape: tuple[Any, ...]
    dtype: np.dtype
    number: int = field(default_factory=lambda: next(_numbers))


Input = Value | np.ndarray
"""What an operation reads: another one's result, or a constant."""


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation of a graph.

    Attributes:
        kind: Name of the JAX primitive, or `mdjax.` and the name of an operator of `mdjax.ops`.
        inputs: What it reads.
        outputs: What it computes.
        run: Computes the outputs from the inputs, with arrays or while JAX traces.
        params: Parameters of the primitive.
        scope: Modules in which it was called, such as "MdStudent/backbone/conv1".
    """

    kind: str
    inputs: tuple[Input, ...]
    outputs: tuple[Value, ...]
    run: Callable[..., Sequence[Any]]
    params: Mapping[str, Any]
    scope: str = ""

    @property
    def output(self) -> Value:
        """The output of an operation that has one."""
        (output,) = self.outputs
        return output


@dataclass(frozen=True)
class Graph:
    """Operations in an order in which each comes after those that it reads.

    Attributes:
        inputs: What the function was called with.
        operations: What is computed.
        outputs: What it returns.
    """

    inputs: tuple[Value, ...]
    operations: tuple[Operation, ...]
    outputs: tuple[Input, ...]

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """Compute the outputs; can be compiled by `jax.jit`."""
        known: dict[Value, Any] = dict(zip(self.inputs, arrays, strict=True))

        def read(x: Input) -> Any:
            return known[x] if isinstance(x, Value) else x

        for operation in self.operations:
            results = operation.run(*map(read, operation.inputs))
            known.update(zip(operation.outputs, results, strict=True))
        return tuple(map(read, self.outputs))

    def returns(self, value: Value) -> bool:
        """Tell whether a value is an output."""
        return any(x is value for x in self.outputs)

    def find_users(self) -> dict[Value, list[Operation]]:
        """List for each value the operations that read it."""
        users: dict[Value, list[Operation]] = {}
        for operation in self.operations:
            for x in dict.fromkeys(x for x in operation.inputs if isinstance(x, Value)):
                users.setdefault(x, []).append(operation)
        return users

    def find_makers(self) -> dict[Value, Operation]:
        """Find for each value the operation that computes it."""
        return {value: operation for operation in self.operations for value in operation.outputs}

    def replace_values(self, new: Mapping[Value, Input]) -> "Graph":
        """Read other values in the place of some; what nobody reads any more is dropped."""

        def find(x: Input) -> Input:
            while isinstance(x, Value) and x in new:
                x = new[x]
            return x

        operations = [
            replace(operation, inputs=tuple(map(find, operation.inputs)))
            for operation in self.operations
        ]
        outputs = tuple(map(find, self.outputs))
        return Graph(self.inputs, tuple(operations), outputs).drop_unused()

    def insert(self, added: Mapping[Operation, Sequence[Operation]]) -> "Graph":
        """Add operations behind others."""
        operations = [
            each for operation in self.operations for each in (operation, *added.get(operation, ()))
        ]
        return replace(self, operations=tuple(operations))

    def drop_unused(self) -> "Graph":
        """Drop operations that no output depends on."""
        needed = {x for x in self.outputs if isinstance(x, Value)}
        kept: list[Operation] = []
        for operation in reversed(self.operations):
            if needed.isdisjoint(operation.outputs):
                continue
            kept.append(operation)
            needed.update(x for x in operation.inputs if isinstance(x, Value))
        return replace(self, operations=tuple(reversed(kept)))


def trace(function: Callable[..., Any], *shapes: Any) -> Graph:
    """Trace a function; what does not depend on its inputs is computed now.

    Args:
        function: Of arrays, to an array or a tree of arrays.
        shapes: A `jax.ShapeDtypeStruct` for each of its arguments.

    Returns:
        A graph with the leaves of the tree as outputs. Calls of inner functions are resolved, those
        of operators of `mdjax.ops` are not.
    """
    closed = jax.make_jaxpr(function)(*shapes)
    inputs = tuple(Value(tuple(x.aval.shape), x.aval.dtype) for x in closed.jaxpr.invars)
    tracer = _Tracer()
    outputs = tracer.run(closed.jaxpr, [np.asarray(x) for x in closed.consts], inputs)
    return Graph(inputs, tuple(tracer.operations), outputs).drop_unused()


def extend(
    function: Callable[..., Any], inputs: Sequence[Value], *, scope: str = ""
) -> tuple[list[Operation], Input]:
    """Trace a function of values of a graph.

    Args:
        function: Of one array for each of the values, to one array.
        inputs: The values.
        scope: Of the operations, where they have none of their own.

    Returns:
        The operations that compute it, and its result.
    """
    traced = trace(function, *(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in inputs))
    new = dict(zip(traced.inputs, inputs, strict=True))
    operations = [
        replace(
            operation,
            inputs=tuple(new.get(x, x) if isinstance(x, Value) else x for x in operation.inputs),
            scope=operation.scope or scope,
        )
        for operation in traced.operations
    ]
    (output,) = traced.outputs
    return operations, new.get(output, output) if isinstance(output, Value) else output


def compact(array: np.ndarray) -> np.ndarray:
    """Return a constant without the axes along which it is repeated: these become 1 long."""
    sides = zip(array.strides, array.shape, strict=True)
    kept = (slice(0, 1) if stride == 0 and size > 1 else slice(None) for stride, size in sides)
    return array[(*kept, ...)]  # The ellipsis keeps a scalar an array.


# Calls whose inner operations take the place of the call, by the parameter that holds these.
_INLINED = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "remat": "jaxpr",
    "checkpoint": "jaxpr",
    "remat2": "jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "custom_vjp_call_jaxpr": "fun_jaxpr",
}


@dataclass
class _Tracer:
    """Turns jaxprs into operations."""

    operations: list[Operation] = field(default_factory=list)

    def run(
        self, jaxpr: Jaxpr, consts: Sequence[Any], inputs: Sequence[Input], scope: str = ""
    ) -> tuple[Input, ...]:
        """Add the operations of a jaxpr that depend on inputs; return its outputs."""
        known: dict[Any, Input] = dict(zip(jaxpr.constvars, map(np.asarray, consts), strict=True))
        known.update(zip(jaxpr.invars, inputs, strict=True))

        def read(x: Any) -> Input:
            if isinstance(x, Literal):
                return np.asarray(x.val, getattr(x.aval, "dtype", None))
            return known[x]

        for equation in jaxpr.eqns:
            given = tuple(map(read, equation.invars))
            inner = _join_scopes(scope, str(equation.source_info.name_stack))
            known.update(zip(equation.outvars, self._add(equation, given, inner), strict=True))
        return tuple(map(read, jaxpr.outvars))

    def _add(self, equation: Any, inputs: tuple[Input, ...], scope: str) -> Sequence[Input]:
        kind, params = equation.primitive.name, equation.params
        name = str(params.get("name", ""))
        if kind in _INLINED and not name.startswith(PREFIX):
            called = params[_INLINED[kind]]
            closed = called if isinstance(called, ClosedJaxpr) else ClosedJaxpr(called, ())
            return self.run(closed.jaxpr, closed.consts, inputs, scope)
        if kind in _INLINED:
            kind, run = name, jaxpr_as_fun(params[_INLINED[kind]])
        else:
            run = _make_run(equation)
        shapes = [tuple(x.aval.shape) for x in equation.outvars]
        is_constant = all(isinstance(x, np.ndarray) for x in inputs)
        if is_constant and all(isinstance(size, int) for shape in shapes for size in shape):
            return _compute(kind, run, params, inputs, shapes)
        outputs = tuple(
            Value(shape, x.aval.dtype) for shape, x in zip(shapes, equation.outvars, strict=True)
        )
        self.operations.append(Operation(kind, inputs, outputs, run, params, scope))
        return outputs


def _join_scopes(outer: str, inner: str) -> str:
    """Module paths; flax names methods such as `backbone._run_stem` too, which say nothing more."""
    parts = (part for scope in (outer, inner) for part in scope.split("/"))
    return "/".join(part for part in parts if part and "." not in part)


def _make_run(equation: Any) -> Callable[..., Sequence[Any]]:
    primitive, params = equation.primitive, equation.params

    def run(*arrays: Any) -> Sequence[Any]:
        results = primitive.bind(*arrays, **params)
        return results if primitive.multiple_results else (results,)

    return run


def _compute(
    kind: str,
    run: Callable[..., Sequence[Any]],
    params: Mapping[str, Any],
    inputs: Sequence[Any],
    shapes: Sequence[tuple[int, ...]],
) -> Sequence[np.ndarray]:
    """Compute a constant; one that repeats itself is a view that takes no memory."""
    if kind == "broadcast_in_dim":
        (shape,) = shapes
        aligned = [1] * len(shape)
        for axis, size in zip(params["broadcast_dimensions"], inputs[0].shape, strict=True):
            aligned[axis] = size
        return (np.broadcast_to(inputs[0].reshape(aligned), shape),)
    is_elementwise = len(shapes) == 1 and all(x.shape in ((), shapes[0]) for x in inputs)
    if is_elementwise and kind in ELEMENTWISE:
        (result,) = run(*map(compact, inputs))
        return (np.broadcast_to(np.asarray(result), shapes[0]),)
    return [np.asarray(result) for result in run(*inputs)]


ELEMENTWISE = frozenset(
    (
        *("add", "sub", "mul", "div", "max", "min", "pow", "integer_pow", "square", "sqrt"),
        *("rsqrt", "exp", "log", "log1p", "logistic", "tanh", "neg", "abs", "sign", "erf"),
        *("convert_element_type", "select_n", "copy", "stop_gradient", "clamp"),
        *("eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "floor", "ceil", "round"),
    )
)
"""Primitives that compute each value from those at the same place."""
