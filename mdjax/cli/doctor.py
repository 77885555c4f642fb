"""`mdjax doctor`: report what is installed and prepared, what is missing, and how to fix it."""

import dataclasses
import importlib
import importlib.metadata
import importlib.util
import json
import math
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import rich.console
import rich.table
import rich.text

from mdjax.cli.options import parse_options

Status = Literal["ok", "absent", "broken"]

_MARKS = {"ok": "[green]✓[/]", "absent": "[yellow]-[/]", "broken": "[red]✗[/]"}
# Modules that hold compiled code: installed does not yet mean that they load.
_COMPILED_MODULES = ("jax", "flax.linen", "optax", "orbax.checkpoint", "grain", "cv2")
_REINSTALL = "install mdjax again in a new virtual environment (make clean, then make test)"
_MIN_MEMORY_GIB = 4
_MIN_DISK_GIB = 2
_GIB = 2**30


@dataclasses.dataclass(frozen=True)
class Doctor:
    """Check the installation, the devices, the prepared data sets and the disk."""

    data_dir: Path = Path("data")
    """Folder with the prepared data sets."""
    run_dir: Path = Path("runs")
    """Folder for runs."""
    json: bool = False
    """Print one JSON object instead of the table."""


@dataclasses.dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: What was checked.
        status: "ok"; "absent" for something that is optional; "broken".
        detail: What was found.
        remedy: How to fix it; empty if the status is "ok".
    """

    name: str
    status: Status
    detail: str
    remedy: str = ""


class OptionalPackage(NamedTuple):
    """A package that single features need."""

    name: str
    purpose: str
    """What it is for."""
    remedy: str
    """How to install it."""


_OPTIONAL_PACKAGES = (
    OptionalPackage(
        "onnxruntime",
        "export --int8, predict and benchmark with ONNX models, and the times in export's table",
        "pip install onnxruntime",
    ),
    OptionalPackage(
        "openvino", "the engines openvino and openvino-int8 of benchmark", "pip install openvino"
    ),
    OptionalPackage("torch", "the engines torch... of benchmark", "pip install torch"),
    OptionalPackage(
        "wandb",
        "logs in Weights & Biases; JSONL and TensorBoard logs work without it",
        'pip install -e ".[wandb]" in mdjax\'s folder',
    ),
)


def run_doctor_command(arguments: Sequence[str]) -> int:
    """Run `mdjax doctor [options]`.

    Returns:
        The exit code: 1 if anything is broken, 0 otherwise.
    """
    args: Doctor = parse_options(Doctor, arguments, prog="mdjax doctor")
    checks = run_doctor(args.data_dir, args.run_dir)
    is_ready = all(check.status != "broken" for check in checks)
    if args.json:
        values = [dataclasses.asdict(check) for check in checks]
        print(json.dumps({"is_ready": is_ready, "checks": values}))
    else:
        _print_checks(checks, is_ready=is_ready)
    return 0 if is_ready else 1


def run_doctor(data_dir: Path, run_dir: Path = Path("runs")) -> list[Check]:
    """Check everything that a run needs, and leave no files behind.

    Args:
        data_dir: Folder with the prepared data sets.
        run_dir: Folder for runs; need not exist yet.

    Returns:
        One result per check; none of them raises.
    """
    checks = [
        _guard("Python", _check_python),
        _guard("packages", _check_packages),
        _guard("imports", _check_imports),
        _guard("devices", _check_devices),
        _guard("convolution", _check_convolution),
        _guard("images", _check_image_decoding),
        _guard("machine", _check_machine),
        _guard("run folder", lambda: _check_run_dir(run_dir)),
    ]
    checks += _check_datasets(data_dir)
    return [*checks, _check_tensorflow(), *map(_check_optional, _OPTIONAL_PACKAGES)]


def _print_checks(checks: list[Check], *, is_ready: bool) -> None:
    table = rich.table.Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for check in checks:
        text = rich.text.Text(check.detail)
        if check.remedy:
            text.append(f"\n→ {check.remedy}", style="cyan")
        table.add_row(_MARKS[check.status], check.name, text)
    console = rich.console.Console()
    console.print(table)
    console.print(
        "Ready. Try: mdjax demo" if is_ready else "Not ready: fix the lines marked ✗ first."
    )


def _guard(name: str, check: Callable[[], Check]) -> Check:
    """Turn whatever goes wrong into a line; a doctor that crashes helps nobody."""
    try:
        return check()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        return Check(name, "broken", reason, _REINSTALL)


def _check_python() -> Check:
    return Check("Python", "ok", f"{platform.python_version()} at {sys.executable}")


def _check_packages() -> Check:
    try:
        requirements = importlib.metadata.requires("mdjax") or []
    except importlib.metadata.PackageNotFoundError:
        detail = "mdjax runs from source without being installed; versions are not checked"
        return Check("packages", "absent", detail, "pip install -e . in mdjax's folder")
    found, problems = [], []
    for requirement in requirements:
        if "extra ==" in requirement:
            continue
        name = re.split(r"[\s<>=!~;\[]", requirement, maxsplit=1)[0]
        lowest = re.search(r">=\s*([\d.]+)", requirement)
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            problems.append(f"{name} is missing")
            continue
        if lowest and _parse_version(version) < _parse_version(lowest[1]):
            problems.append(f"{name} {version} is older than {lowest[1]}")
        found.append(f"{name} {version}")
    if problems:
        return Check(
            "packages",
            "broken",
            ", ".join(problems),
            "pip install --upgrade -e . in mdjax's folder",
        )
    return Check("packages", "ok", ", ".join(found))


def _parse_version(text: str) -> tuple[int, ...]:
    numbers = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in numbers[0].split(".")) if numbers else ()


def _check_imports() -> Check:
    for module in _COMPILED_MODULES:
        importlib.import_module(module)
    return Check("imports", "ok", f"{', '.join(_COMPILED_MODULES)} load")


def _check_devices() -> Check:
    import jax

    devices = jax.devices()
    kinds = {device.device_kind for device in devices}
    detail = f"{jax.default_backend()}: {len(devices)} x {', '.join(sorted(kinds))}"
    has_nvidia = shutil.which("nvidia-smi") is not None or Path("/dev/nvidia0").exists()
    if has_nvidia and jax.default_backend() == "cpu":
        remedy = 'pip install -e ".[cuda]" in mdjax\'s folder'
        return Check("devices", "absent", f"{detail}; an NVIDIA GPU is present, but unused", remedy)
    return Check("devices", "ok", detail)


def _check_convolution() -> Check:
    """Compile and run what every network consists of, and compare with the value by hand.

    A 3x3 kernel of ones over a 4x4 image of ones without padding: four sums of 9.
    """
    import jax
    import jax.numpy as jnp

    @jax.jit
    def convolve(image: Any, kernel: Any) -> Any:
        layout = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(
            image, kernel, (1, 1), "VALID", dimension_numbers=layout
        )

    out = convolve(jnp.ones((1, 4, 4, 1)), jnp.ones((3, 3, 1, 1)))
    if out.tolist() != [[[[9.0], [9.0]], [[9.0], [9.0]]]]:
        return Check("convolution", "broken", f"gives {out.ravel().tolist()}, not 9", _REINSTALL)
    return Check("convolution", "ok", "compiles and gives the right values")


def _check_image_decoding() -> Check:
    import cv2
    import numpy as np

    image = np.arange(4 * 5 * 4, dtype=np.uint8).reshape(4, 5, 4)
    restored = cv2.imdecode(cv2.imencode(".png", image)[1], cv2.IMREAD_UNCHANGED)
    if restored is None or not np.array_equal(restored, image):
        remedy = "pip install --force-reinstall opencv-python-headless"
        return Check("images", "broken", "OpenCV does not restore a four-channel PNG", remedy)
    return Check("images", "ok", f"OpenCV {cv2.__version__} restores a four-channel PNG")


def _check_machine() -> Check:
    num_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    detail = f"{platform.system()} {platform.machine()}, {num_cores} cores"
    memory_gib = _get_available_memory_gib()
    if memory_gib is None:
        return Check("machine", "ok", detail)
    detail += f", {memory_gib:.1f} GiB of memory available"
    if memory_gib < _MIN_MEMORY_GIB:
        remedy = f"the demo needs {_MIN_MEMORY_GIB} GiB: close other programs or use a small batch"
        return Check("machine", "absent", detail, remedy)
    return Check("machine", "ok", detail)


def _get_available_memory_gib() -> float | None:
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:  # Not Linux.
        return None
    found = re.search(r"MemAvailable:\s+(\d+) kB", text)
    return int(found[1]) * 1024 / _GIB if found else None


def _check_run_dir(run_dir: Path) -> Check:
    folder = run_dir.absolute()
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"mdjax")
    except OSError as error:
        remedy = "give another folder or fix its permissions"
        return Check("run folder", "broken", f"{folder}: {error.strerror}", remedy)
    free_gib = shutil.disk_usage(folder).free / _GIB
    detail = f"{run_dir} can be written, {free_gib:.1f} GiB free"
    if free_gib < _MIN_DISK_GIB:
        remedy = f"free {_MIN_DISK_GIB} GiB: a full disk stops a run at its next checkpoint"
        return Check("run folder", "absent", detail, remedy)
    return Check("run folder", "ok", detail)


def _check_datasets(data_dir: Path) -> list[Check]:
    checks = []
    for path in sorted(data_dir.glob("**/dataset_info.json")):
        # What a preparation left that was killed lies in folders whose names are no versions.
        if re.fullmatch(r"\d+\.\d+\.\d+", path.parent.name):
            checks.append(_check_dataset(path, data_dir))
    if not checks:
        detail = f"nothing is prepared in {data_dir}; the demo does not need it"
        remedy = "mdjax prepare --help lists the data sets that mdjax can prepare"
        checks.append(Check("data", "absent", detail, remedy))
    return checks


def _check_dataset(info_path: Path, data_dir: Path) -> Check:
    """Read the counts from what TFDS wrote, and look whether every shard is there."""
    folder = info_path.parent
    name = f"data {folder.parent.relative_to(data_dir).as_posix()}:{folder.name}"
    remedy = f"delete {folder} and prepare the data set again"
    try:
        info = json.loads(info_path.read_text(encoding="utf-8"))
        counts, missing = [], []
        for split in info["splits"]:
            lengths = [int(length) for length in split["shardLengths"]]
            counts.append(f"{split['name']} {sum(lengths)}")
            for shard in range(len(lengths)):
                file_name = _name_shard(info, split, shard, len(lengths))
                if not (folder / file_name).is_file():
                    missing.append(file_name)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Check(name, "broken", f"{info_path}: {type(error).__name__}: {error}", remedy)
    if missing:
        return Check(name, "broken", f"lacks {', '.join(missing)}", remedy)
    size_mib = math.ceil(sum(int(split["numBytes"]) for split in info["splits"]) / 2**20)
    return Check(name, "ok", f"{', '.join(counts)}; {size_mib} MiB")


def _name_shard(info: dict[str, Any], split: dict[str, Any], shard: int, num_shards: int) -> str:
    template = split.get("filepathTemplate", "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}")
    values = {
        "DATASET": info["name"],
        "SPLIT": split["name"],
        "FILEFORMAT": info["fileFormat"],
        "SHARD_INDEX": f"{shard:05d}",
        "NUM_SHARDS": f"{num_shards:05d}",
        "SHARD_X_OF_Y": f"{shard:05d}-of-{num_shards:05d}",
    }
    return template.format(**values)


def _check_tensorflow() -> Check:
    if importlib.util.find_spec("tensorflow") is None:
        return Check("TensorFlow", "ok", "not installed and not needed")
    return Check("TensorFlow", "ok", "installed, but never imported by mdjax")


def _check_optional(package: OptionalPackage) -> Check:
    try:
        version = importlib.metadata.version(package.name)
    except importlib.metadata.PackageNotFoundError:
        detail = f"not installed; only for {package.purpose}"
        return Check(package.name, "absent", detail, package.remedy)
    return Check(package.name, "ok", f"{version}, for {package.purpose}")
