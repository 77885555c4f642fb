"""The same network in PyTorch, eager or compiled."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]

from mdjax.benchmark.engines.serving import Job, Run, serve
from mdjax.benchmark.engines.torch_network import create_network


def load(job: Job) -> Run:
    """Build the modules; where they are compiled, the first pass does so."""
    torch.set_num_threads(job.num_threads)
    with np.load(job.model) as stored:
        network = create_network(job.details["facts"], {name: stored[name] for name in stored})
    if job.details["channels_last"]:
        network = network.to(memory_format=torch.channels_last)
    layout = torch.channels_last if job.details["channels_last"] else torch.contiguous_format
    program: Any = torch.compile(network) if job.details["is_compiled"] else network

    def run(images: Mapping[str, np.ndarray]) -> Any:
        with torch.inference_mode():
            shown = {
                name: torch.from_numpy(image).contiguous(memory_format=layout)
                for name, image in images.items()
            }
            return [x.numpy() for x in program(**shown)]

    return run


if __name__ == "__main__":
    serve(load, answers_channels_first=True)
