"""Folders that are being filled, and what is written of them."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdjax.predict.files import follow_files
from mdjax.predict.follow import StopRule
from mdjax.predict.followed import FollowedPairs
from tests.predict.image_files import make_thermal_u8, make_visible_u8, write_thermal, write_visible
from tests.predict.pixel_network import create_loaded_network

IDLE = StopRule(idle_seconds=0.2)


def write_pair(folders: tuple[Path, Path], number: int, **sizes: Any) -> None:
    write_visible(folders[0] / f"{number:03d}.png", make_visible_u8(number, **sizes))
    write_thermal(folders[1] / f"{number:03d}.png", make_thermal_u8(number, **sizes))


def run(
    folders: tuple[Path, Path],
    *,
    loaded: Any = None,
    stop: StopRule = IDLE,
    tell: Callable[[str], None] = lambda _: None,
    **options: Any,
) -> FollowedPairs:
    out_dir = options.pop("out_dir", folders[0].parent / "out")
    return follow_files(
        loaded or create_loaded_network(),
        *folders,
        out_dir=out_dir,
        tell=tell,
        stop=stop,
        **options,
    )


def read_records(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "out/predictions.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def list_names(folder: Path) -> list[str]:
    return [record["name"] for record in read_records(folder)[1:]]


def fill(steps: list[Callable[[], Any]], pause_s: float = 0.05) -> threading.Thread:
    """A camera: does one step after the other."""

    def work() -> None:
        for step in steps:
            time.sleep(pause_s)
            step()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def call_before_predicting(
    monkeypatch: pytest.MonkeyPatch, loaded: Any, act: Callable[[], Any]
) -> None:
    """Do something before each pair."""
    compile_predictor = type(loaded).compile_predictor

    def compile_acting(self: Any, **options: Any) -> Any:
        predict = compile_predictor(self, **options)

        def predict_acting(*images: np.ndarray) -> Any:
            act()
            return predict(*images)

        return predict_acting

    monkeypatch.setattr(type(loaded), "compile_predictor", compile_acting)
