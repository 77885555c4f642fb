"""Pictures from run directories, small enough to be part of a page."""

import base64
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from mdjax.io.images import decode_image
from mdjax.io.read_file import read_bytes
from mdjax.report.collecting import ReportedRun
from mdjax.types import MdjaxError, format_count

MAX_PICTURES_PER_RUN = 24
_MAX_WIDTH_PX = 800
# Written by other programs, for other programs.
_UNREAD_FOLDERS = ("checkpoints", "tensorboard", "wandb")


@dataclass(frozen=True)
class Picture:
    """A picture within a page.

    Attributes:
        name: Its path in the run directory.
        run: Name of the run.
        uri: All of it, as a `data:` URI.
        size_hw: Rows and columns.
    """

    name: str
    run: str
    uri: str
    size_hw: tuple[int, int]


@dataclass(frozen=True)
class Pictures:
    """The pictures of a page.

    Attributes:
        shown: In the order of runs and names.
        notes: Files that are not shown, and why.
    """

    shown: Sequence[Picture]
    notes: Sequence[str]


def read_pictures(runs: Sequence[ReportedRun]) -> Pictures:
    """Read the first PNG files of each run directory; wide ones are scaled down.

    Damaged files are named in the notes.
    """
    shown, notes = [], []
    for run in runs:
        paths = list(_find_pngs(run.summary.run_dir))
        for path in paths[:MAX_PICTURES_PER_RUN]:
            try:
                shown.append(_read_picture(path, run))
            except MdjaxError as error:
                notes.append(str(error))
        if len(paths) > MAX_PICTURES_PER_RUN:
            num_more = len(paths) - MAX_PICTURES_PER_RUN
            notes.append(f"{run.name}: {format_count(num_more, 'more picture')} not shown.")
    return Pictures(shown, notes)


def _find_pngs(run_dir: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(run_dir):
        folders[:] = sorted(
            name for name in folders if name not in _UNREAD_FOLDERS and not name.startswith(".")
        )
        yield from (Path(place, x) for x in sorted(files) if x.lower().endswith(".png"))


def _read_picture(path: Path, run: ReportedRun) -> Picture:
    image = decode_image(read_bytes(path, str(path)), str(path), may_have_16_bits=True)
    height, width = image.shape[:2]
    if width > _MAX_WIDTH_PX:
        size_hw = max(1, round(height * _MAX_WIDTH_PX / width)), _MAX_WIDTH_PX
        image = cv2.resize(image, size_hw[::-1], interpolation=cv2.INTER_AREA)
    data = base64.b64encode(cv2.imencode(".png", image)[1].tobytes()).decode()
    return Picture(
        name=path.relative_to(run.summary.run_dir).as_posix(),
        run=run.name,
        uri=f"data:image/png;base64,{data}",
        size_hw=(image.shape[0], image.shape[1]),
    )
