"""Every builder writes a fingerprint that is equal for equal data, another for other data."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data_builders.command import PrepareCommand
from data_builders.kaist import PrepareKaist
from data_builders.mfnet import PrepareMfnet
from data_builders.msrs import PrepareMsrs
from data_builders.rgbt_folder import PrepareRgbtFolder
from data_builders.synthetic import PrepareSynthetic
from tests.data.factories import encode_png, make_pair_u8, write_raw_mfnet
from tests.data_builders.raw_pairs import (
    write,
    write_annotations,
    write_kaist_pairs,
    write_list,
    write_msrs,
    write_rgbt,
)
from tests.data_builders.reading import read_metadata


def _make_mfnet(folder: Path, *, is_other: bool) -> PrepareCommand:
    raw_dir = write_raw_mfnet(folder / "raw")
    if is_other:
        image, _ = make_pair_u8(77, (12, 16))
        write(raw_dir / "images" / "00005D.png", encode_png(image))
    return PrepareMfnet(raw_dir, folder / "data")


def _make_kaist(folder: Path, *, is_other: bool) -> PrepareCommand:
    name = "set00/V000/I00001"
    raw_dir = write_kaist_pairs(folder / "raw", [name])
    line = "person 2 3 4 6 0" if is_other else "person 2 3 4 5 0"
    return PrepareKaist(
        raw_dir,
        test_list=write_list(folder / "list.txt", [name]),
        test_annotations=write_annotations(folder / "boxes", {name: [line]}),
        data_dir=folder / "data",
    )


def _make_msrs(folder: Path, *, is_other: bool) -> PrepareCommand:
    raw_dir = write_msrs(folder / "raw", ("1D", "2N"), ("3N",))
    classes = ("person", "car") if is_other else ("person",)
    return PrepareMsrs(raw_dir, classes, val_every=2, data_dir=folder / "data")


def _make_rgbt_folder(folder: Path, *, is_other: bool) -> PrepareCommand:
    raw_dir = write_rgbt(folder / "raw", {"test": ("a",)})
    mask = np.full((12, 16), int(is_other), np.uint8)
    write(raw_dir / "masks" / "a.png", encode_png(mask))
    return PrepareRgbtFolder(raw_dir, data_dir=folder / "data")


def _make_synthetic(folder: Path, *, is_other: bool) -> PrepareCommand:
    return PrepareSynthetic(folder, 1, 1, 1, (16, 24), seed=int(is_other))


@pytest.mark.parametrize(
    "make_command", [_make_mfnet, _make_kaist, _make_msrs, _make_rgbt_folder, _make_synthetic]
)
def test_fingerprint_tells_equal_data_from_other_data(
    tmp_path: Path, make_command: Callable[..., PrepareCommand]
) -> None:
    commands = {
        name: make_command(tmp_path / name, is_other=name == "other")
        for name in ("first", "same", "other")
    }
    first, same, other = (
        read_metadata(command.prepare().folder)["fingerprint"] for command in commands.values()
    )
    assert first
    assert same == first
    assert other != first
