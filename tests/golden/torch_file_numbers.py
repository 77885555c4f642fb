"""The numbers in the files of `torch_files/`."""

import jax.numpy as jnp
import numpy as np

_BASE = np.arange(24, dtype=np.float32).reshape(4, 6) / 8

EXPECTED_TENSORS = {
    "weight": _BASE,
    "transposed": _BASE.T,
    "window": _BASE[1:3, 1:6:2],
    "expanded": np.full((2, 3), 23 / 8, np.float32),
    "parameter": _BASE[:2],
    "half": (_BASE / 3).astype(np.float16),
    "bfloat": (_BASE / 3).astype(jnp.bfloat16),
    "double": _BASE.astype(np.float64) / 3,
    "count": np.array(2**40),
    "empty": np.zeros((0, 3), np.float32),
}

EXPECTED_MODULE_STATE = {
    "0.weight": np.arange(54, dtype=np.float32).reshape(3, 2, 3, 3),
    "1.weight": np.arange(3, dtype=np.float32),
    "1.bias": np.arange(3, dtype=np.float32),
    "1.running_mean": np.arange(3, dtype=np.float32),
    "1.running_var": np.arange(3, dtype=np.float32),
    "1.num_batches_tracked": np.array(0),
}
