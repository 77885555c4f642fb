"""What README and docs show works, and what they name is there."""

import re
from collections.abc import Iterator

import pytest

from mdjax.cli.main import _COMMANDS
from mdjax.presets import DISTILL_PRESETS, TRAIN_PRESETS
from tests.conftest import PROJECT_ROOT

PAGES = [
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md"),
    *sorted(path.relative_to(PROJECT_ROOT).as_posix() for path in PROJECT_ROOT.glob("docs/*.md")),
]
MAX_README_LINES = 200
TREE_LINE = re.compile(r"(?P<indent>(?:  )*)(?P<name>\S+?)(?P<is_folder>/?)(?:  +(?P<text>\S.*))?")


def read_page(name: str) -> str:
    """What a person sees: without comments."""
    text = (PROJECT_ROOT / name).read_text(encoding="utf-8")
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)


def test_readme_is_short_and_leads_to_every_page() -> None:
    readme = read_page("README.md")
    assert len(readme.splitlines()) <= MAX_README_LINES
    assert [page for page in PAGES if page.startswith("docs/") and page not in readme] == []


# -- Commands ------------------------------------------------------------------------------------
def find_command_lines(text: str) -> list[list[str]]:
    """Lines of shell blocks that call the program, a backslash at the end joins two."""
    blocks: list[str] = re.findall(
        r"^```(?:bash|sh|console|text)?\n(.*?)^```", text, re.DOTALL | re.M
    )
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ").split() for line in lines if re.match(r"(\$ )?mdjax ", line)]


def test_commands_and_presets_that_pages_name_exist() -> None:
    presets = {"train": TRAIN_PRESETS, "distill": DISTILL_PRESETS}
    lines = [line for page in PAGES for line in find_command_lines(read_page(page))]
    assert lines
    for _, command, *arguments in lines:
        assert command in _COMMANDS
        if command in presets:
            assert arguments[0] in presets[command]


# -- Links ---------------------------------------------------------------------------------------
def find_headings(text: str) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, flags=re.M)
    }


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_lead_somewhere(page: str) -> None:
    text = re.sub(r"```.*?```", "", read_page(page), flags=re.S)
    for target in re.findall(r"\]\((?!https?:)([^)]*)\)", text):
        name, _, anchor = target.partition("#")
        path = (PROJECT_ROOT / page).parent / name if name else PROJECT_ROOT / page
        assert path.exists(), target
        if anchor:
            assert anchor in find_headings(path.read_text(encoding="utf-8")), target


# -- Tree ----------------------------------------------------------------------------------------
def _read_tree() -> Iterator[tuple[str, str]]:
    """Path and description of each line of the tree; a folder's path ends in a slash."""
    section = read_page("docs/architecture.md").partition("\n## Files\n")[2]
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
    assert modules - named == set(), "not in the tree of docs/architecture.md"
    assert named - modules == set(), "in the tree of docs/architecture.md, but not there"


def test_tree_describes_every_file() -> None:
    assert [path for path, text in TREE.items() if path.endswith(".py") and not text] == []
