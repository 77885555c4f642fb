"""Which test images a picture shows: by a rule, never by hand."""

import numpy as np
from jaxtyping import Bool, Float


def choose_fullest(
    contents: Float[np.ndarray, " n"], is_night: Bool[np.ndarray, " n"], num_chosen: int
) -> list[int]:
    """Choose the images with most content, half of them at night; the first of equals.

    Args:
        contents: How much there is to see in each image.
        is_night: Of each image.
        num_chosen: How many; fewer where there are not enough by day or at night.

    Returns:
        Indices; those by day first, and of each half the fullest first.
    """
    groups = (np.flatnonzero(~is_night), np.flatnonzero(is_night))
    chosen = [
        group[np.argsort(-contents[group], kind="stable")][: num_chosen // 2] for group in groups
    ]
    return np.concatenate(chosen).tolist()
