"""An exported network in 8 bits: calibrated, and scored beside the one in float."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from mdjax.export.deployment import Deployment
from mdjax.export.feeds import Feed, read_feeds_of_files, read_feeds_of_split
from mdjax.export.graph import Graph
from mdjax.export.onnx_model import Layout
from mdjax.export.onnx_session import arrange, open_session, score_model
from mdjax.export.quantisation import KEEP_ABOVE, find_end_nodes, quantise
from mdjax.export.sensitivity import LayerError, measure_layer_errors
from mdjax.predict.pairs import find_pairs
from mdjax.runs.loading import LoadedNetwork
from mdjax.runs.splits import open_scored_split
from mdjax.types import MdjaxError, format_count

NUM_PAIRS = 32
"""Image pairs of a calibration."""
MAX_DROP = 0.5
"""Points of the main score."""


@dataclass(frozen=True)
class Int8Options:
    """How a network is brought to 8 bits.

    Attributes:
        calibrate: Visible images, or a folder of pairs, that show what the network will see; by
            default pairs of the data set's split "train".
        calibrate_thermal: The folder with the thermal images of `calibrate`, if it is another.
        data_dir: Folder of prepared data sets; by default as in training.
        max_drop: Points of the main score that 8 bits may cost on the split that was scored.
        keep_above: Convolutions whose output 8 bits alone change by more than this share stay in
            float.
        symmetric: Centre the steps of all values on 0, as TensorRT wants it.
    """

    calibrate: Path | None = None
    calibrate_thermal: Path | None = None
    data_dir: Path | None = None
    max_drop: float = MAX_DROP
    keep_above: float = KEEP_ABOVE
    symmetric: bool = False

    def __post_init__(self) -> None:
        for name in ("max_drop", "keep_above"):
            if not getattr(self, name) >= 0:
                raise MdjaxError(f"{name} is {getattr(self, name)}; give 0 or more.")


@dataclass(frozen=True)
class Int8Model:
    """A network in 8 bits.

    Attributes:
        model: As a file holds it.
        facts: For the card: scores, layers and their errors, what stayed in float.
        calibration: Images of the calibration by name of the input, in the order of axes of the
            model, for compilers that want the model in float.
        end_nodes: Names of the last convolutions, where such compilers end.
    """

    model: bytes
    facts: Mapping[str, Any]
    calibration: Mapping[str, np.ndarray]
    end_nodes: Sequence[str] = field(default_factory=list)


def create_int8_model(
    loaded: LoadedNetwork,
    deployment: Deployment,
    graph: Graph,
    model: onnx.ModelProto,
    options: Int8Options,
    *,
    layout: Layout = "nchw",
) -> Int8Model:
    """Bring a network to 8 bits, and score it before and after.

    Args:
        loaded: The network.
        deployment: What is exported.
        graph: The simplified network.
        model: The same as an ONNX model in float.
        options: How.
        layout: Order of the axes of the model's input images.

    Raises:
        MdjaxError: There is nothing to calibrate or to score with, or 8 bits cost more than they
            may.
    """
    feeds = _read_feeds(loaded, deployment, options)
    images = [[feed[x.name] for x in deployment.inputs] for feed in feeds]
    errors = measure_layer_errors(graph, images)
    quantised, kept = quantise(
        model,
        feeds,
        errors,
        layout=layout,
        keep_above=options.keep_above,
        symmetric=options.symmetric,
    )
    scores = _score(loaded, deployment, [model.SerializeToString(), quantised], options, layout)
    drop = _compute_drop(loaded, scores)
    if not drop <= options.max_drop:
        worst = max(errors, key=lambda x: x.error)
        raise MdjaxError(
            f"int8 costs {drop:.2f} points of {scores['metric']} ({scores['float']:.2f} → "
            f"{scores['int8']:.2f}), {options.max_drop:g} are allowed. Calibrate with pairs that "
            "are more like what the network will see (--calibrate), keep more layers in float "
            f"(--keep-above below {worst.error:.3f}, that of {worst.scope}), or raise --max-drop."
        )
    return Int8Model(
        quantised,
        facts={
            "scores": scores,
            "drop": drop,
            "num_calibration_pairs": len(feeds),
            "symmetric": options.symmetric,
            # A layer may be several convolutions, such as that of pooled grids.
            "kept_in_float": list(dict.fromkeys(name.rpartition("/")[0] for name in kept)),
            "layer_errors": _find_largest(errors),
        },
        calibration={
            x.name: np.concatenate([arrange(feed[x.name], layout) for feed in feeds])
            for x in deployment.inputs
        },
        end_nodes=find_end_nodes(model),
    )


def _find_largest(errors: Sequence[LayerError]) -> list[dict[str, Any]]:
    """The largest error of any convolution of each layer."""
    largest: dict[str, float] = {}
    for x in errors:
        largest[x.scope] = max(x.error, largest.get(x.scope, 0.0))
    return [{"layer": scope, "error": error} for scope, error in largest.items()]


def _read_feeds(loaded: LoadedNetwork, deployment: Deployment, options: Int8Options) -> list[Feed]:
    if options.calibrate is not None:
        pairs = find_pairs(options.calibrate, options.calibrate_thermal)
        step = max(1, len(pairs) // NUM_PAIRS)
        return read_feeds_of_files(deployment, loaded, pairs[::step][:NUM_PAIRS])
    split = open_scored_split(loaded.config, "train", data_dir=options.data_dir)
    return read_feeds_of_split(deployment, loaded.config, split, NUM_PAIRS)


def _score(
    loaded: LoadedNetwork,
    deployment: Deployment,
    models: Sequence[bytes],
    options: Int8Options,
    layout: Layout,
) -> dict[str, Any]:
    name = loaded.scored_split or "test"
    split = open_scored_split(loaded.config, name, data_dir=options.data_dir)
    metric = loaded.config.task.get_main_metric(loaded.class_names)
    in_float, in_int8 = (
        score_model(open_session(model, layout=layout), deployment, loaded, split).to_metrics()[
            metric
        ]
        for model in models
    )
    return {
        "split": name,
        "images": format_count(len(split), "image"),
        "metric": metric,
        "float": in_float,
        "int8": in_int8,
    }


def _compute_drop(loaded: LoadedNetwork, scores: Mapping[str, Any]) -> float:
    """Points that are lost; NaN where nothing was scored, which is refused too."""
    sign = -1 if loaded.config.task.is_lower_better else 1
    return sign * (scores["float"] - scores["int8"])
