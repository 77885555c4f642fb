"""An ONNX model in OpenVINO, on the processor."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import openvino  # pyright: ignore[reportMissingImports]

from mdjax.benchmark.engines.serving import Job, Run, serve


def load(job: Job) -> Run:
    """Read and compile the model for the shortest time of one batch."""
    options = {
        "INFERENCE_NUM_THREADS": job.num_threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # It would take bfloat16 where the processor has it.
    }
    compiled = openvino.Core().compile_model(job.model, "CPU", options)
    request = compiled.create_infer_request()

    def run(images: Mapping[str, np.ndarray]) -> Any:
        answers = request.infer(dict(images))
        return [answers[name] for name in job.output_names]

    return run


if __name__ == "__main__":
    serve(load, answers_channels_first=True)
