"""Fixtures for all tests, and the run-time checks of shapes and types."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import jaxtyping
import pytest

import tests.shape_checker  # noqa: F401  (the hook below names it as a string)

# Before any test module imports them: modules that are imported already stay unchecked.
jaxtyping.install_import_hook(["mdjax", "data_builders"], "tests.shape_checker.check")

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


@dataclass(frozen=True)
class SmallScenes:
    """A few generated scenes of 32x48 pixels, prepared."""

    dataset: str
    data_dir: Path


@dataclass(frozen=True)
class SmallRuns:
    """Tiny networks trained on these scenes, shared by all tests that only read them."""

    configs: dict[str, Any]
    results: dict[str, Any]
    root: Path
    """Holds the run directories `teacher`, `native` and `distilled`."""


@pytest.fixture(scope="session")
def small_scenes(tmp_path_factory: pytest.TempPathFactory) -> SmallScenes:
    """16 scenes to train on, 6 to validate, 6 to test; half of them at night."""
    # Imported here, so that the hook above comes first and other tests do without.
    from data_builders.synthetic import PrepareSynthetic
    from tests.runs.small import SIZE_HW

    data_dir = tmp_path_factory.mktemp("scenes")
    command = PrepareSynthetic(data_dir, num_train=16, num_val=6, num_test=6, image_size_hw=SIZE_HW)
    return SmallScenes(command.prepare().dataset, data_dir)


@pytest.fixture
def float64() -> Iterator[None]:
    """Lets JAX compute in float64, for comparisons that rounding would decide."""
    import jax

    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def compiled_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Programs that tests of whole runs have compiled, in any process of this session."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "compiled"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def quick_compilation(compiled_dir: Path) -> Iterator[None]:
    """For tests of whole runs: see `tests.runs.small.compile_quickly`."""
    from tests.runs.small import compile_quickly

    with compile_quickly(compiled_dir):
        yield


@pytest.fixture(scope="session")
def small_runs(
    tmp_path_factory: pytest.TempPathFactory, compiled_dir: Path, small_scenes: SmallScenes
) -> SmallRuns:
    """A teacher, a native student and a student distilled from the teacher."""
    from mdjax.runs.training import train
    from tests.runs.small import compile_quickly, shrink_preset

    root = tmp_path_factory.mktemp("runs")
    place: dict[str, Any] = {"dataset": small_scenes.dataset, "data_dir": small_scenes.data_dir}
    configs = {
        "teacher": shrink_preset("synthetic-teacher", **place),
        "native": shrink_preset("synthetic-native", **place),
        "distilled": shrink_preset("synthetic-md", **place, teacher=root / "teacher"),
    }
    with compile_quickly(compiled_dir):
        results = {
            name: train(config, root / name, show=lambda _: None)
            for name, config in configs.items()
        }
    return SmallRuns(configs, results, root)
