"""Lines of small text formats, and one message for all that is wrong with them."""

from collections.abc import Sequence
from pathlib import Path

from mdjax.io.read_file import read_text
from mdjax.types import MdjaxError

_MAX_SHOWN_PROBLEMS = 20


def read_numbered_lines(path: Path) -> list[tuple[int, str]]:
    """Lines that are not blank, without the space around them, and their numbers from 1.

    Raises:
        MdjaxError: The file is missing, cannot be read, or is no text.
    """
    text = read_text(path, str(path))
    stripped = ((number, line.strip()) for number, line in enumerate(text.split("\n"), start=1))
    return [(number, line) for number, line in stripped if line]


def raise_problems(place: Path, problems: Sequence[str], remedy: str) -> None:
    """Raise one message with all problems (the first 20, and how many more), or do nothing.

    Args:
        place: The file or folder that has them.
        problems: One phrase each, such as `line 3: has 5 columns, not 6`.
        remedy: What to do about them, a sentence.

    Raises:
        MdjaxError: There is a problem.
    """
    if not problems:
        return
    if len(problems) == 1:
        raise MdjaxError(f"{place}: {problems[0]}. {remedy}")
    shown = list(problems[:_MAX_SHOWN_PROBLEMS])
    if len(shown) < len(problems):
        shown.append(f"and {len(problems) - len(shown)} more")
    lines = "".join(f"\n  {problem}" for problem in shown)
    raise MdjaxError(f"{place}: {len(problems)} problems:{lines}\n{remedy}")
