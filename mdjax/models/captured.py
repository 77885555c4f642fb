"""Features of an existing linen module, picked by path without rewriting it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
from flax.core.scope import in_filter, union_filters

from mdjax.types import MdjaxError, NetworkOutput

_INTERMEDIATES = "intermediates"
_CAPTURED = "__call__"


def _pass_train(train: bool) -> Mapping[str, Any]:
    return {"train": train}


@dataclass(frozen=True)
class CapturedNetwork:
    """A linen module whose inner outputs serve as features and mask.

    It has linen's `init` and `apply`, so the step builders take it like a module. The path of a
    submodule is its name inside its parent's; `nn.Sequential` calls its parts layers_0, layers_1.

    Attributes:
        module: Any linen module; what it returns becomes `NetworkOutput.prediction`.
        features: Paths of the submodules whose outputs are compared, by the name they get, such as
            {"c4": "encoder/stage3"}.
        mask: Path of the submodule whose output is the attention mask, or None.
        mask_activation: Applied to the captured mask, such as `jax.nn.sigmoid`.
        train_arguments: How the module is told whether it trains: `lambda train: {}` for one that
            takes no such argument, `lambda train: {"deterministic": not train}` for one that
            calls it so.

    Example:
        >>> import flax.linen as nn
        >>> import jax
        >>> import mdjax
        >>> module = nn.Sequential([nn.Conv(8, (3, 3)), nn.relu, nn.Conv(1, (1, 1))])
        >>> network = mdjax.CapturedNetwork(
        ...     module, {"c4": "layers_0"}, train_arguments=lambda train: {}
        ... )
        >>> image = jax.numpy.zeros((1, 16, 16, 3))
        >>> variables = network.init(jax.random.key(0), image)
        >>> output = network.apply(variables, image, train=False)
        >>> output.prediction.shape, output.features["c4"].shape
        ((1, 16, 16, 1), (1, 16, 16, 8))
    """

    module: nn.Module
    features: Mapping[str, str]
    mask: str | None = None
    mask_activation: Callable[[jax.Array], jax.Array] | None = None
    train_arguments: Callable[[bool], Mapping[str, Any]] = _pass_train

    def init(self, rngs: Any, *inputs: Any, train: bool = False) -> Any:
        """Create the variables of the module."""
        return self.module.init(rngs, *inputs, **self.train_arguments(train))

    def apply(
        self, variables: Any, *inputs: Any, train: bool, mutable: Any = False, **kwargs: Any
    ) -> NetworkOutput | tuple[NetworkOutput, Mapping[str, Any]]:
        """Run the module and gather its prediction, features and mask.

        `mutable` is flax's: the collections that come back beside the output, by name, as a list, a
        filter, or True for all; False for none. What is captured here is not among them, what the
        module itself sows into "intermediates" is.

        Raises:
            MdjaxError: No submodule has the path; the message lists those there are.
        """
        wanted = {*self.features.values(), self.mask}
        updates: Any
        prediction, updates = self.module.apply(
            variables,
            *inputs,
            mutable=union_filters(mutable, _INTERMEDIATES),
            capture_intermediates=lambda module, _: "/".join(module.path) in wanted,
            **self.train_arguments(train),
            **kwargs,
        )
        captured = updates.pop(_INTERMEDIATES, {})
        sown = _leave_out_captured(captured)
        if sown and in_filter(mutable, _INTERMEDIATES):
            updates[_INTERMEDIATES] = sown
        mask = None if self.mask is None else self._pick(captured, self.mask, variables)
        if mask is not None and self.mask_activation is not None:
            mask = self.mask_activation(mask)
        features = {
            name: self._pick(captured, path, variables) for name, path in self.features.items()
        }
        output = NetworkOutput(prediction, features, mask)
        return output if mutable is False else (output, updates)

    def _pick(self, captured: Mapping[str, Any], path: str, variables: Any) -> jax.Array:
        node: Any = captured
        for part in path.split("/"):
            node = node.get(part, {})
        if _CAPTURED not in node:
            raise MdjaxError(
                f"{type(self.module).__name__} has no submodule '{path}' that was called. "
                f"It has: {', '.join(_module_paths(variables['params']))}."
            )
        return node[_CAPTURED][0]


def _leave_out_captured(intermediates: Mapping[str, Any]) -> dict[str, Any]:
    """What a module has sown itself; submodules that have sown nothing are omitted."""
    sown = {
        name: _leave_out_captured(value) if isinstance(value, Mapping) else value
        for name, value in intermediates.items()
        if name != _CAPTURED
    }
    return {name: value for name, value in sown.items() if not isinstance(value, dict) or value}


def _module_paths(params: Mapping[str, Any], prefix: str = "") -> list[str]:
    paths = []
    for name, value in params.items():
        if isinstance(value, Mapping):
            paths += [f"{prefix}{name}", *_module_paths(value, f"{prefix}{name}/")]
    return paths
