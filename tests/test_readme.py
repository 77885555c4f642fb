"""What the README shows works."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdjax.cli.main import _COMMANDS
from mdjax.presets import DISTILL_PRESETS, TRAIN_PRESETS

HEADING = "Distil your own pair"
MAX_LINES = 20


@pytest.fixture(scope="module")
def readme(project_root: Path) -> str:
    """What a person sees: without comments."""
    text = (project_root / "README.md").read_text(encoding="utf-8")
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)


def find_example(readme: str) -> str:
    _, heading, section = readme.partition(f"## {HEADING}\n")
    assert heading, f"README.md has no heading {HEADING!r}"
    block = re.search(r"^```python\n(.*?)^```", section.partition("\n## ")[0], re.DOTALL | re.M)
    assert block, f"README.md has no Python under {HEADING!r}"
    return block[1]


@pytest.mark.slow
def test_example_distils_a_pair_of_ones_own_in_at_most_20_lines(readme: str) -> None:
    example = find_example(readme)
    assert len(example.splitlines()) <= MAX_LINES
    names: dict[str, Any] = {}
    exec(compile(example, "README.md", "exec"), names)
    metrics = {name: float(value) for name, value in names["metrics"].items()}
    assert {"loss", "loss/semantic_transfer", "gradient_norm"} <= set(metrics)
    assert all(np.isfinite(value) for value in metrics.values())
    assert int(names["state"].step) > 1
    # Distillation went somewhere: the first step on the same batch costs more than the last.
    fresh = names["mdjax"].create_state(
        names["student"].init(names["jax"].random.key(2), names["batch"][..., :3]),
        names["optimiser"],
    )
    _, first = names["step"](fresh, names["batch"])
    assert metrics["loss"] < float(first["loss"])


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
