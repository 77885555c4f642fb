"""What reading a person's files found besides their content, and many faults in few lines."""

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

# With a heading, what to do and where the whole list is, a message has twenty lines at most.
_MAX_KINDS = 16
_NUM_NAMES = 3
# A line of a file that is no text may be of any length.
_MAX_LINE_LENGTH = 500

_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


class Problem(str):
    """A problem with the files of certain pairs; a plain `str` concerns the whole data set.

    Without these pairs there is no such problem. They need not be among the pairs that were found:
    one of their files may be all that is there.
    """

    pair_names: tuple[str, ...]

    def __new__(cls, text: str, *pair_names: str) -> "Problem":
        """Take the text, and the names of the pairs."""
        problem = super().__new__(cls, text)
        problem.pair_names = pair_names
        return problem


def get_pair_names(problem: str) -> tuple[str, ...]:
    """Names of the pairs that a problem concerns; empty where it concerns the whole data set."""
    return problem.pair_names if isinstance(problem, Problem) else ()


@dataclasses.dataclass
class Findings:
    """What reading a layout found besides pairs; readers add to it.

    A problem reads `PLACE: WHAT IS WRONG; WHAT TO DO.`, where the place is a file, with a line or
    number in it, or the name of an image. What differs from image to image stands in the place:
    problems whose remaining texts differ in numbers alone are told as one, see `group_problems`.
    One that only certain pairs have is a `Problem`, so that these can be left out.
    """

    problems: list[str] = dataclasses.field(default_factory=list)
    """For each of them nothing is written."""
    warnings: list[str] = dataclasses.field(default_factory=list)
    """What is most likely a mistake, but may be meant."""
    notes: list[str] = dataclasses.field(default_factory=list)

    @contextlib.contextmanager
    def of_pair(self, name: str) -> Iterator[None]:
        """Within this context, all new problems concern the pair, whoever finds them."""
        start = len(self.problems)
        yield
        self.problems[start:] = [Problem(problem, name) for problem in self.problems[start:]]

    def rename_pairs(self, names: Mapping[str, str], start: int) -> None:
        """Replace names of pairs in the problems from a number on; other names stay."""
        for index, problem in enumerate(self.problems[start:], start):
            if known := get_pair_names(problem):
                new_names = (names.get(name, name) for name in known)
                self.problems[index] = Problem(problem, *new_names)


def name_first(names: Sequence[str], count: int = _NUM_NAMES) -> str:
    """Write the first of many names: `a, b, c...`."""
    return ", ".join(names[:count]) + ("..." if len(names) > count else "")


class GroupedProblems(NamedTuple):
    """Problems in few lines."""

    lines: list[str]
    is_complete: bool
    """Whether the lines say all that the problems say."""


def group_problems(problems: Sequence[str]) -> GroupedProblems:
    """Describe problems in few lines: one for each kind, with its count and its first three places.

    Problems are of one kind where their texts behind the first colon differ in numbers alone; the
    first one's text is shown. Kinds keep the order of their first problems; of many kinds the first
    16 are shown, and how many more there are.
    """
    kinds: dict[str, list[tuple[str, str]]] = {}
    for problem in problems:
        place, separator, text = problem.partition(": ")
        if not separator:
            place, text = "", problem
        kinds.setdefault(_NUMBER.sub("#", text), []).append((place, text))
    is_complete = len(kinds) <= _MAX_KINDS and not any(
        len(members) > _NUM_NAMES or _differ(members) for members in kinds.values()
    )
    lines = [_describe_kind(members) for members in kinds.values()]
    if len(lines) > _MAX_KINDS:
        num_hidden = len(lines) - _MAX_KINDS + 1
        lines = [*lines[:-num_hidden], f"and {num_hidden:,} more kinds of problems."]
    shortened = [_shorten(line) for line in lines]
    return GroupedProblems(shortened, is_complete and shortened == lines)


def _differ(members: Sequence[tuple[str, str]]) -> bool:
    return any(text != members[0][1] for _, text in members)


def _describe_kind(members: Sequence[tuple[str, str]]) -> str:
    place, text = members[0]
    if len(members) == 1:
        return f"{place}: {text}" if place else text
    places = "; ".join(place for place, _ in members[:_NUM_NAMES])
    rest = "" if len(members) <= _NUM_NAMES else f"; and {len(members) - _NUM_NAMES:,} more"
    return (
        f"{len(members):,} times{', such as' if _differ(members) else ''}: {text} ({places}{rest})"
    )


def _shorten(line: str) -> str:
    if len(line) <= _MAX_LINE_LENGTH:
        return line
    half = _MAX_LINE_LENGTH // 2
    return f"{line[:half]} ... {line[-half:]}"
