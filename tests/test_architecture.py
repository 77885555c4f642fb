"""Rules about the source as a whole: who may import whom, and what may not be written down."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT_ROOT = Path(__file__).resolve().parent.parent

# What each part of the package may import besides itself. Dependencies point one way:
# types -> ops -> losses, models, metrics -> train -> tasks, methods -> data -> runs -> predict
# -> studies -> presets -> cli. Data sets are built from `data_builders`, which only cli reads.
_FOUNDATION = {"types", "config", "ops"}
_PARTS = _FOUNDATION | {"losses", "models", "metrics"}
_RUN = _PARTS | {"train", "tasks", "methods", "data", "io"}
ALLOWED_IMPORTS = {
    "types": set(),
    "config": {"types"},
    "ops": {"types"},
    "losses": {"types", "ops"},
    "models": {"types", "ops"},
    "metrics": {"types", "ops"},
    "scenes": {"types"},
    "viz": {"types"},
    "io": _FOUNDATION,
    "data": _FOUNDATION | {"io"},
    "train": {"types", "ops", "losses", "models"},
    "tasks": _PARTS | {"train", "data"},
    "methods": _PARTS | {"train"},
    "runs": _RUN | {"viz"},
    "predict": _RUN | {"runs", "viz"},
    "studies": _RUN | {"runs", "predict", "viz"},
    "presets": _RUN | {"runs", "studies"},
    "cli": _RUN | {"runs", "predict", "studies", "viz", "presets", "data_builders"},
    "data_builders": {"types", "io", "scenes"},
}
FORBIDDEN_LIBRARIES = {"tensorflow", "torch", "torchvision"}
# Folders of one machine, and addresses of package indexes.
MACHINE_PATTERN = re.compile(
    r"(?<![\w.$}/*-])/(?:home|root|work|tmp|opt|Users|mnt|scratch)/\w"
    r"|extra-index-url|find-links|--index-url"
)


def _find_sources() -> list[Path]:
    folders = (PROJECT_ROOT / "mdjax", PROJECT_ROOT / "data_builders")
    return [path for folder in folders for path in sorted(folder.rglob("*.py"))]


def _find_imported_modules(path: Path) -> Iterator[str]:
    """Full dotted names, of imports inside functions too; `from a import b` gives `a.b`."""
    package = list(path.relative_to(PROJECT_ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            if node.module:
                base = [*base, node.module]
            yield from (".".join([*base, alias.name]) for alias in node.names)


def _get_part(module: str) -> str | None:
    """`mdjax.ops.resize` -> `ops`; None for the bare package and for foreign modules."""
    names = module.split(".")
    if names[0] == "data_builders":
        return "data_builders"
    is_bare = names[0] != "mdjax" or len(names) == 1 or names[1].startswith("__")
    return None if is_bare else names[1]


def _get_part_of_file(path: Path) -> str | None:
    return _get_part(".".join(path.relative_to(PROJECT_ROOT).with_suffix("").parts))


SOURCES = _find_sources()
SOURCE_NAMES = [str(path.relative_to(PROJECT_ROOT)) for path in SOURCES]


@pytest.mark.parametrize("path", SOURCES, ids=SOURCE_NAMES)
def test_imports_point_one_way(path: Path) -> None:
    part = _get_part_of_file(path)
    if part is None:  # mdjax/__init__.py gathers the public names.
        return
    assert part in ALLOWED_IMPORTS, f"give the new part {part!r} its place in ALLOWED_IMPORTS"
    imported = {_get_part(module) for module in _find_imported_modules(path)} - {None, part}
    assert imported <= ALLOWED_IMPORTS[part]


@pytest.mark.parametrize("path", SOURCES, ids=SOURCE_NAMES)
def test_no_other_framework_is_imported(path: Path) -> None:
    imported = {module.split(".")[0] for module in _find_imported_modules(path)}
    assert not imported & FORBIDDEN_LIBRARIES


def test_no_text_names_a_folder_of_one_machine() -> None:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode != 0:
        pytest.skip("needs a git checkout to know which files belong to the project")
    found = []
    for name in listing.stdout.split("\0"):
        path = PROJECT_ROOT / name
        if not name or not path.is_file() or path == Path(__file__):
            continue
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:  # a picture or another binary file
            continue
        found += [
            f"{name}:{number}: {line.strip()[:100]}"
            for number, line in enumerate(lines, start=1)
            if MACHINE_PATTERN.search(line)
        ]
    assert not found, "\n".join(found)
