"""Stored configurations of runs: with a version, so that they stay readable.

A run directory and each of its checkpoints hold the configuration they were made with. When
a class changes, `CONFIG_VERSION` increases by one and `_MIGRATIONS` gets a function that converts
stored values of the previous version to the new one.

Relative paths are stored relative to the run directory, so that they lead to the same place from
any working directory, even after the run and the files it refers to were moved together.
"""

import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from mdjax.config import config_from_dict, config_to_dict, map_paths
from mdjax.io.json_file import format_json
from mdjax.io.run_directory import RunDirectory
from mdjax.runs.config import RunConfig
from mdjax.types import MdjaxError

CONFIG_VERSION = 3
VERSION_KEY = "version"
"""Version of stored values; those without one have version 0."""

Values = dict[str, Any]

_MAX_LISTED = 12
_ABSENT = object()


def store_config(config: RunConfig, run_dir: Path) -> Values:
    """Convert a configuration to the values that are written into its run directory."""

    def store_path(path: Path) -> Path:
        path = path.expanduser()
        if path.is_absolute():
            return path
        # Both without links: "up" from a linked folder is not where the name says.
        return Path(os.path.relpath(path.resolve(), run_dir.resolve()))

    return {VERSION_KEY: CONFIG_VERSION, **config_to_dict(map_paths(config, store_path))}


def store_without_places(config: RunConfig) -> Values:
    """Convert a configuration to values that do not tell where its files are."""
    return {VERSION_KEY: CONFIG_VERSION, **config_to_dict(map_paths(config, lambda _: Path()))}


def read_stored_config(values: Any, run_dir: Path, *, source: Path) -> Any:
    """Read a configuration stored by any version of mdjax.

    Args:
        values: As returned by `store_config` of that version.
        run_dir: Directory of the run, to which relative paths refer.
        source: File that the values come from, for messages.

    Returns:
        A `RunConfig`; its relative paths refer to the working directory.

    Raises:
        MdjaxError: The values are not valid, or a later version of mdjax wrote them.
    """
    values = dict(values) if isinstance(values, Mapping) else values
    version = values.pop(VERSION_KEY, 0) if isinstance(values, dict) else CONFIG_VERSION
    if type(version) is not int or not 0 <= version <= CONFIG_VERSION:
        raise MdjaxError(
            f"{source}: its configuration has version {format_json(version)}, but this mdjax reads "
            f"versions up to {CONFIG_VERSION}; use the version of mdjax that wrote it."
        )
    for migrate in _MIGRATIONS[version:]:
        values = migrate(values)
    config = config_from_dict(RunConfig, values, source=source)
    if version == 0:
        return map_paths(config, lambda path: _find_path_of_version_0(path, run_dir))
    return map_paths(config, lambda path: _follow(path, run_dir))


def read_run_config(run_dir: Path) -> RunConfig:
    """Read the configuration that a run started with.

    Raises:
        MdjaxError: There is no run, or its configuration cannot be read.
    """
    directory = RunDirectory(run_dir)
    directory.require_run()
    return read_stored_config(directory.read_config(), run_dir, source=directory.config_path)


def find_differences(
    began: RunConfig,
    wanted: RunConfig,
    may_differ: Collection[str] = (),
    *,
    places: tuple[str, str] = ("in the run", "now"),
) -> list[str]:
    """Compare the configuration of a run with the one requested to continue it.

    Both are compared as read, regardless of the version that wrote them; paths by their targets.

    Args:
        began: Configuration of the run.
        wanted: Requested configuration.
        may_differ: Dotted names of settings in which they may differ, such as `loop.log_every`.
        places: Where each of them is stored, for the lines.

    Returns:
        One line per setting that differs; the last line counts those beyond twelve.
    """
    before, now = list_settings(began), list_settings(wanted)
    lines = [
        f"{name}: {format_setting(before, name)} {places[0]}, "
        f"{format_setting(now, name)} {places[1]}"
        for name in dict.fromkeys([*before, *now])
        if name not in may_differ and before.get(name, _ABSENT) != now.get(name, _ABSENT)
    ]
    hidden = len(lines) - _MAX_LISTED
    return lines[:_MAX_LISTED] + ([f"and {hidden} more"] if hidden > 0 else [])


def list_settings(
    config: RunConfig, change_path: Callable[[Path], Path] | None = None
) -> dict[str, Any]:
    """Return all settings by dotted name; a list is one setting.

    Args:
        config: A configuration.
        change_path: Returns the path that is listed; by default the absolute one without links.
    """
    return dict(_flatten(config_to_dict(map_paths(config, change_path or _normalise))))


def format_setting(settings: Mapping[str, Any], name: str) -> str:
    """Format one of the settings as JSON, or say that it is not set."""
    return format_json(settings[name]) if name in settings else "not set"


def hash_config(config: RunConfig) -> str:
    """Return a short hash that is equal for equal configurations.

    Paths are ignored: the same run may be stored elsewhere.
    """
    text = json.dumps(store_without_places(config), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _follow(path: Path, run_dir: Path) -> Path:
    """Where a stored path leads; relative if the run directory is given so."""
    if path.is_absolute():
        return path
    place = os.path.normpath(run_dir.resolve() / path)
    return Path(place if run_dir.is_absolute() else os.path.relpath(place))


def _normalise(path: Path) -> Path:
    return path.expanduser().resolve()


def _flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by dotted name; a list is one setting."""
    if not isinstance(value, dict):
        yield prefix, value
        return
    for key, item in value.items():
        yield from _flatten(item, f"{prefix}.{key}" if prefix else key)


def _find_path_of_version_0(path: Path, run_dir: Path) -> Path:
    """Relative paths led on from the working directory, which was above the run as a rule."""
    if path.is_absolute():
        return path
    places = (*run_dir.absolute().parents, Path.cwd())
    return next((place / path for place in places if (place / path).exists()), path)


def _migrate_0(values: Values) -> Values:
    """Bring version 0, of mdjax 0.1, up to date.

    Its networks had `options` of a ResNet-18, the teacher too had a `transfer_level`, from which
    the method now takes its own, and label maps were scored at the working size.
    """
    network = dict(values.get("network", {}))
    if "options" in network:
        network["backbone"] = network.pop("options")
    level = network.get("transfer_level", 4)
    if network.get("type") == "FeatureLevelConfig":
        network.pop("transfer_level", None)
    migrated = {**values, "network": network}
    task = dict(values.get("task", {}))
    if task.get("type", "SegmentationTask") == "SegmentationTask":
        migrated["task"] = {**task, "scored_size": "working"}
    if values.get("type") == "DistillConfig":
        migrated["method"] = {**values.get("method", {}), "level": f"c{level}"}
    return migrated


def _migrate_1(values: Values) -> Values:
    """Bring version 1 up to date.

    It dropped each image with probability p, but kept both where both would have been dropped: each
    alone with p (1 − p), which is what the option means now.
    """
    network = dict(values.get("network", {}))
    if rate := network.get("modality_dropout"):
        network["modality_dropout"] = rate * (1 - rate)
    return {**values, "network": network} if network else values


def _migrate_2(values: Values) -> Values:
    """Bring version 2 up to date.

    What CSK-Net's contrast takes of the pixels was 0.1 in all presets, also of detectors, which do
    without the contrast: there it means nothing, and equals that of the presets now.
    """
    method = dict(values.get("method", {}))
    if method.get("type") == "CskDistillation" and not method.get("contrast_weight", 0.1):
        return {**values, "method": {**method, "hard_share": 1.0}}
    return values


_MIGRATIONS: tuple[Callable[[Values], Values], ...] = (_migrate_0, _migrate_1, _migrate_2)
