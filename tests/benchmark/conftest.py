"""What all tests of the benchmark need."""

from dataclasses import replace

import pytest

from mdjax.benchmark import measuring


@pytest.fixture(autouse=True)
def with_a_small_product(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peak of the machine is not what is tested."""
    monkeypatch.setattr(measuring, "PRODUCT", replace(measuring.PRODUCT, details={"size": 64}))
