"""An ONNX model in ONNX Runtime."""

import onnxruntime

from mdjax.benchmark.engines.serving import Job, Run, serve


def load(job: Job) -> Run:
    """Read and optimise the model."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job.num_threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(job.model, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(list(job.output_names), dict(images))


if __name__ == "__main__":
    serve(load, answers_channels_first=True)
