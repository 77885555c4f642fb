import dataclasses
import functools
import struct
import zlib

import numpy as np
import pytest

from data_builders.checks.annotations import ClassNames, RawPair, Role
from data_builders.checks.dataset import check_pairs
from mdjax.io.findings import Findings
from mdjax.io.read_file import read_text
from mdjax.types import MdjaxError
from tests.data.factories import encode_png
from tests.data_builders.checks.small_pairs import CLASSES, check, make_object, make_pair
from tests.data_builders.raw_pairs import (
    encode_jpg,
    get_objects,
    get_problems,
    get_thermal,
    make_image_u8,
    write,
)


def test_boxes_are_scaled_clipped_and_counted(tmp_path):
    """12 rows, 16 columns. Shares (.5, .5, .75, 1) are (8, 6, 12, 12); 18 is 2 columns too far."""
    relative = make_object((0.5, 0.5, 0.75, 1.0))
    objects = (
        make_object((4.0, 2, 18, 8)),
        make_object((1.0, 1, 2, 2), role=Role.IGNORED),
        make_object((90.0, 1, 2, 2), role=Role.DROPPED, label="boar"),
    )
    pairs = {
        "train": [make_pair(tmp_path, "a", objects=(relative,), has_relative_boxes=True)],
        "test": [make_pair(tmp_path, "b", 1, objects=objects)],
    }
    checked = check(tmp_path, pairs)
    (relative_pair,), (pair,) = checked.pairs["train"], checked.pairs["test"]
    assert [item.box_xyxy for item in get_objects(relative_pair)] == [(8.0, 6.0, 12.0, 12.0)]
    assert not relative_pair.has_relative_boxes
    assert [item.box_xyxy for item in get_objects(pair)] == [
        (4.0, 2.0, 16.0, 8.0),
        (1.0, 1.0, 2.0, 2.0),
    ]
    assert checked.max_objects == 2
    assert checked.box_counts["test"] == {
        "boar": {Role.POSITIVE: 0, Role.IGNORED: 0, Role.DROPPED: 1},
        "deer": {Role.POSITIVE: 1, Role.IGNORED: 1, Role.DROPPED: 0},
    }
    assert checked.notes == ("1 box clipped at the edge of the image, by up to 2 pixels (b).",)


def test_overhang_by_rounding_is_clipped_without_a_word(tmp_path):
    pair = make_pair(tmp_path, "a", objects=(make_object((-1e-9, 0.0, 16.001, 12.0)),))
    checked = check(tmp_path, {"test": [pair]})
    assert get_objects(checked.pairs["test"][0])[0].box_xyxy == (0.0, 0.0, 16.0, 12.0)
    assert checked.notes == ()


def test_thermal_boxes_are_clipped_to_the_thermal_image(tmp_path):
    pair = make_pair(
        tmp_path, "a", objects=(make_object((1.0, 1, 5, 5), thermal_box=(1.0, 1, 9, 5)),)
    )
    write(get_thermal(pair), encode_png(make_image_u8(1, (6, 8), channels=1)))
    checked = check(tmp_path, {"test": [pair]})
    assert get_objects(checked.pairs["test"][0])[0].thermal_box_xyxy_px == (1.0, 1.0, 8.0, 5.0)
    assert checked.has_thermal_boxes


def test_every_fault_is_in_one_message(tmp_path):
    pairs = [make_pair(tmp_path, f"{i}", i) for i in range(8)]
    pairs[0].visible.unlink()
    write(get_thermal(pairs[1]), get_thermal(pairs[1]).read_bytes()[:60])
    write(pairs[2].visible, pairs[2].visible.read_bytes()[:200])
    write(get_thermal(pairs[3]), encode_png(make_image_u8(3, (12, 12), channels=1)))
    boxes = [(20.0, 1, 22, 3), (3.0, 3, 3, 5), (float("nan"), 1, 2, 3)]
    pairs[4] = dataclasses.replace(pairs[4], objects=tuple(map(make_object, boxes)))
    pairs[5] = dataclasses.replace(pairs[5], stated_hw=(24, 32))
    write(pairs[6].visible, encode_jpg(make_image_u8(6, channels=1)))
    get_thermal(pairs[7]).unlink()
    get_thermal(pairs[7]).mkdir()
    problems = get_problems(
        check, tmp_path, {"train": [*pairs, pairs[0]], "val": [], "test": pairs[:1]}
    )
    expected = [
        "split 'val' is empty.",
        "0: is 2 times in split 'train'.",
        "0: is in 2 splits (train, test); remove it from all but one, or rename",
        "visible/0.jpg: file is missing; add it, or remove its name from the list.",
        "thermal/1.png: PNG is truncated",
        "visible/2.jpg: JPEG is truncated",
        "3: visible and thermal have different aspects",
        "boxes.txt, line 1: box from (20, 1) to (22, 3) lies outside its image of 16x12",
        "boxes.txt, line 1: box from (3, 3) to (3, 5) has a width of 0",
        "boxes.txt, line 1: box from (nan, 1) to (2, 3) has a coordinate that is not a finite numb",
        "5: the annotations are for an image of 32x24 pixels, the visible image has 16x12; give",
        "visible/6.jpg: a visible image needs 3 channels",
        "thermal/7.png: cannot be read",
    ]
    assert len(problems) == len(expected)
    for problem, start in zip(problems, expected, strict=True):
        assert problem.startswith(start)


def test_boxes_are_checked_in_each_image_that_can_be_read(tmp_path):
    """Beside a broken image, the boxes of the other one; beside a bad box, the thermal one."""
    item = make_object((20.0, 1, 22, 3), thermal_box=(30.0, 1, 32, 3))
    pairs = [make_pair(tmp_path, name, i, objects=(item,)) for i, name in enumerate("abc")]
    pairs[0].visible.unlink()
    get_thermal(pairs[1]).unlink()
    problems = get_problems(check, tmp_path, {"test": pairs})
    visible = "boxes.txt, line 1: box from (20, 1) to (22, 3) lies outside its image"
    thermal = "boxes.txt, line 1 (thermal): box from (30, 1) to (32, 3) lies outside its image"
    assert [problem.partition(" of 16x12")[0] for problem in problems] == [
        "visible/a.jpg: file is missing; add it, or remove its name from the list.",
        thermal,
        "thermal/b.png: file is missing; add it, or remove its name from the list.",
        visible,
        visible,
        thermal,
    ]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_text_in_another_encoding_is_refused_with_a_remedy(tmp_path, encoding):
    path = write(tmp_path / "a.txt", "Müll".encode(encoding))
    with pytest.raises(MdjaxError, match=r"^a\.txt: is not UTF-8 text; save it as UTF-8\.$"):
        read_text(path, "a.txt")


def test_png_whose_writer_stopped_early_is_refused(tmp_path):
    """Taller by the header than by its pixels, with a right checksum."""
    pair = make_pair(tmp_path, "a")
    data = bytearray(encode_png(make_image_u8(1, channels=1)))
    data[20:24] = struct.pack(">I", 24)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    write(get_thermal(pair), bytes(data))
    (problem,) = get_problems(check, tmp_path, {"test": [pair]})
    assert problem == "thermal/a.png: PNG holds fewer pixels than it says; get it again."


def test_images_that_viewers_rotate_are_refused(tmp_path):
    """EXIF data of one field: the orientation (tag 274) is 6, to be turned by 90 degrees."""
    pair = make_pair(tmp_path, "a")
    exif = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 274, 3, 1, 6, 0, 0)
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    thermal = tmp_path / "thermal" / "a.jpg"
    write(thermal, encode_jpg(make_image_u8(1, channels=1)))
    for path in (pair.visible, thermal):
        content = path.read_bytes()
        write(path, content[:2] + segment + content[2:])
    pair = dataclasses.replace(pair, thermal=thermal)
    problems = get_problems(check, tmp_path, {"test": [pair]})
    assert [problem.partition(" orientation")[0] for problem in problems] == [
        "visible/a.jpg: its EXIF",
        "thermal/a.jpg: its EXIF",
    ]


def _make_four_channel_pair(folder, name, size_hw=(12, 16)):
    path = write(folder / f"{name}.png", encode_png(make_image_u8(1, size_hw, channels=4)))
    return RawPair(name, path, None, is_night=False, objects=())


def test_thermal_image_may_be_the_fourth_channel(tmp_path):
    pair = _make_four_channel_pair(tmp_path, "a")
    item = make_object((4.0, 2, 18, 8), thermal_box=(4.0, 2, 18, 8))
    checked = check(tmp_path, {"test": [dataclasses.replace(pair, objects=(item,))]})
    assert checked.has_four_channels
    (box,) = get_objects(checked.pairs["test"][0])
    assert box.box_xyxy == box.thermal_box_xyxy_px == (4.0, 2.0, 16.0, 8.0)
    assert not check(tmp_path, {"test": [make_pair(tmp_path, "b")]}).has_four_channels


def test_faults_of_four_channel_images_are_in_one_message(tmp_path):
    pairs = [_make_four_channel_pair(tmp_path, name) for name in "abcde"]
    pairs[0].visible.unlink()
    write(pairs[1].visible, pairs[1].visible.read_bytes()[:200])
    write(pairs[2].visible, encode_png(make_image_u8(1)))
    write(pairs[3].visible, encode_jpg(make_image_u8(1)))
    write(pairs[4].visible, encode_png(make_image_u8(1, channels=4).astype(np.uint16)))
    problems = get_problems(check, tmp_path, {"test": pairs})
    expected = [
        "a.png: file is missing; add it, or remove its name from the list.",
        "b.png: PNG is truncated",
        "c.png: needs 4 channels of 8 bits (RGB + thermal), has 3 of 8 bits",
        "d.png: is not a PNG file",
        "e.png: needs 4 channels of 8 bits (RGB + thermal), has 4 of 16 bits",
    ]
    assert len(problems) == len(expected)
    for problem, start in zip(problems, expected, strict=True):
        assert problem.startswith(start)


def test_four_channels_of_8_bits_take_no_range(tmp_path):
    pairs = {"test": [_make_four_channel_pair(tmp_path, "a")]}
    (problem,) = get_problems(check, tmp_path, pairs, thermal_range_counts=(0, 9))
    assert problem.startswith("a.png: has 8 bits; omit --thermal-range-counts")


def test_mirror_image_in_another_split_is_a_leak(tmp_path):
    pairs = [make_pair(tmp_path, name, i) for i, name in enumerate(["a", "a_flip", "b"])]
    pairs[1] = dataclasses.replace(pairs[1], mirrors="a")
    check(tmp_path, {"train": pairs[:2], "test": pairs[2:]})
    assert get_problems(check, tmp_path, {"train": pairs[:1], "test": pairs[1:]}) == [
        "a: the image or its mirror image is in 2 splits (train, test); keep both in one."
    ]


def test_files_are_left_alone_where_a_folder_is_missing(tmp_path):
    """What is wrong with names is found all the same."""
    pair = RawPair("a", tmp_path / "a.jpg", tmp_path / "a.png", is_night=False)
    check_all = functools.partial(
        check_pairs, class_names=CLASSES, has_folders=False, findings=Findings(["no folder."])
    )
    problems = get_problems(check_all, tmp_path, "test", {"train": [pair], "test": [pair]})
    assert [problem.partition(";")[0] for problem in problems] == [
        "no folder.",
        "a: is in 2 splits (train, test)",
    ]


def _make_labelled(tmp_path, labels, name="a"):
    path = write(tmp_path / "masks" / f"{name}.png", encode_png(labels))
    return make_pair(tmp_path, name, objects=None, labels=path)


def test_label_maps_are_counted_and_255_is_noted(tmp_path):
    labels = np.zeros((12, 16), np.uint8)
    labels[0, :7], labels[1, :4] = 2, 255
    pair = _make_labelled(tmp_path, labels)
    checked = check(tmp_path, {"test": [pair]}, ClassNames(labels=("no", "deer", "boar")))
    assert checked.class_pixels == {"test": (192 - 11, 0, 7)}
    assert checked.pairs["test"][0].objects is None
    assert checked.notes == ("4 pixels have label 255, which no loss and no metric counts.",)


def test_label_255_is_refused_where_every_pixel_counts(tmp_path):
    pair = _make_labelled(tmp_path, np.full((12, 16), 255, np.uint8))
    classes = ClassNames(labels=("no", "deer", "boar"))
    check_all = functools.partial(check, may_have_uncounted_pixels=False)
    assert get_problems(check_all, tmp_path, {"test": [pair]}, classes) == [
        "masks/a.png: class id 255 is outside 0..2; fix the map."
    ]


def test_bad_label_maps_are_refused(tmp_path):
    labels = np.zeros((12, 16), np.uint8)
    pairs = [_make_labelled(tmp_path, labels, name) for name in "abcd"]
    maps = [pair.labels for pair in pairs if pair.labels is not None]
    write(maps[0], encode_png(labels + 3))
    write(maps[1], encode_png(labels[:6]))
    write(maps[2], encode_png(make_image_u8(1)))
    maps[3].unlink()
    classes = ClassNames(labels=("no", "deer", "boar"))
    problems = get_problems(check, tmp_path, {"test": pairs}, classes)
    expected = [
        "masks/a.png: class id 3 is outside 0..2; fix the map (255 is not counted), or the list",
        "masks/b.png: is 16x6, the visible image is 16x12; both need the same size.",
        "masks/c.png: labels need 1 channel of 8 bits",
        "masks/d.png: file is missing; add it, or remove its name from the list.",
    ]
    assert len(problems) == len(expected)
    for problem, start in zip(problems, expected, strict=True):
        assert problem.startswith(start)


@pytest.mark.parametrize("change", ["image", "box", "role", "split", "class", "night"])
def test_fingerprint_changes_with_whatever_the_records_hold(tmp_path, change):
    item = make_object((1.0, 1, 5, 5))
    pair = make_pair(tmp_path, "a", objects=(item,))
    other = make_pair(tmp_path, "b", 2)
    before = check(tmp_path, {"train": [pair], "test": [other]}).fingerprint
    assert check(tmp_path, {"train": [pair], "test": [other]}).fingerprint == before
    splits, classes = {"train": [pair], "test": [other]}, CLASSES
    if change == "image":
        write(pair.visible, encode_jpg(make_image_u8(77)))
    elif change == "box":
        moved = item._replace(box_xyxy=(1.0, 1, 5, 6))
        splits["train"] = [dataclasses.replace(pair, objects=(moved,))]
    elif change == "role":
        ignored = item._replace(role=Role.IGNORED)
        splits["train"] = [dataclasses.replace(pair, objects=(ignored,))]
    elif change == "split":
        splits = {"train": [other], "test": [pair]}
    elif change == "class":
        classes = ClassNames(objects=("boar", "deer"))
    else:
        splits["train"] = [dataclasses.replace(pair, is_night=True)]
    assert check(tmp_path, splits, classes).fingerprint != before
