"""The comparison with the golden files notices what it should."""

import numpy as np
import pytest

from tests.golden.linen import find_mismatches, to_torch_name
from tests.golden.numbers import (
    GOLDEN_DIR,
    compute_digest,
    compute_relative_error,
    load_golden,
    random_normal,
)


@pytest.mark.parametrize("size", [100, 20_000])
def test_relative_error_of_one_wrong_value_is_found(size: int) -> None:
    """One value off by 1 % of the norm: error 0.01, estimated within half where projected.

    The estimate is the root mean square of 16 normal numbers: its deviation is 1/√32 = 18 %.
    """
    value = random_normal("a value", (size,)).astype(np.float64)
    stored = compute_digest("a value", value)
    wrong = value.copy()
    wrong[7] += 0.01 * np.linalg.norm(value)
    assert compute_relative_error("a value", value, stored) == 0.0
    assert compute_relative_error("a value", wrong, stored) == pytest.approx(0.01, rel=0.5)


def test_missing_surplus_and_misshaped_results_are_mismatches() -> None:
    golden = {"a": np.ones(2), "b": np.ones(3)}
    mismatches = find_mismatches(golden, {"b": np.ones(4), "c": np.ones(1)}, lambda _: 1e-3)
    assert mismatches == {"a": "only in golden", "c": "only in JAX", "b": np.inf}


def test_not_a_number_is_a_mismatch() -> None:
    assert "a" in find_mismatches({"a": np.ones(1)}, {"a": np.array(np.nan)}, lambda _: 1e-3)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (("conv1", "kernel"), "conv1.weight"),
        (("layer2_block0", "downsample_bn", "var"), "layer2.0.downsample.1.running_var"),
        (("layer3_block1", "bn2", "scale"), "layer3.1.bn2.weight"),
        (("head", "bin6_conv", "kernel"), "head.bin6.conv.weight"),
        (("gaff", "inter", "bias"), "gaff.inter.bias"),
        (("head", "class3", "output", "kernel"), "head.class3.output.weight"),
        (
            ("trunk", "layer2_block0", "bn2", "thermal", "scale"),
            "trunk.layer2.0.bn2.thermal.weight",
        ),
        (("head", "bin6_bn", "fused", "mean"), "head.bin6.bn.fused.running_mean"),
    ],
)
def test_leaves_are_named_as_in_pytorch(path: tuple[str, ...], name: str) -> None:
    assert to_torch_name(path) == name


def test_golden_files_are_small_and_finite() -> None:
    """All of them together stay below 300 kB."""
    files = sorted(GOLDEN_DIR.glob("*.npz"))
    assert len(files) == 14
    assert sum(file.stat().st_size for file in files) < 300_000
    for file in files:
        assert all(np.isfinite(values).all() for values in load_golden(file.stem).values())
