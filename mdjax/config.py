"""Configurations as plain values: frozen dataclasses to and from what JSON can hold.

A field whose type is a union of dataclasses is written with the name of the class under `"type"`,
so that `network: ImageLevelConfig | FeatureLevelConfig` comes back as the class it was.
"""

import dataclasses
import difflib
import enum
import json
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, overload

import cattrs
from cattrs.errors import ForbiddenExtraKeysError

from mdjax.types import MdjaxError

T = TypeVar("T")

TYPE_KEY = "type"
"""Key that names the class where a union leaves a choice."""


def config_to_dict(config: Any, as_type: Any = None) -> dict[str, Any]:
    """Turns a configuration into dictionaries, lists, strings and numbers.

    Args:
        config: An instance of a dataclass; its fields may be dataclasses, unions of dataclasses,
            tuples, dictionaries, paths, enumerations, literals and plain values.
        as_type: Give the union here if `config` is one choice of several, as `TrainConfig |
            DistillConfig`; then its class is named at the top too.

    Returns:
        What `config_from_dict` reads and `json.dumps` takes.
    """
    return _CONVERTER.unstructure(config, unstructure_as=as_type)


@overload
def config_from_dict(cls: type[T], values: Any, *, source: str | Path = ...) -> T: ...
@overload
def config_from_dict(cls: object, values: Any, *, source: str | Path = ...) -> Any: ...
def config_from_dict(cls: Any, values: Any, *, source: str | Path = "the configuration") -> Any:
    """Builds a configuration from plain values; keys that are left out take their defaults.

    Args:
        cls: The dataclass, or a union of dataclasses.
        values: As `config_to_dict` gives them.
        source: Where the values come from, for the message.

    Raises:
        MdjaxError: A key is unknown or missing, or a value has the wrong type or is refused by
            the dataclass; the message names the source and every such key.
    """
    try:
        return _CONVERTER.structure(values, cls)
    except cattrs.BaseValidationError as error:
        problems = cattrs.transform_error(error, path="", format_exception=_describe_problem)
        cause = error
    except (TypeError, MdjaxError) as error:  # The whole value is refused, not a part of it.
        problems, cause = [str(error)], error
    lines = "".join(f"\n  {_put_path_first(problem)}" for problem in problems)
    raise MdjaxError(f"{source} does not fit {_describe_type(cls)}:{lines}") from cause


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(
        forbid_extra_keys=True, unstruct_collection_overrides={tuple: list}
    )
    converter.register_unstructure_hook(Path, str)
    converter.register_structure_hook(Path, lambda value, _: Path(_check_plain(value, str)))
    # cattrs would call int("3") and bool("false"); a configuration says what it means.
    for plain in (bool, int, str):
        converter.register_structure_hook(plain, lambda value, to: _check_plain(value, to))
    converter.register_structure_hook(
        float, lambda value, _: float(_check_plain(value, int if type(value) is int else float))
    )
    converter.register_structure_hook_factory(
        lambda kind: get_origin(kind) is Literal,
        lambda kind: lambda value, _: _check_choice(value, {name: name for name in get_args(kind)}),
    )
    converter.register_structure_hook_factory(
        lambda kind: isinstance(kind, type) and issubclass(kind, enum.Enum),
        lambda kind: lambda value, _: _check_choice(value, {item.value: item for item in kind}),
    )
    converter.register_structure_hook_factory(
        dataclasses.is_dataclass, lambda cls: _make_dataclass_reader(cls, converter)
    )
    converter.register_structure_hook_factory(
        _is_union_of_dataclasses, lambda union: _make_union_reader(union, converter)
    )
    converter.register_unstructure_hook_factory(
        _is_union_of_dataclasses, lambda union: _make_union_writer(union, converter)
    )
    converter.register_structure_hook_factory(
        _is_union_of_plain, lambda union: lambda value, _: _check_plain(value, *get_args(union))
    )
    return converter


def _check_plain(value: Any, *expected: Any) -> Any:
    if type(value) in expected:
        return value
    if type(value) is int and float in expected:
        return float(value)
    names = " or ".join("nothing" if cls is type(None) else cls.__name__ for cls in expected)
    raise TypeError(f"is {json.dumps(value, default=repr)}, expected {names}")


def _check_choice(value: Any, choices: dict[Any, Any]) -> Any:
    for plain, choice in choices.items():
        if type(value) is type(plain) and value == plain:
            return choice
    known = ", ".join(json.dumps(plain) for plain in choices)
    raise TypeError(f"is {json.dumps(value, default=repr)}, expected one of {known}")


def _make_dataclass_reader(cls: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    read = cattrs.gen.make_dict_structure_fn(
        cls, converter, _cattrs_forbid_extra_keys=True, _cattrs_detailed_validation=True
    )

    def read_dataclass(values: Any, to: Any) -> Any:
        if not isinstance(values, dict):
            raise TypeError(f"is {json.dumps(values, default=repr)}, expected keys and values")
        return read(values, to)

    return read_dataclass


def _get_choices(union: Any) -> tuple[Any, ...]:
    if get_origin(union) not in (Union, types.UnionType):
        return ()
    return tuple(cls for cls in get_args(union) if cls is not type(None))


def _is_union_of_dataclasses(union: Any) -> bool:
    choices = _get_choices(union)
    return len(choices) > 1 and all(dataclasses.is_dataclass(cls) for cls in choices)


def _is_union_of_plain(union: Any) -> bool:
    choices = _get_choices(union)
    return len(choices) > 1 and set(choices) <= {bool, int, float, str}


def _make_union_writer(union: Any, converter: cattrs.Converter) -> Callable[[Any], Any]:
    names = _name_choices(union)

    def write_choice(value: Any) -> Any:
        if value is None:
            return None
        name = type(value).__name__
        return {TYPE_KEY: name, **converter.unstructure(value, unstructure_as=names[name])}

    return write_choice


def _make_union_reader(union: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    names = _name_choices(union)
    has_none = type(None) in get_args(union)

    def read_choice(values: Any, _: Any) -> Any:
        if values is None and has_none:
            return None
        if not isinstance(values, dict):
            raise TypeError(f"is {json.dumps(values, default=repr)}, expected keys and values")
        name = values.get(TYPE_KEY)
        if name not in names:
            known = ", ".join(names)
            raise TypeError(f'has "{TYPE_KEY}": {json.dumps(name)}, expected one of {known}')
        rest = {key: value for key, value in values.items() if key != TYPE_KEY}
        return converter.structure(rest, names[name])

    return read_choice


def _name_choices(union: Any) -> dict[str, Any]:
    """Classes by name; refuses unions that could not be told apart again."""
    choices = _get_choices(union)
    names = {cls.__name__: cls for cls in choices}
    if len(names) < len(choices):
        raise TypeError(f"{union} has two classes of one name")
    for cls in choices:
        if any(field.name == TYPE_KEY for field in dataclasses.fields(cls)):
            raise TypeError(f"{cls.__name__} has a field {TYPE_KEY!r}, which names the class")
    return names


def _describe_problem(error: BaseException, _: Any) -> str:
    if isinstance(error, ForbiddenExtraKeysError):
        known = [field.name for field in dataclasses.fields(error.cl)]
        return " and ".join(_describe_unknown(key, known) for key in sorted(error.extra_fields))
    if isinstance(error, KeyError):
        return "is missing and has no default"
    return str(error)


def _describe_unknown(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
    return f"has an unknown key {key!r} ({hint})"


def _put_path_first(problem: str) -> str:
    """`<what> @ .a.b` -> `a.b: <what>`, the order in which cattrs' messages are read."""
    what, _, path = problem.rpartition(" @ ")
    where = path.lstrip(".")
    return f"{where}: {what}" if where else what


def _describe_type(cls: Any) -> str:
    return " or ".join(choice.__name__ for choice in _get_choices(cls)) or cls.__name__


_CONVERTER = _make_converter()
