"""The folder that an export leaves: models, and a card with their facts and hashes."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np

from mdjax.export.deployment import Deployment
from mdjax.export.interface import Interface
from mdjax.export.measuring import MeasuredStep
from mdjax.io.json_file import read_json_object, to_plain, write_json
from mdjax.io.read_file import hash_file, measure_file
from mdjax.io.whole_folder import write_whole_folder
from mdjax.runs.loading import LoadedNetwork
from mdjax.runs.results import describe_environment
from mdjax.runs.scoring import list_seen
from mdjax.runs.stored_config import store_without_places
from mdjax.types import MdjaxError

CARD_FILE = "card.json"
CARD_VERSION = 3
_REMEDY = "Export the run again."

ModelFormat = Literal["onnx", "stablehlo", "safetensors"]
FILES: Mapping[ModelFormat, str] = {
    "onnx": "model.onnx",
    "stablehlo": "model.stablehlo",
    "safetensors": "model.safetensors",
}


@dataclass(frozen=True)
class NewFile:
    """A file of an export that is not written yet.

    Attributes:
        write: Writes it to a path.
        interface: What it takes and answers; empty where it is no model.
    """

    write: Callable[[Path], None]
    interface: Interface = field(default_factory=dict)


@dataclass(frozen=True)
class Artefact:
    """What was exported.

    Attributes:
        folder: Where.
        card: What `card.json` says.
    """

    folder: Path
    card: Mapping[str, Any]


def describe_network(
    loaded: LoadedNetwork,
    deployment: Deployment,
    *,
    missing: str,
    batch_size: int | None,
) -> dict[str, Any]:
    """Gather what a user of an exported network has to know.

    Args:
        loaded: The network.
        deployment: What was made of it.
        missing: Image that it does without, or "none".
        batch_size: Images of a batch of the ONNX model; None: any number, where there is none.

    Raises:
        MdjaxError: It has no scores or weights that are not finite.
    """
    _check(loaded)
    height, width = deployment.working_size_hw
    seen = list_seen(loaded.config)
    return {
        "network": type(loaded.config.network).__name__.removesuffix("Config"),
        "step": loaded.step,
        "class_names": list(loaded.class_names),
        "batch_size": batch_size,
        "head": deployment.head_name,
        "working_size_wh": [width, height],
        "thermal_range_counts": loaded.thermal_range_counts,
        "view": loaded.training_view,
        "missing": missing,
        "sees": list(seen),
        "dataset": loaded.config.dataset,
        "scored_split": loaded.scored_split,
        # Without an image that it sees it scores less; nobody has measured how much.
        "scores_with_both_images" if missing in seen else "scores": to_plain(loaded.scores),
        "config": store_without_places(loaded.config),
        "environment": describe_environment(),
    }


def write_artefact(
    folder: Path,
    facts: Mapping[str, Any],
    steps: Sequence[MeasuredStep],
    files: Mapping[str, NewFile],
    *,
    overwrite: bool = False,
) -> Artefact:
    """Write models and their card; the folder is complete or not there.

    Args:
        folder: Where.
        facts: From `describe_network`.
        steps: What each simplification did.
        files: By name.
        overwrite: Replace an earlier export.

    Raises:
        MdjaxError: There is something at this place already.
    """
    check_place(folder, overwrite=overwrite)
    with write_whole_folder(folder) as temporary:
        for name, file in files.items():
            file.write(temporary / name)
        card = {
            "version": CARD_VERSION,
            **facts,
            "steps": [asdict(step) for step in steps],
            "files": {
                name: {
                    "num_bytes": (temporary / name).stat().st_size,
                    "sha256": hash_file(temporary / name),
                    **file.interface,
                }
                for name, file in files.items()
            },
        }
        write_json(temporary / CARD_FILE, card)
    return Artefact(folder, card)


def check_place(folder: Path, *, overwrite: bool) -> None:
    """Refuse a place that holds something else than an earlier export.

    Raises:
        MdjaxError: It does, it holds one that is not to be replaced, or nothing can be there.
    """
    if not folder.exists():
        above = next(place for place in folder.absolute().parents if place.exists())
        if not (above.is_dir() and os.access(above, os.W_OK)):
            reason = "takes no new folders" if above.is_dir() else "is not a folder"
            raise MdjaxError(
                f"{folder}: cannot be created: {above} {reason}; write to another folder."
            )
        return
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if not (folder / CARD_FILE).is_file():
        raise MdjaxError(f"{folder}: exists and is no export; write to another folder.")
    if not overwrite:
        raise MdjaxError(
            f"{folder}: holds an earlier export; replace it with --overwrite, or write to another "
            "folder."
        )


def read_card(folder: Path) -> dict[str, Any]:
    """Read the card of an export, and check that its files are those that were written.

    Raises:
        MdjaxError: As `parse_card` and `check_files`.
    """
    card = parse_card(folder)
    check_files(folder, card, list(card["files"]))
    return card


def parse_card(folder: Path) -> dict[str, Any]:
    """Read the card of an export alone.

    Raises:
        MdjaxError: There is no export, or its card is damaged or of another version.
    """
    path = folder / CARD_FILE
    if not path.is_file():
        raise MdjaxError(f"{folder}: holds no export; `mdjax export RUN --out-dir` writes one.")
    card = read_json_object(path, remedy=_REMEDY)
    version = card.get("version")
    files = card.get("files")
    is_complete = isinstance(files, dict) and all(isinstance(x, dict) for x in files.values())
    if type(version) is not int or not is_complete:
        raise MdjaxError(f"{path}: is damaged. {_REMEDY}")
    if version > CARD_VERSION:
        raise MdjaxError(
            f"{path}: has version {version}, but this mdjax reads version {CARD_VERSION}; use the "
            "version of mdjax that wrote it."
        )
    if version < CARD_VERSION:
        raise MdjaxError(f"{path}: was written by an earlier version of mdjax. {_REMEDY}")
    return card


def check_files(folder: Path, card: Mapping[str, Any], names: Sequence[str]) -> None:
    """Check that files of an export are those that were written.

    Raises:
        MdjaxError: One is missing or was changed.
    """
    for name in names:
        if measure_file(folder / name) is None:
            raise MdjaxError(f"{folder / name}: file is missing. {_REMEDY}")
        if hash_file(folder / name) != card["files"][name].get("sha256"):
            raise MdjaxError(
                f"{folder / name}: is not the file that {CARD_FILE} describes: its hash differs. "
                f"{_REMEDY}"
            )


def format_metadata(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the facts as an ONNX model carries them: text by name, JSON where it is no text."""
    return {
        name: value if isinstance(value, str) else json.dumps(to_plain(value))
        for name, value in facts.items()
        if name not in ("config", "environment")
    }


def _check(loaded: LoadedNetwork) -> None:
    """Refuse a network of which nobody knows how good it is, or that cannot be any good."""
    finite = [score for score in loaded.scores.values() if np.isfinite(score)]
    if not finite:
        what = "no scores" if not loaded.scores else "only scores that are not numbers"
        raise MdjaxError(
            f"{loaded.run_dir}: its checkpoint has {what}; finish the training with `mdjax resume "
            f"{loaded.run_dir}`, or give another --checkpoint."
        )
    leaves = jax.tree.leaves(dict(loaded.variables))
    if not all(bool(np.all(np.isfinite(np.asarray(leaf)))) for leaf in leaves):
        raise MdjaxError(f"{loaded.run_dir}: has weights that are not finite; train it again.")
