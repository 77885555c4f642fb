"""A contact sheet of a prepared data set: random pairs with their boxes or masks."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mdjax.data.decode import decode_pair
from mdjax.data.objects import ObjectReader
from mdjax.data.source import SplitSource, open_split
from mdjax.data.thermal_camera import ThermalCamera, simulate_camera
from mdjax.data.truth import LabelMapReader, get_name
from mdjax.figures.scenes import convert_to_u8, name_time
from mdjax.io.images import scale_to_unit
from mdjax.types import IGNORED_LABEL
from mdjax.viz.contact_sheet import SheetBoxes, SheetRow, make_contact_sheet

NUM_PAIRS_SHOWN = 12
_CAMERAS = ("16x", "64x")
_SEED = 0
# Where pairs of the night, or with objects, are rare, not all of a large data set is read.
_MAX_READ = 500


def draw_contact_sheet(
    dataset: str,
    path: Path,
    *,
    data_dir: Path,
    num_day: Mapping[str, int],
    num_night: Mapping[str, int],
) -> None:
    """Draw 12 random pairs as they are read in training, of each split, half of them at night.

    The same data set always shows the same pairs, those without objects only if there are too few
    others. A row has the visible and the thermal image with
    boxes, mask or both, and the thermal image as cameras of 16 and 64 times fewer pixels see it.

    Args:
        dataset: Name/config of the prepared data set.
        path: PNG file to write.
        data_dir: Folder of prepared data sets.
        num_day: Day images by split.
        num_night: Night images by split.

    Raises:
        MdjaxError: A record is damaged, or the file cannot be written.
    """
    shares = share_out(num_day, num_night)
    rows: list[SheetRow] = []
    split = None
    for name, num_wanted in shares.items():
        if not any(num_wanted.values()):
            continue
        split = open_split(dataset, name, data_dir)
        rows += [_make_row(split, split[index]) for index in _choose(split, num_wanted)]
    if split is None:
        return
    make_contact_sheet(
        rows,
        path,
        object_class_names=_get_names(split, "object_class_names"),
        label_class_names=_get_names(split, "class_names"),
    )


def share_out(
    num_day: Mapping[str, int], num_night: Mapping[str, int]
) -> dict[str, dict[bool, int]]:
    """How many pairs of each split are shown, by whether they are of the night.

    Half of all are of the night, if there are enough of both; splits take turns.
    """
    total_day, total_night = sum(num_day.values()), sum(num_night.values())
    half = NUM_PAIRS_SHOWN // 2
    wanted_night = min(total_night, max(half, NUM_PAIRS_SHOWN - total_day))
    wanted = {False: min(total_day, NUM_PAIRS_SHOWN - wanted_night), True: wanted_night}
    shares = {split: {False: 0, True: 0} for split in num_day}
    for is_night, there in ((False, num_day), (True, num_night)):
        while wanted[is_night]:
            for split, num_there in there.items():
                if wanted[is_night] and shares[split][is_night] < num_there:
                    shares[split][is_night] += 1
                    wanted[is_night] -= 1
    return shares


def _choose(split: SplitSource, num_wanted: Mapping[bool, int]) -> list[int]:
    """Indices of random pairs, those of the day first; pairs that show no objects come last."""
    order = random.Random(_SEED).sample(range(len(split)), len(split))
    with_objects: dict[bool, list[int]] = {False: [], True: []}
    without: dict[bool, list[int]] = {False: [], True: []}
    for index in order[:_MAX_READ]:
        record = split.read_record(index)
        found = with_objects if _has_objects(record) else without
        found[bool(record["is_night"])].append(index)
        if all(len(with_objects[kind]) >= num_wanted[kind] for kind in with_objects):
            break
    chosen = [[*with_objects[kind], *without[kind]][: num_wanted[kind]] for kind in (False, True)]
    return [index for indices in chosen for index in sorted(indices)]


def _has_objects(record: Mapping[str, Any]) -> bool:
    if "objects" in record:
        return len(record["objects"]["label"]) > 0
    labels_u8 = LabelMapReader().read(record)
    return bool(np.any((labels_u8 != 0) & (labels_u8 != IGNORED_LABEL)))


def _make_row(split: SplitSource, record: Mapping[str, Any]) -> SheetRow:
    name = get_name(record)
    visible_u8, thermal = decode_pair(record, f"record {name}")
    thermal_unit = scale_to_unit(thermal)
    boxes, labels_u8 = None, None
    if "objects" in split.features:
        num_classes = len(split.get_class_names("objects"))
        reader = ObjectReader(int(split.metadata["max_objects"]), tuple(range(num_classes)))
        objects = reader.read(record)
        boxes = SheetBoxes(objects.boxes_xyxy_px, objects.class_ids, objects.is_ignored)
    if "labels" in split.features:
        labels_u8 = LabelMapReader().read(record)
    return SheetRow(
        lines=(f"{split.split}, {name_time(bool(record['is_night']))}", name),
        visible_u8=visible_u8,
        thermal_u8=convert_to_u8(thermal_unit),
        cameras_u8={
            f"thermal, {resolution} fewer pixels": convert_to_u8(
                simulate_camera(thermal_unit, ThermalCamera(resolution))
            )
            for resolution in _CAMERAS
        },
        boxes=boxes,
        labels_u8=labels_u8,
    )


def _get_names(split: SplitSource, key: str) -> tuple[str, ...]:
    return tuple(split.metadata.get(key, ()))
