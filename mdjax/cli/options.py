"""Reading of options for every command, and messages about what is wrong with them."""

import contextlib
import dataclasses
import difflib
import io
import re
import textwrap
import types
from collections.abc import Sequence
from typing import Any, Union, get_args, get_origin

import tyro

from mdjax.errors import MdjaxError

HELP_OPTIONS = ("-h", "--help")

_MAX_LISTED = 12
_MIN_LIKENESS = 0.75
_OPTION = re.compile(r"(?<![\w-])--[a-z][\w.-]*")
# In tyro's messages: colours and markup that it leaves raw, then the frame in either alphabet.
_MARKUP = re.compile(r"\x1b\[[0-9;]*m|\[/?bold\]|^│ ?|│$", re.MULTILINE)
_FRAME = re.compile(r"[╭╰].*| *[─-]{9,} *")


class _RejectedError(MdjaxError):
    """What tyro says of options; values that a dataclass refuses have messages of their own."""


def parse_options(form: Any, arguments: Sequence[str], *, prog: str, **settings: Any) -> Any:
    """Read the options of a command.

    Args:
        form: A dataclass; or a union of dataclasses, one per subcommand.
        arguments: The arguments after the command.
        prog: The command line up to them, for help and messages.
        settings: Further arguments of `tyro.cli`: `default`, `description`, `config`.

    Returns:
        An instance of the form.

    Raises:
        MdjaxError: An option is unknown, missing or has an impossible value, or none.
        SystemExit: The help was requested and has been printed.
    """
    subcommands = _list_subcommands(form)
    if subcommands and arguments[:1] and arguments[0] not in (*subcommands, *HELP_OPTIONS):
        hint = suggest(arguments[0], subcommands) or f"there are {', '.join(subcommands)}."
        raise MdjaxError(f"there is no {prog} {arguments[0]}; {hint}")
    chosen = list(arguments[:1]) if subcommands else []
    try:
        parsed, unknown = _call_tyro(form, arguments, prog=prog, **settings)
        problem = ""
    except _RejectedError as rejection:
        # What is missing may be so because its name was misspelt: the name comes first.
        parsed, problem = None, str(rejection)
        known = list_options(form, chosen, prog=prog, **settings)
        unknown = [x for x in arguments if x.startswith("--") and _get_name(x) not in known]
    if unknown:
        problem = _describe_unknown(unknown, list_options(form, chosen, prog=prog, **settings))
    problem = problem or _describe_empty(arguments, parsed)
    if problem:
        raise MdjaxError(f"{problem}\n{_point_to_help(prog, *chosen)}")
    return parsed


def parse_known_options(form: Any, arguments: Sequence[str], *, prog: str, default: Any) -> Any:
    """Read the options of a form, and leave all others, even `--help`, to `parse_options`."""
    try:
        return _call_tyro(form, arguments, prog=prog, default=default, add_help=False)[0]
    except _RejectedError as rejection:
        raise MdjaxError(f"{rejection}\n{_point_to_help(prog)}") from None


def list_options(form: Any, chosen: Sequence[str], *, prog: str, **settings: Any) -> list[str]:
    """List all options of a form, such as `--batch-size`, or those of the chosen subcommand."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        tyro.cli(form, args=[*chosen, "--help"], prog=prog, **settings)
    return list(dict.fromkeys(_OPTION.findall(shown.getvalue())))


def suggest(name: str, known: Sequence[str]) -> str:
    """Suggest the known name that was probably meant, if one is close."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=_MIN_LIKENESS)
    return f"did you mean {close[0]}?" if close else ""


def list_changed(parsed: Any, names: Sequence[str]) -> list[str]:
    """List options whose values are not the default ones, as they are typed.

    Args:
        parsed: An instance of a form all of whose options have defaults.
        names: Which options, as attributes.
    """
    default = type(parsed)()
    words: list[str] = []
    for name in names:
        value = getattr(parsed, name)
        if value != getattr(default, name):
            words.append(f"--{name.replace('_', '-')}")
            values = value if isinstance(value, tuple) else () if value is True else (value,)
            words += map(str, values)
    return words


def _call_tyro(
    form: Any, arguments: Sequence[str], *, prog: str, **settings: Any
) -> tuple[Any, list[str]]:
    """Return what was read, and the words that are left."""
    rejection = io.StringIO()
    try:
        with contextlib.redirect_stderr(rejection):
            return tyro.cli(form, args=arguments, prog=prog, return_unknown_args=True, **settings)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise _RejectedError(_read_rejection(rejection.getvalue())) from None


def _point_to_help(*command: str) -> str:
    return f"`{' '.join(command)} --help` explains all options."


def _list_subcommands(form: Any) -> list[str]:
    """Names that the members of a union were given by `tyro.conf.subcommand`."""
    if get_origin(form) not in (Union, types.UnionType):
        return []
    return [get_args(member)[1].name for member in get_args(form)]


def _get_name(word: str) -> str:
    """`--batch_size=4` -> `--batch-size`: tyro takes both spellings."""
    return word.partition("=")[0].replace("_", "-")


def _describe_empty(arguments: Sequence[str], parsed: Any) -> str:
    """Options that take any number of values, and were given none.

    A field whose metadata holds `"may_be_empty": True` takes none, in place of a default with some.
    """
    empty = [
        option
        for option in dict.fromkeys(map(_get_name, arguments))
        if option.startswith("--") and _is_wrongly_empty(parsed, option)
    ]
    return "\n".join(f"{option}: give at least one value, or omit it." for option in empty)


def _is_wrongly_empty(parsed: Any, option: str) -> bool:
    *groups, name = option.removeprefix("--").replace("-", "_").split(".")
    form = parsed
    for group in groups:
        form = getattr(form, group, None)
    if not dataclasses.is_dataclass(form) or getattr(form, name, None) != ():
        return False
    (field,) = (field for field in dataclasses.fields(form) if field.name == name)
    return not field.metadata.get("may_be_empty", False)


def _describe_unknown(words: Sequence[str], known: Sequence[str]) -> str:
    options = [_get_name(word) for word in words if word.startswith("--")]
    if not options:
        return f"there is no argument {' '.join(words)}; omit it."
    return "\n".join(_describe_unknown_option(option, known) for option in options[:_MAX_LISTED])


def _describe_unknown_option(option: str, known: Sequence[str]) -> str:
    group, dot, _ = option.rpartition(".")
    beside = [name for name in known if dot and name.startswith(f"{group}.")]
    hint = suggest(option, [name for name in known if "." in name or not dot])
    if not hint and beside:
        hint = f"there are {', '.join(beside[:_MAX_LISTED])}."
    return f"there is no option {option}{'; ' if hint else ''}{hint or '.'}"


def _read_rejection(text: str) -> str:
    """Take from tyro's message what is said: no frame, no headline, no way to the help.

    Of a value that fits none of several types, why it does not fit each is omitted too.
    """
    headline, *lines = _MARKUP.sub("", text).splitlines()
    del headline  # Part of the frame, or a line of its own.
    kept: list[str] = []
    is_skipped = False
    for line in lines:
        if _FRAME.fullmatch(line):
            is_skipped = False
        elif line.strip() in ("Got errors:", "For full helptext, run:"):
            is_skipped = True
        elif line.strip() and not is_skipped and not re.match(r" *(For full|Argument) help", line):
            kept.append(line.rstrip())
    return textwrap.dedent("\n".join(kept))
