"""What the README shows works."""

import re
from pathlib import Path

import pytest

from mdjax.cli.main import _COMMANDS
from mdjax.presets import DISTILL_PRESETS, TRAIN_PRESETS


@pytest.fixture(scope="module")
def readme(project_root: Path) -> str:
    """What a person sees: without comments."""
    text = (project_root / "README.md").read_text(encoding="utf-8")
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)


def find_command_lines(readme: str) -> list[list[str]]:
    """Lines of shell blocks that call the program, a backslash at the end joins two."""
    blocks: list[str] = re.findall(
        r"^```(?:bash|sh|console|text)?\n(.*?)^```", readme, re.DOTALL | re.M
    )
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ").split() for line in lines if re.match(r"(\$ )?mdjax ", line)]


def test_commands_and_presets_that_it_names_exist(readme: str) -> None:
    presets = {"train": TRAIN_PRESETS, "distill": DISTILL_PRESETS}
    lines = find_command_lines(readme)
    assert lines
    for _, command, *arguments in lines:
        assert command in _COMMANDS
        if command in presets:
            assert arguments[0] in presets[command]


def test_local_links_lead_somewhere(readme: str, project_root: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)|src=\"([^\"]+)\"", readme)
    local = [first or second for first, second in targets]
    local = [target for target in local if not re.match(r"\w+:", target)]
    assert [target for target in local if not (project_root / target).exists()] == []
