"""Shared code of all builders: writing records quietly, and summaries of data sets."""

import contextlib
import dataclasses
import io
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import filelock
import tensorflow_datasets as tfds
from rich.console import Group
from rich.table import Table
from rich.text import Text

from data_builders.checks.annotations import Role
from data_builders.checks.left_out import LeftOut
from mdjax.io.checksums import check_files, write_checksums
from mdjax.io.write_failure import explain_write_failure, make_folder
from mdjax.types import MdjaxError

_Builder = TypeVar("_Builder", bound=tfds.core.DatasetBuilder)


@dataclasses.dataclass(frozen=True)
class PreparedSummary:
    """The content of a prepared data set."""

    dataset: str
    """Name/config, as `mdjax.data.source.open_split` takes it."""
    folder: Path
    raw_dir: Path | None
    """Folder of the download; None where the images are generated."""
    is_new: bool
    """False where the folder was there already, made from the same files or settings."""
    num_day: dict[str, int]
    """Day images by split."""
    num_night: dict[str, int]
    """Night images by split."""
    class_pixels: dict[str, tuple[int, ...]]
    """Pixels of each class by split; empty where there are no label maps."""
    class_names: tuple[str, ...] = ()
    """Of label maps."""
    box_counts: dict[str, dict[str, dict[Role, int]]] = dataclasses.field(default_factory=dict)
    """Number of boxes by split, label and what becomes of them; empty where there are none."""
    warnings: tuple[str, ...] = ()
    """Probable mistakes that may be intended."""
    notes: tuple[str, ...] = ()
    """What was found and is no error, such as unlisted files."""
    left_out: LeftOut = dataclasses.field(default_factory=dict)
    """Faulty pairs that were not prepared."""


def make_summary_table(summary: PreparedSummary) -> Group:
    """Where the data set is, and what it holds by split.

    Counts of images by day and night; each class's share of pixels where there are label maps; the
    number of boxes by label where there are boxes. For warnings see `make_warnings`.
    """
    splits = tuple(summary.num_day)
    table = Table()
    table.add_column(summary.dataset.partition("/")[0])
    for split in splits:
        table.add_column(split, justify="right")
    for label, counts in (("day images", summary.num_day), ("night images", summary.num_night)):
        table.add_row(label, *(str(counts[split]) for split in splits))
    totals = (str(summary.num_day[split] + summary.num_night[split]) for split in splits)
    table.add_row("images", *totals, end_section=True)
    if summary.class_pixels:
        for k, name in enumerate(summary.class_names):
            shares = (_describe_share(summary.class_pixels[split], k) for split in splits)
            table.add_row(f"{k} {name}", *shares, end_section=k == len(summary.class_names) - 1)
    for label in sorted({label for counts in summary.box_counts.values() for label in counts}):
        for role in Role:
            numbers = [_count_boxes(summary, split, label, role) for split in splits]
            if any(numbers):
                table.add_row(f"{label}: {role.value} boxes", *map(str, numbers))
    source = "settings" if summary.raw_dir is None else "files"
    state = "Prepared in" if summary.is_new else f"Already prepared from the same {source}:"
    lines = [f"{state} {summary.folder}", *(f"Note: {note}" for note in summary.notes)]
    # A long path goes on in the next line; by default it would be cut off.
    return Group(*(Text(line, overflow="fold") for line in lines), table)


def make_warnings(summary: PreparedSummary) -> Group:
    """Probable mistakes, one per line, to be printed last, where they are seen."""
    return Group(
        *(Text(f"Warning: {line}", "bold yellow", overflow="fold") for line in summary.warnings)
    )


def _count_boxes(summary: PreparedSummary, split: str, label: str, role: Role) -> int:
    return summary.box_counts[split].get(label, {}).get(role, 0)


def _describe_share(class_pixels: tuple[int, ...], k: int) -> str:
    """A class that is not there at all must not look like one that is only rare."""
    return f"{class_pixels[k] / sum(class_pixels):.3%}" if class_pixels[k] else "absent"


@contextlib.contextmanager
def quiet_tfds() -> Iterator[None]:
    """Keep TFDS from printing, drawing bars and warning about configs that are not its own."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        tfds.enable_progress_bar()
        logger.setLevel(level)


def write_data_set(
    folder: Path,
    make_builder: Callable[[], _Builder],
    *,
    overwrite: bool,
) -> tuple[_Builder, bool]:
    """Write a data set unless it exists already, one process at a time.

    A second process that prepares the same data set waits, and then uses the result.

    Args:
        folder: Folder of this version of the data set, which the builder writes.
        make_builder: Makes the builder; TFDS reads what is in the folder while it is made.
        overwrite: Replace what is there.

    Returns:
        The builder, and whether it wrote.

    Raises:
        MdjaxError: What is there is damaged, or the folder cannot be written.
    """
    remedy = "add --overwrite to prepare it again"
    make_folder(folder.parent)
    try:
        with filelock.FileLock(folder.with_name(f".{folder.name}.lock")):
            # Before the builder is made: it may not be able to read what is there.
            if overwrite and folder.exists():
                shutil.rmtree(folder)
            is_new = not folder.exists()
            check_files(folder, remedy)
            try:
                with quiet_tfds():
                    builder = make_builder()
            except Exception as error:
                if is_new:
                    raise
                # TFDS has no error of its own for files that it cannot read.
                raise MdjaxError(f"{folder}: is damaged ({error}); {remedy}.") from error
            if is_new:
                write_records(builder)
                write_checksums(folder)
            return builder, is_new
    except OSError as error:
        reason = explain_write_failure(folder, error)
        raise MdjaxError(f"{folder}: cannot be written: {reason}") from error


def write_records(builder: tfds.core.DatasetBuilder) -> None:
    """Let TFDS write the records, without what it prints and without its folder of downloads."""
    with tempfile.TemporaryDirectory() as download_dir, quiet_tfds():
        builder.download_and_prepare(
            download_dir=download_dir,
            download_config=tfds.download.DownloadConfig(try_download_gcs=False),
        )
