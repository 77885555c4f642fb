"""The engines that are compared: which program runs each, and what it needs."""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mdjax.export.artefact import FILES
from mdjax.export.export import INT8_FILE

ARRAYS_FILE = "arrays.npz"
"""Variables for PyTorch."""
_PACKAGE = "mdjax.benchmark.engines"


@dataclass(frozen=True)
class Engine:
    """A way to run a network.

    Attributes:
        name: On the command line and in tables.
        module: Program that runs it.
        model: File that it loads; "" for the run directory itself.
        library: Module without which it cannot run.
        remedy: How to install that.
        is_simplified: It runs what the export has simplified, not the network as trained.
        is_exact: It computes in 32 bits; else its answers are compared by how far they agree.
        details: For its `Job`.
    """

    name: str
    module: str
    model: str
    library: str
    remedy: str = ""
    is_simplified: bool = True
    is_exact: bool = True
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_installed(self) -> bool:
        """Whether its library is there."""
        return importlib.util.find_spec(self.library) is not None

    @property
    def is_torch(self) -> bool:
        """Whether it runs the network in PyTorch, which not every network has."""
        return self.model == ARRAYS_FILE


def _make_torch(name: str, **details: bool) -> Engine:
    return Engine(
        name,
        f"{_PACKAGE}.run_torch",
        ARRAYS_FILE,
        "torch",
        "pip install torch",
        is_simplified=False,
        details={"channels_last": False, "is_compiled": False, **details},
    )


JAX = Engine("jax", f"{_PACKAGE}.run_jax", "", "jax", is_simplified=False)
STABLEHLO = Engine("stablehlo", f"{_PACKAGE}.run_stablehlo", FILES["stablehlo"], "jax")
PRODUCT = Engine("matrix product", f"{_PACKAGE}.run_product", "", "jax", details={"size": 2048})
"""Not compared, but measured in turn with the others: what the machine computes at best."""

_ONNXRUNTIME = f"{_PACKAGE}.run_onnxruntime", "onnxruntime", "pip install onnxruntime"
_OPENVINO = f"{_PACKAGE}.run_openvino", "openvino", "pip install openvino"

ENGINES = {
    engine.name: engine
    for engine in (
        JAX,
        STABLEHLO,
        Engine("onnx", _ONNXRUNTIME[0], FILES["onnx"], *_ONNXRUNTIME[1:]),
        Engine("onnx-int8", _ONNXRUNTIME[0], INT8_FILE, *_ONNXRUNTIME[1:], is_exact=False),
        Engine("openvino", _OPENVINO[0], FILES["onnx"], *_OPENVINO[1:]),
        Engine("openvino-int8", _OPENVINO[0], INT8_FILE, *_OPENVINO[1:], is_exact=False),
        _make_torch("torch"),
        _make_torch("torch-channels-last", channels_last=True),
        _make_torch("torch-compile", is_compiled=True),
    )
}


def find_installed(names: Sequence[str]) -> tuple[list[Engine], list[str]]:
    """Find the engines that can run here.

    Args:
        names: Of `ENGINES`.

    Returns:
        The engines, and a line about those that cannot run, one for each library.
    """
    wanted = [ENGINES[name] for name in dict.fromkeys(names)]
    missing: dict[str, list[Engine]] = {}
    for engine in wanted:
        if not engine.is_installed:
            missing.setdefault(engine.library, []).append(engine)
    lines = [
        f"{', '.join(x.name for x in engines)}: left out, {library} is not installed "
        f"({engines[0].remedy})"
        for library, engines in missing.items()
    ]
    return [engine for engine in wanted if engine.is_installed], lines
