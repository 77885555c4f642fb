"""Rules about the source as a whole: who may import whom, and what may not be written down."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT_ROOT = Path(__file__).resolve().parent.parent

# What each part of the package may import besides itself: dependencies point one way. No part may
# import more than it does today without saying so here.
ALLOWED_IMPORTS = {
    "errors": set(),
    "signals": set(),
    "types": {"errors"},
    "config": {"types"},
    "ops": {"types"},
    "losses": {"types", "ops"},
    "metrics": {"types"},
    "models": {"types", "ops"},
    "train": {"types", "losses", "models"},
    "methods": {"types", "ops", "losses", "models", "train"},
    "io": {"types"},
    "align": {"types", "config", "io"},
    "data": {"types", "io"},
    "tasks": {"types", "ops", "losses", "metrics", "models", "train", "data"},
    "scenes": {"types"},
    "viz": {"types"},
    "runs": {
        *("types", "config", "metrics", "models", "train", "methods", "io", "data", "tasks"),
        "viz",
    },
    "predict": {"types", "align", "models", "io", "data", "tasks", "runs", "viz"},
    "statistics": set(),
    "studies": {
        *("types", "signals", "metrics", "models", "io", "data", "tasks", "runs", "statistics"),
    },
    "figures": {
        *("types", "ops", "losses", "metrics", "models", "train", "methods", "io", "data", "tasks"),
        *("runs", "studies", "viz"),
    },
    "tradeoff": {
        *("types", "models", "train", "io", "data", "tasks", "runs", "statistics", "studies"),
        "viz",
    },
    "recipes": {"ops", "models", "train", "methods", "data", "tasks", "runs"},
    "presets": {"types", "models", "train", "methods", "tasks", "runs", "recipes"},
    "export": {"types", "ops", "models", "io", "data", "tasks", "runs", "predict"},
    "benchmark": {
        *("types", "ops", "metrics", "models", "train", "tasks", "runs", "predict", "export"),
        "viz",
    },
    "report": {"types", "train", "io", "runs", "presets", "viz"},
    "cli": {
        *("errors", "types", "config", "align", "metrics", "models", "train", "io", "tasks"),
        *("viz", "runs", "predict", "studies", "figures", "tradeoff", "presets", "report"),
        *("recipes", "signals"),
        *("export", "benchmark", "data_builders", "experiments"),
    },
    "data_builders": {"types", "align", "io", "scenes"},
    "experiments": {
        *("metrics", "models", "presets", "recipes", "runs", "statistics", "studies", "figures"),
    },
}
FORBIDDEN_LIBRARIES = {"tensorflow", "torch", "torchvision"}
# What runs in a process of its own, where torch is installed, to be compared with.
TORCH_FILES = {f"mdjax/benchmark/engines/{name}.py" for name in ("run_torch", "torch_network")}
# Folders of one machine, and addresses of package indexes.
MACHINE_PATTERN = re.compile(
    r"(?<![\w.$}/*-])/(?:home|root|work|tmp|opt|Users|mnt|scratch)/\w"
    r"|extra-index-url|find-links|--index-url"
)


def _find_sources() -> list[Path]:
    folders = (PROJECT_ROOT / name for name in ("mdjax", "data_builders", "experiments/tables"))
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
    if names[0] in ("data_builders", "experiments"):
        return names[0]
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


def test_rules_allow_no_more_than_is_used() -> None:
    """A permission that nobody needs would let the wrong import in unseen."""
    used: dict[str, set[str | None]] = {part: set() for part in ALLOWED_IMPORTS}
    for path in SOURCES:
        part = _get_part_of_file(path)
        if part is not None:
            used[part] |= {_get_part(module) for module in _find_imported_modules(path)}
    assert {part: modules - {None, part} for part, modules in used.items()} == ALLOWED_IMPORTS


def test_no_part_imports_another_that_imports_it() -> None:
    """There is an order in which every part comes after all that it imports."""
    waiting = dict(ALLOWED_IMPORTS)
    while waiting:
        ready = {part for part, imported in waiting.items() if not imported & waiting.keys()}
        assert ready, f"a circle among {sorted(waiting)}"
        waiting = {part: imported for part, imported in waiting.items() if part not in ready}


@pytest.mark.parametrize("path", SOURCES, ids=SOURCE_NAMES)
def test_no_other_framework_is_imported(path: Path) -> None:
    imported = {module.split(".")[0] for module in _find_imported_modules(path)}
    is_torch_file = str(path.relative_to(PROJECT_ROOT)) in TORCH_FILES
    assert imported & FORBIDDEN_LIBRARIES == ({"torch"} if is_torch_file else set())


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
