"""The names of `import mdjax`."""

import subprocess
import sys

import pytest

import mdjax


def test_every_public_name_is_there() -> None:
    for name in mdjax.__all__:
        assert getattr(mdjax, name).__name__ == name


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = mdjax.nothing  # pyright: ignore[reportAttributeAccessIssue]


def test_import_alone_loads_no_jax() -> None:
    """`mdjax --help` and whoever reads the version should not wait for seconds."""
    script = "import sys, mdjax; print(mdjax.__version__, 'jax' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [mdjax.__version__, "False"]
