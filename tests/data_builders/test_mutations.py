"""Whatever bytes a person's files hold, they are read or refused with one short message."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_builders.kaist.labels import TEST_RULE
from data_builders.kaist.layout import KaistSplit, check_raw_kaist
from data_builders.mfnet.layout import check_raw_mfnet
from data_builders.msrs.layout import check_raw_msrs
from data_builders.rgbt_folder.layout import check_raw_rgbt_folder
from mdjax.types import MdjaxError
from tests.data.factories import encode_png, write_raw_mfnet
from tests.data_builders.raw_pairs import (
    write,
    write_annotations,
    write_kaist_pairs,
    write_list,
    write_msrs,
    write_rgbt,
)

NUM_MUTATIONS = 120

_INSERTED = (b"\0", b"\n", b"-", b"1e999", b"nan", b'"', b"/", b"../", b"\xef\xbb\xbf", b"\xff")
_INSERTED += (b"\xe2\x80\xa8", b"9" * 400, b"null", b"[]", b"{}", b"A" * 300, b" ", b".png")


def _write_yolo(folder: Path) -> Callable[[], Any]:
    write_rgbt(folder, {"train": ("a", "b"), "test": ("c",)})
    write(folder / "night.txt", "a\n")
    for name in "abc":
        write(folder / f"labels/{name}.txt", "0 .5 .5 .5 .5\n1 .2 .2 .1 .1\n")
    return lambda: check_raw_rgbt_folder(folder)


def _write_coco(folder: Path) -> Callable[[], Any]:
    write_rgbt(folder, {"train": ("a", "b"), "test": ("c",)})
    content = {
        "images": [
            {"id": i, "file_name": f"{name}.jpg", "width": 16, "height": 12}
            for i, name in enumerate("abc")
        ],
        "annotations": [
            {"image_id": i, "category_id": 8, "bbox": [4, 3, 8, 6], "iscrowd": 0} for i in range(3)
        ],
        "categories": [{"id": 8, "name": "boar"}],
    }
    write(folder / "annotations.json", json.dumps(content))
    return lambda: check_raw_rgbt_folder(folder)


def _write_masks(folder: Path) -> Callable[[], Any]:
    write_rgbt(folder, {"train": ("a", "b"), "test": ("c",)})
    for name in "abc":
        write(folder / f"masks/{name}.png", encode_png(np.eye(12, 16, dtype=np.uint8)))
    return lambda: check_raw_rgbt_folder(folder)


def _write_mfnet(folder: Path) -> Callable[[], Any]:
    write_raw_mfnet(folder)
    return lambda: check_raw_mfnet(folder)


def _write_msrs(folder: Path) -> Callable[[], Any]:
    write_msrs(folder, ("1D", "2N"), ("3N",))
    return lambda: check_raw_msrs(folder, val_every=0)


def _write_kaist(folder: Path) -> Callable[[], Any]:
    names = ["set00/V000/I00001", "set00/V000/I00003"]
    write_kaist_pairs(folder, names)
    boxes = write_annotations(folder / "boxes", {name: ["person 2 3 4 5 0"] for name in names})
    split = KaistSplit(write_list(folder / "list.txt", names), boxes, TEST_RULE)
    return lambda: check_raw_kaist(folder, {"test": split})


def _mutate(content: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 3, 10])):
        place = rng.randrange(len(data) + 1)
        kind = rng.randrange(5)
        if kind == 0 and data:
            data[place % len(data)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[place:place] = rng.choice(_INSERTED)
        elif kind == 2:
            del data[place : place + rng.randrange(1, 8)]
        elif kind == 3:
            del data[place:]
        else:
            data += bytes(data[:10_000])
    return bytes(data)


@pytest.mark.parametrize(
    "write_raw", [_write_yolo, _write_coco, _write_masks, _write_mfnet, _write_msrs, _write_kaist]
)
def test_mutated_files_are_read_or_refused_in_few_lines(
    tmp_path: Path, write_raw: Callable[[Path], Callable[[], Any]]
) -> None:
    check, rng = write_raw(tmp_path / "raw"), random.Random(0)
    check()
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    texts = [path for path in files if path.suffix in (".txt", ".json")]
    num_refused = 0
    for _ in range(NUM_MUTATIONS):
        path = rng.choice(texts if rng.random() < 0.7 else files)
        content = path.read_bytes()
        path.write_bytes(_mutate(content, rng))
        try:
            check()
            message = ""
        except MdjaxError as error:
            message = str(error)
            num_refused += 1
        assert len(message.splitlines()) <= 20
        path.write_bytes(content)
    assert num_refused > NUM_MUTATIONS / 2
    check()
