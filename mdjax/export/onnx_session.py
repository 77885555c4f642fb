"""An ONNX model in ONNX Runtime: what it answers, and how well it scores."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mdjax.data.pipeline import make_evaluation_batches
from mdjax.data.source import SplitSource
from mdjax.export.answers import make_answer_reader
from mdjax.export.deployment import Deployment
from mdjax.export.feeds import Feed, make_feeds_of_batch
from mdjax.export.onnx_model import Layout
from mdjax.runs.loading import LoadedNetwork
from mdjax.tasks.task import Evaluation
from mdjax.types import MdjaxError

Run = Callable[[Feed], list[np.ndarray]]
"""From the images [1 h w c] of a pair to the outputs, images among them as [1 h w c]."""


def open_session(model: bytes, *, layout: Layout = "nchw", num_threads: int = 0) -> Run:
    """Load a model.

    Args:
        model: As a file holds it.
        layout: Order of the axes of its input images.
        num_threads: 0: as many as there are cores.

    Raises:
        MdjaxError: ONNX Runtime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MdjaxError(
            "running ONNX models needs ONNX Runtime: pip install onnxruntime."
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(feed: Feed) -> list[np.ndarray]:
        images = {name: arrange(image, layout) for name, image in feed.items()}
        found: Sequence[Any] = session.run(None, images)
        return [x.transpose(0, 2, 3, 1) if x.ndim == 4 else x for x in found]

    return run


def arrange(image: np.ndarray, layout: Layout) -> np.ndarray:
    """Bring images [b h w c] into the order of axes that a model takes."""
    return image if layout == "nhwc" else np.ascontiguousarray(image.transpose(0, 3, 1, 2))


def score_model(
    run: Run, deployment: Deployment, loaded: LoadedNetwork, split: SplitSource
) -> Evaluation:
    """Score a model on a split, as `mdjax evaluate` scores the network itself.

    Args:
        run: From `open_session`.
        deployment: What the model was made of.
        loaded: The network.
        split: Whose pairs; the thermal camera is simulated.
    """
    config = loaded.config
    task = config.task
    reader = task.create_truth_reader(split)
    tally = task.create_tally(split, loaded.class_names)
    batches = make_evaluation_batches(split, config.pipeline, reader, batch_size=1)
    read = make_answer_reader(
        deployment.head_name,
        task,
        trained_task=task,
        num_classes=len(loaded.class_names),
        working_size_hw=deployment.working_size_hw,
    )
    for index, batch in enumerate(batches):
        (feed,) = make_feeds_of_batch(deployment, config, batch)
        answer = dict(zip(deployment.head.outputs, run(feed), strict=True))
        tally.add(read(answer), batch, [index])
    return tally.compute()
