"""Functions as graphs: traced, run again, extended and cut."""

import jax
import jax.numpy as jnp
import numpy as np

from mdjax.export.graph import Value, compact, extend, trace
from mdjax.ops.resize import resize_bilinear

SHAPE = jax.ShapeDtypeStruct((1, 2, 3, 1), jnp.float32)


def test_graph_computes_what_the_function_computes() -> None:
    weights = np.arange(3, dtype=np.float32)

    def function(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        y = jax.nn.relu(x * jnp.exp(jnp.asarray(weights)).reshape(1, 1, 3, 1) - 1)
        return y, jnp.sum(y)

    graph = trace(function, SHAPE)
    x = np.linspace(0, 1, 6, dtype=np.float32).reshape(SHAPE.shape)
    for expected, found in zip(function(jnp.asarray(x)), graph(x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_what_depends_on_no_input_is_computed_while_tracing() -> None:
    """exp(0) + 1 = 2 is a constant of the one sum that remains."""
    graph = trace(lambda x: x + (jnp.exp(jnp.zeros(())) + 1), SHAPE)
    (operation,) = graph.operations
    assert operation.kind == "add"
    (constant,) = [x for x in operation.inputs if isinstance(x, np.ndarray)]
    np.testing.assert_array_equal(compact(constant).ravel(), [2.0])


def test_what_no_output_needs_is_dropped() -> None:
    graph = trace(lambda x: (x + 1, jnp.sin(x))[0], SHAPE)
    assert [operation.kind for operation in graph.operations] == ["add"]


def test_operators_of_ours_stay_whole_and_calls_do_not() -> None:
    graph = trace(lambda x: jax.jit(jnp.tanh)(resize_bilinear(x, size_hw=(4, 6))), SHAPE)
    kinds = [operation.kind for operation in graph.operations]
    assert kinds == ["mdjax.resize_bilinear", "tanh"]


def test_repeated_constants_take_no_memory_and_are_found_again() -> None:
    array = np.broadcast_to(np.arange(3.0).reshape(1, 1, 1, 3), (1, 50, 60, 3))
    assert compact(array).shape == (1, 1, 1, 3)
    graph = trace(
        lambda x: x * jnp.broadcast_to(jnp.arange(3.0), (1, 50, 60, 3)) * 2.0,
        jax.ShapeDtypeStruct((1, 50, 60, 3), jnp.float32),
    )
    constants = [x for each in graph.operations for x in each.inputs if not isinstance(x, Value)]
    assert all(compact(x).size <= 3 for x in constants)


def test_graph_is_extended_by_a_function_of_its_values() -> None:
    graph = trace(lambda x: x + 1, SHAPE)
    (value,) = graph.outputs
    assert isinstance(value, Value)
    operations, doubled = extend(lambda x: 2 * x, [value])
    longer = type(graph)(graph.inputs, (*graph.operations, *operations), (doubled,))
    np.testing.assert_array_equal(longer(np.ones(SHAPE.shape, np.float32))[0], 4)


def test_modules_name_the_scope_of_what_they_compute() -> None:
    import flax.linen as nn

    module = nn.Sequential([nn.Dense(2)])
    variables = module.init(jax.random.key(0), jnp.zeros((1, 3)))
    graph = trace(lambda x: module.apply(variables, x), jax.ShapeDtypeStruct((1, 3), jnp.float32))
    assert "layers_0" in graph.operations[0].scope
