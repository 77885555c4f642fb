"""Feed mutated files to all that reads files, and see what becomes of them.

Each input is one valid file with one mutation. It may be refused by a message, or be read as if
nothing had happened. It must not end in a traceback, nor in a message that is long or names no
file; and where it is read as something else, that has a reason that its target states.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from mdjax.types import MdjaxError
from tests.fuzz.mutations import MUTATIONS

MAX_LINES = 20
Verdict = Literal["refused", "same", "explained", "changed", "unclear", "traceback"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
FAULTS = ("changed", "unclear", "traceback")


@dataclass(frozen=True)
class Target:
    """Something that reads files.

    Attributes:
        name: For the table.
        write: Makes a valid input in an empty folder.
        read: Reads it, and returns all that depends on it, to be compared by value.
        patterns: Files of the folder that are mutated.
        is_named: Whether a message has to name the file. A list that names what is not there, for
            instance, is not itself at fault.
        explain: Why the file of this name may be read as something else; None where it may not.
    """

    name: str
    write: Callable[[Path], None]
    read: Callable[[Path], Any]
    patterns: Sequence[str] = ("*",)
    is_named: bool = False
    explain: Callable[[str], str | None] = lambda name: None

    def list_files(self, folder: Path) -> list[Path]:
        """List the files that are mutated."""
        found = {path for pattern in self.patterns for path in folder.rglob(pattern)}
        return sorted(path for path in found if path.is_file())


@dataclass(frozen=True)
class Outcome:
    """What became of one input."""

    target: str
    file: str
    mutation: str
    verdict: Verdict
    text: str

    def __str__(self) -> str:
        return f"{self.target}, {self.file}, {self.mutation}: {self.verdict}: {self.text}"


def fuzz(target: Target, folder: Path, *, num_inputs: int, seed: int) -> list[Outcome]:
    """Mutate the files of one target, one at a time; each is put back.

    Args:
        target: What reads them.
        folder: Empty folder to work in.
        num_inputs: Mutated files.
        seed: Of which files, where and how.
    """
    rng = random.Random(f"{target.name} {seed}")
    target.write(folder)
    expected = target.read(folder)
    files = target.list_files(folder)
    assert files, f"{target.name} has no file to mutate"
    outcomes = []
    for _ in range(num_inputs):
        path, mutate = rng.choice(files), rng.choice(MUTATIONS)
        good = path.read_bytes()
        path.write_bytes(mutate(good, rng))
        name = path.relative_to(folder).as_posix()
        verdict, text = _judge(target, folder, name, expected)
        outcomes.append(Outcome(target.name, name, mutate.__name__, verdict, text))
        path.write_bytes(good)
    return outcomes


def _judge(target: Target, folder: Path, name: str, expected: Any) -> tuple[Verdict, str]:
    try:
        found = target.read(folder)
    except MdjaxError as error:
        num_lines = len(str(error).splitlines())
        if num_lines > MAX_LINES:
            return "unclear", f"{num_lines} lines of message"
        if target.is_named and not _is_named(name, str(error)):
            return "unclear", f"the message does not name the file: {error}"
        return "refused", str(error)
    # Whatever else is raised is what is looked for.
    except Exception as error:
        return "traceback", repr(error)
    if _is_equal(found, expected):
        return "same", ""
    reason = target.explain(name)
    return ("explained", reason) if reason else ("changed", "read as something else")


def _is_named(name: str, message: str) -> bool:
    """Whether a message says where to look: the file, or the folder of files nobody knows."""
    folder = Path(name).parent.as_posix()
    parts = [part for part in Path(folder).parents if part != Path()]
    return Path(name).stem in message or any(
        part.as_posix() in message for part in [Path(folder), *parts] if folder != "."
    )


def _is_equal(ours: Any, theirs: Any) -> bool:
    try:
        np.testing.assert_equal(ours, theirs)
    except AssertionError:
        return False
    return True


def run_all(
    targets: Sequence[Target],
    folder: Path,
    *,
    num_inputs: int,
    seed: int,
    show: Callable[[str], None],
) -> list[Outcome]:
    """Fuzz every target with the same number of inputs, and show how it went."""
    outcomes: list[Outcome] = []
    for number, target in enumerate(targets):
        start = time.perf_counter()
        work = folder / str(number)
        work.mkdir(parents=True)
        outcomes += fuzz(target, work, num_inputs=num_inputs, seed=seed)
        show(f"{target.name}: {num_inputs} inputs in {time.perf_counter() - start:.1f} s")
    return outcomes


def format_table(outcomes: Sequence[Outcome]) -> str:
    """Lay out targets × verdicts, and list each fault."""
    counts = Counter((outcome.target, outcome.verdict) for outcome in outcomes)
    lines = ["| read | " + " | ".join(VERDICTS) + " |", "|---" * (len(VERDICTS) + 1) + "|"]
    for target in dict.fromkeys(outcome.target for outcome in outcomes):
        cells = [str(counts[target, verdict]) for verdict in VERDICTS]
        lines.append(f"| {target} | {' | '.join(cells)} |")
    totals = [str(sum(o.verdict == verdict for o in outcomes)) for verdict in VERDICTS]
    lines += [f"| all | {' | '.join(totals)} |", ""]
    reasons = {o.text: None for o in outcomes if o.verdict == "explained"}
    lines += [f"Explained: {reason}" for reason in reasons]
    lines += [str(outcome) for outcome in find_faults(outcomes)]
    return "\n".join(lines)


def find_faults(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return what has to be repaired."""
    return [outcome for outcome in outcomes if outcome.verdict in FAULTS]
