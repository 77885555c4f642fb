"""Prepared folders as tests read them: still encoded records, metadata, printed tables."""

import io
import json
from pathlib import Path
from typing import Any

import rich.console
import tensorflow_datasets as tfds
from rich.console import RenderableType


def read_records(folder: Path, split: str) -> list[dict[str, Any]]:
    """All records of a split, images as the bytes they were stored with."""
    builder: Any = tfds.builder_from_directory(str(folder))
    decoders = {
        name: tfds.decode.SkipDecoding()
        for name, feature in builder.info.features.items()
        if isinstance(feature, tfds.features.Image)
    }
    source = builder.as_data_source(split=split, decoders=decoders)
    return [source[i] for i in range(len(source))]


def read_metadata(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metadata.json").read_text(encoding="utf-8"))


def print_rows(table: RenderableType) -> list[list[str]]:
    """Words of each printed line, without the lines of the table."""
    printed = io.StringIO()
    rich.console.Console(width=500, file=printed).print(table)
    rows = [line.split() for line in printed.getvalue().splitlines()]
    return [[cell for cell in row if cell not in "│┃"] for row in rows]
