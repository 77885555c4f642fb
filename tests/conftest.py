"""Fixtures for all tests, and the run-time checks of shapes and types."""

import os
from pathlib import Path

import hypothesis
import jaxtyping
import pytest

import tests.shape_checker  # noqa: F401  (the hook below names it as a string)

# Before any test module imports mdjax: modules that are imported already stay unchecked.
jaxtyping.install_import_hook("mdjax", "tests.shape_checker.check")

# The same examples on every machine, however slow: compilation breaks any deadline.
hypothesis.settings.register_profile("mdjax", deadline=None, derandomize=True)
hypothesis.settings.load_profile("mdjax")

PROJECT_ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The folder with pyproject.toml."""
    return PROJECT_ROOT


@pytest.fixture(scope="session")
def real_data_dir() -> Path:
    """Folder with real images (`mfnet/` in the official layout); skips a test where there is none.

    `MDJAX_TEST_DATA` names it; a name that leads nowhere is a mistake and fails.
    """
    named = os.environ.get("MDJAX_TEST_DATA")
    folder = Path(named) if named else PROJECT_ROOT.parent / "shared" / "data"
    if (folder / "mfnet").is_dir():
        return folder
    if named:
        pytest.fail(f"MDJAX_TEST_DATA={named}, but there is no folder {folder / 'mfnet'}.")
    pytest.skip("needs real images: set MDJAX_TEST_DATA to a folder with mfnet/ in it")
