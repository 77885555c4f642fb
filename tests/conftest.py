"""Fixtures for all tests, and the run-time checks of shapes and types."""

import ctypes
import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import filelock
import hypothesis
import jaxtyping
import psutil
import pytest

import tests.shape_checker  # noqa: F401  (the hook below names it as a string)

# Before any test module imports them: modules that are imported already stay unchecked.
jaxtyping.install_import_hook(["mdjax", "data_builders"], "tests.shape_checker.check")

# The same examples on every machine, however slow: compilation breaks any deadline.
hypothesis.settings.register_profile("mdjax", deadline=None, derandomize=True)
hypothesis.settings.load_profile("mdjax")

# Programs and traces are large webs of objects that live long; walking them often is slow.
gc.set_threshold(50_000, 50, 100)

MAX_IDLE_BYTES = 1_000_000_000

_T = TypeVar("_T")

PROJECT_ROOT = Path(__file__).resolve().parent.parent


# Other kernels take a quarter less time to compile, and so do programs that are not split up.
QUICK_XLA_FLAGS = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"


def pytest_configure(config: pytest.Config) -> None:
    """Let XLA compile more quickly, in all processes, where it knows how: flags come and go."""
    if hasattr(config, "workerinput"):  # It has the environment of the main process.
        return
    flags = f"{os.environ.get('XLA_FLAGS', '')} {QUICK_XLA_FLAGS}".strip()
    trial = [sys.executable, "-c", "import jax; jax.devices('cpu')"]
    # XLA ends the process at a flag that it does not know.
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    if subprocess.run(trial, env=environment, capture_output=True, check=False).returncode == 0:
        os.environ["XLA_FLAGS"] = flags


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs whole runs or real images is slow; other slow tests say so themselves."""
    for item in items:
        if {"small_runs", "small_scenes", "real_data_dir"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


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


@pytest.fixture
def float64() -> Iterator[None]:
    """Lets JAX compute in float64, for comparisons that rounding would decide."""
    import jax

    with jax.enable_x64(True):
        yield


def get_shared_dir(factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this session share."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session", autouse=True)
def _quick_compilation(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compile without most optimisations, and the same program only once, whoever builds it.

    A test runs its programs a few times: compiling them well takes longer than running them badly.
    """
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    jax.config.update(
        "jax_compilation_cache_dir", str(get_shared_dir(tmp_path_factory) / "compiled")
    )
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


@pytest.fixture(scope="session", autouse=True)
def _no_wait_for_the_disk() -> Iterator[None]:
    """Flush no file to the disk: no test cuts the power, and a run flushes some 150 times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="module", autouse=True)
def _forget_programs() -> Iterator[None]:
    """Compiled programs would pile up to gigabytes."""
    yield
    if psutil.Process().memory_info().rss > MAX_IDLE_BYTES:
        release_memory()


def release_memory() -> None:
    """Forget compiled programs, and give back what compilation used."""
    import jax

    jax.clear_caches()
    gc.collect()
    if sys.platform == "linux":
        # What was freed stays with the process otherwise.
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def make_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], _T]) -> _T:
    """The first process of this session that needs it makes it, the others wait and read."""
    folder = get_shared_dir(factory) / name
    made = folder / "made.pickle"
    with filelock.FileLock(f"{folder}.lock"):
        if not made.is_file():
            value = make(folder)
            made.write_bytes(pickle.dumps(value))
    result: _T = pickle.loads(made.read_bytes())
    return result


@pytest.fixture(scope="session")
def small_scenes(tmp_path_factory: pytest.TempPathFactory) -> SmallScenes:
    """16 scenes to train on, 6 to validate, 6 to test; half of them at night."""
    # Imported here, so that the hook above comes first and other tests do without.
    from tests.runs.small import prepare_small_scenes

    return make_once(tmp_path_factory, "small_scenes", prepare_small_scenes)


@pytest.fixture(scope="session")
def small_runs(tmp_path_factory: pytest.TempPathFactory, small_scenes: SmallScenes) -> SmallRuns:
    """A teacher, a native student and a student distilled from the teacher."""
    return make_once(
        tmp_path_factory, "small_runs", lambda folder: _train_small_runs(folder, small_scenes)
    )


def _train_small_runs(folder: Path, scenes: SmallScenes) -> SmallRuns:
    from mdjax.runs.training import train
    from tests.runs.small import shrink_preset

    place: dict[str, Any] = {"dataset": scenes.dataset, "data_dir": scenes.data_dir}
    configs = {
        "teacher": shrink_preset("synthetic-teacher", **place),
        "native": shrink_preset("synthetic-native", **place),
        "distilled": shrink_preset("synthetic-md", **place, teacher=folder / "teacher"),
    }
    results = {
        name: train(config, folder / name, show=lambda _: None) for name, config in configs.items()
    }
    return SmallRuns(configs, results, folder)
