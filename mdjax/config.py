"""Configurations as plain values: frozen dataclasses to and from what JSON can hold.

Every dataclass is written with the name of its class under `"type"`, whether there is a choice or
not: what has one choice today, as `method: ModalityDistillation`, may have two tomorrow. Where the
name is missing, it is read as the first choice.
"""

import dataclasses
import difflib
import enum
import json
import math
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, overload

import cattrs
from cattrs.errors import ForbiddenExtraKeysError

from mdjax.types import MdjaxError

T = TypeVar("T")

TYPE_KEY = "type"
"""Key that names the class of a dataclass."""


def config_to_dict(config: Any) -> dict[str, Any]:
    """Turn a configuration into dictionaries, lists, strings and numbers.

    Args:
        config: An instance of a dataclass; its fields may be dataclasses, unions of dataclasses,
            tuples, dictionaries, paths, enumerations, literals and plain values.

    Returns:
        What `config_from_dict` reads and `json.dumps` takes.
    """
    return _CONVERTER.unstructure(config)


def require_finite(config: Any, name: str = "") -> None:
    """Refuse a configuration with a number that is not finite, at any depth.

    Args:
        config: An instance of a dataclass.
        name: Dotted name of it, for the message.

    Raises:
        MdjaxError: A number is not finite; the message names its setting.
    """
    if isinstance(config, float) and not math.isfinite(config):
        raise MdjaxError(f"{name} is {config}; give a finite number.")
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(config, (tuple, list)):
        items = enumerate(config)
    elif isinstance(config, dict):
        items = config.items()
    elif dataclasses.is_dataclass(config):
        items = [(field.name, getattr(config, field.name)) for field in dataclasses.fields(config)]
    for key, item in items:
        require_finite(item, f"{name}.{key}" if name else str(key))


def map_paths(config: Any, change: Callable[[Path], Path]) -> Any:
    """Return a configuration with every path in it changed, at any depth."""
    if isinstance(config, Path):
        return change(config)
    if isinstance(config, tuple):
        return tuple(map_paths(item, change) for item in config)
    if isinstance(config, dict):
        return {key: map_paths(item, change) for key, item in config.items()}
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        fields = {
            field.name: map_paths(getattr(config, field.name), change)
            for field in dataclasses.fields(config)
        }
        return dataclasses.replace(config, **fields)
    return config


@overload
def config_from_dict(
    cls: type[T], values: Any, *, source: str | Path = ..., kind: str | None = ...
) -> T: ...
@overload
def config_from_dict(
    cls: object, values: Any, *, source: str | Path = ..., kind: str | None = ...
) -> Any: ...
def config_from_dict(
    cls: Any, values: Any, *, source: str | Path = "the configuration", kind: str | None = None
) -> Any:
    """Build a configuration from plain values; keys that are omitted take their defaults.

    Args:
        cls: The dataclass, or a union of dataclasses.
        values: As `config_to_dict` gives them.
        source: Where the values come from, for the message.
        kind: What it should be, for the message; by default the name of the dataclass.

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
    raise MdjaxError(f"{source} does not fit {kind or _describe_type(cls)}:{lines}") from cause


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
    converter.register_unstructure_hook_factory(
        dataclasses.is_dataclass, lambda cls: _make_dataclass_writer(cls, converter)
    )
    converter.register_structure_hook_factory(
        _is_union_of_dataclasses, lambda union: _make_union_reader(union, converter)
    )
    converter.register_unstructure_hook_factory(
        _is_union_of_dataclasses, lambda union: _make_union_writer(union, converter)
    )
    converter.register_structure_hook_factory(_is_name_or_path, _make_name_or_path_reader)
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
    _refuse_field_called_type(cls)
    read = cattrs.gen.make_dict_structure_fn(
        cls, converter, _cattrs_forbid_extra_keys=True, _cattrs_detailed_validation=True
    )

    def read_dataclass(values: Any, to: Any) -> Any:
        rest = _check_keys_and_values(values)
        name = rest.pop(TYPE_KEY, cls.__name__)
        if name != cls.__name__:
            raise TypeError(_describe_wrong_type(name, [cls.__name__]))
        return read(rest, to)

    return read_dataclass


def _make_dataclass_writer(cls: Any, converter: cattrs.Converter) -> Callable[[Any], Any]:
    _refuse_field_called_type(cls)
    write = cattrs.gen.make_dict_unstructure_fn(cls, converter)
    return lambda value: {TYPE_KEY: cls.__name__, **write(value)}


def _check_keys_and_values(values: Any) -> dict[str, Any]:
    """A copy of what is read as a dataclass."""
    if not isinstance(values, dict):
        raise TypeError(f"is {json.dumps(values, default=repr)}, expected keys and values")
    return dict(values)


def _describe_wrong_type(name: Any, known: Iterable[str]) -> str:
    return f'has "{TYPE_KEY}": {json.dumps(name, default=repr)}, expected one of {", ".join(known)}'


def _refuse_field_called_type(cls: Any) -> None:
    if any(field.name == TYPE_KEY for field in dataclasses.fields(cls)):
        raise TypeError(f"{cls.__name__} has a field {TYPE_KEY!r}, which names the class")


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


def _is_name_or_path(union: Any) -> bool:
    """`Literal["imagenet"] | Path | None`: a name of something known, or a file."""
    choices = _get_choices(union)
    is_name = [get_origin(kind) is Literal for kind in choices]
    return len(choices) == 2 and any(is_name) and Path in choices


def _make_name_or_path_reader(union: Any) -> Callable[[Any, Any], Any]:
    (names,) = (get_args(kind) for kind in _get_choices(union) if get_origin(kind) is Literal)
    types_of_value = (str, type(None)) if type(None) in get_args(union) else (str,)

    def read(value: Any, _: Any) -> Any:
        _check_plain(value, *types_of_value)
        return value if value is None or value in names else Path(value)

    return read


def _make_union_writer(union: Any, converter: cattrs.Converter) -> Callable[[Any], Any]:
    _name_choices(union)
    return lambda value: None if value is None else converter.unstructure(value, type(value))


def _make_union_reader(union: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    names = _name_choices(union)
    has_none = type(None) in get_args(union)
    first = next(iter(names))

    def read_choice(values: Any, _: Any) -> Any:
        if values is None and has_none:
            return None
        rest = _check_keys_and_values(values)
        name = rest.pop(TYPE_KEY, first)
        if not isinstance(name, str) or name not in names:
            raise TypeError(_describe_wrong_type(name, names))
        return converter.structure(rest, names[name])

    return read_choice


def _name_choices(union: Any) -> dict[str, Any]:
    """Classes by name; refuses unions that could not be told apart again."""
    choices = _get_choices(union)
    names = {cls.__name__: cls for cls in choices}
    if len(names) < len(choices):
        raise TypeError(f"{union} has two classes of one name")
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
    if " @ " not in problem:  # The whole value is refused.
        return problem
    what, _, path = problem.rpartition(" @ ")
    where = path.lstrip(".")
    return f"{where}: {what}" if where else what


def _describe_type(cls: Any) -> str:
    return " or ".join(choice.__name__ for choice in _get_choices(cls)) or cls.__name__


_CONVERTER = _make_converter()
