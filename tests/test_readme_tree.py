"""The README's file tree and links are those of the project."""

import re
from collections.abc import Iterator

import pytest

from tests.conftest import PROJECT_ROOT

README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
TREE_LINE = re.compile(r"(?P<indent>(?:  )*)(?P<name>\S+?)(?P<is_folder>/?)(?:  +(?P<text>\S.*))?")


def _read_tree() -> Iterator[tuple[str, str]]:
    """Path and description of each line of the tree; a folder's path ends in a slash."""
    section = README.partition("\n## Files\n")[2]
    folders: list[str] = []
    for line in section.split("```")[1].strip("\n").splitlines():
        match = TREE_LINE.fullmatch(line)
        assert match, f"not a line of the tree: {line!r}"
        depth = len(match["indent"]) // 2
        assert depth <= len(folders), f"indented too far: {line!r}"
        del folders[depth:]
        yield "/".join([*folders, match["name"]]) + match["is_folder"], match["text"] or ""
        if match["is_folder"]:
            folders.append(match["name"])


TREE = dict(_read_tree())


@pytest.mark.parametrize("folder", ["mdjax", "data_builders", "examples", "experiments"])
def test_tree_names_every_module_and_no_other(folder: str) -> None:
    """A package's `__init__.py` is its folder's line."""
    modules = {
        path.relative_to(PROJECT_ROOT).as_posix()
        for path in (PROJECT_ROOT / folder).rglob("*.py")
        if path.name != "__init__.py"
    }
    named = {path for path in TREE if path.startswith(f"{folder}/") and path.endswith(".py")}
    assert modules - named == set(), "not in the README's tree"
    assert named - modules == set(), "in the README's tree, but not there"


def test_tree_describes_every_file() -> None:
    assert [path for path, text in TREE.items() if path.endswith(".py") and not text] == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_relative_links_lead_somewhere(name: str) -> None:
    text = re.sub(r"<!--.*?-->", "", (PROJECT_ROOT / name).read_text(encoding="utf-8"), flags=re.S)
    text = re.sub(r"```.*?```", "", text, flags=re.S)
    targets = re.findall(r"\]\((?!https?:)([^)]*)\)", text)
    headings = {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, flags=re.M)
    }
    for target in targets:
        path, _, anchor = target.partition("#")
        assert not path or (PROJECT_ROOT / path).exists(), target
        assert path or anchor in headings, target
