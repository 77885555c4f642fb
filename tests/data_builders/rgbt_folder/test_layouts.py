"""Data sets of every layout are prepared with the same images, annotations and splits."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from data_builders.dealing import Dealing
from data_builders.rgbt_folder import PrepareRgbtFolder
from data_builders.rgbt_folder.layout import check_raw_rgbt_folder
from mdjax.io.folder_tree import ANNOTATION_FOLDERS
from mdjax.io.images import decode_labels, decode_thermal_counts, decode_visible
from mdjax.types import MdjaxError
from tests.data.factories import encode_png
from tests.data_builders.raw_pairs import (
    get_objects,
    get_thermal,
    make_image_u8,
    make_thermal_u16,
    write,
    write_list,
)
from tests.data_builders.reading import read_records
from tests.data_builders.rgbt_folder.layouts import NESTED, SPLITS, WITH_LISTS, WITH_SPLITS

BOX = "0 .5 .5 .5 .5\n"
COUNTS = (7000, 9000)


def _encode(path, image):
    is_encoded, data = cv2.imencode(path.suffix.lower(), image)
    assert is_encoded
    return data.tobytes()


def _write_images(raw_dir, layout, *, has_16_bits=False):
    """Other images for each pair, and what lies before the name of the visible one in its path."""
    stems = {}
    for split, names in SPLITS.items():
        for name in names:
            visible, thermal = (
                raw_dir / file.format(split=split, Split=split.title(), name=name)
                for file in layout
            )
            number = int(name)
            write(visible, _encode(visible, make_image_u8(number)))
            make_thermal = make_thermal_u16 if has_16_bits else _make_thermal_u8
            write(thermal, _encode(thermal, make_thermal(number)))
            stems[name] = visible.stem
    return stems


def _make_thermal_u8(number):
    return make_image_u8(number + 50, channels=1)


def _write_lists(raw_dir, stems):
    for split, names in SPLITS.items():
        write_list(raw_dir / f"{split}.txt", [stems[name] for name in names])


def _check(raw_dir, **options):
    """The splits, and that each pair has its own images and boxes: number 2 has three boxes."""
    checked = check_raw_rgbt_folder(raw_dir, **options)
    found = {}
    for split, pairs in checked.pairs.items():
        for pair in pairs:
            number = len(get_objects(pair)) - 1
            for path, image, decode in (
                (pair.visible, make_image_u8(number), decode_visible),
                (get_thermal(pair), _make_thermal_u8(number), decode_thermal_counts),
            ):
                if path.suffix.lower() in (".png", ".tif", ".tiff"):
                    decoded = decode(path.read_bytes(), path.name)
                    expected = image[..., ::-1] if image.ndim == 3 else image
                    np.testing.assert_array_equal(decoded, expected)
            found.setdefault(split, []).append(str(number))
    assert checked.warnings == ()
    return {split: tuple(names) for split, names in found.items()}


def _write_boxes(raw_dir, stems, folder="labels"):
    write(raw_dir / "classes.txt", "deer\nboar\n")
    for name, stem in stems.items():
        lines = [f"1 .5 .5 .5 .{k + 1}\n" for k in range(int(name) + 1)]
        write(raw_dir / folder.format(name=name) / f"{stem}.txt", "".join(lines))


@pytest.mark.parametrize("layout", WITH_SPLITS)
def test_splits_are_folders(tmp_path, layout):
    _write_boxes(tmp_path, _write_images(tmp_path, WITH_SPLITS[layout]))
    assert _check(tmp_path) == SPLITS


@pytest.mark.parametrize("layout", ["split_camera", "msrs", "words"])
def test_annotations_may_be_in_folders_of_splits_too(tmp_path, layout):
    stems = _write_images(tmp_path, WITH_SPLITS[layout])
    for split, names in SPLITS.items():
        _write_boxes(tmp_path, {name: stems[name] for name in names}, f"{split}/labels")
    assert _check(tmp_path) == SPLITS


@pytest.mark.parametrize("layout", WITH_LISTS)
def test_splits_are_lists(tmp_path, layout):
    stems = _write_images(tmp_path, WITH_LISTS[layout])
    _write_boxes(tmp_path, stems)
    _write_lists(tmp_path, stems)
    assert _check(tmp_path) == SPLITS


@pytest.mark.parametrize("layout", NESTED)
def test_sequences_are_folders(tmp_path, layout):
    stems = _write_images(tmp_path, NESTED[layout])
    _write_boxes(tmp_path, stems, "labels/s{name}")
    _write_lists(tmp_path, {name: f"s{name}/{name}" for name in stems})
    assert _check(tmp_path) == SPLITS


@pytest.mark.parametrize("by", ["sequence", "random"])
def test_splits_are_made(tmp_path, by):
    stems = _write_images(tmp_path, NESTED["camera_sequence"])
    _write_boxes(tmp_path, stems, "labels/s{name}")
    found = _check(tmp_path, dealing=Dealing(by, (0.5, 0.25, 0.25)))
    assert {split: len(names) for split, names in found.items()} == {
        "train": 2,
        "val": 1,
        "test": 1,
    }
    assert sorted(name for names in found.values() for name in names) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("folder", [*ANNOTATION_FOLDERS, "Label", "GT"])
def test_layout_of_rgbx_has_masks(tmp_path, folder):
    """Two columns in the lists, as some of these repositories write them."""
    stems = _write_images(tmp_path, WITH_LISTS["rgbx"])
    write(tmp_path / "classes.txt", "background\ndeer\nboar\n")
    for name in stems:
        mask = np.full((12, 16), 1 + int(name) % 2, np.uint8)
        write(tmp_path / f"{folder}/{name}.png", encode_png(mask))
    for split, names in (("train", "012"), ("test", "3")):
        write_list(tmp_path / f"{split}.txt", [f"RGB/{k}.png\t{folder}/{k}.png" for k in names])
    checked = check_raw_rgbt_folder(tmp_path)
    assert checked.class_pixels == {"train": (0, 384, 192), "test": (0, 0, 192)}
    assert checked.warnings == ()


@pytest.mark.parametrize("has_16_bits", [False, True])
def test_records_hold_tiff_files(tmp_path, has_16_bits):
    layout = WITH_SPLITS["tiff"]
    raw_dir = tmp_path / "raw"
    _write_boxes(raw_dir, _write_images(raw_dir, layout, has_16_bits=has_16_bits))
    counts = COUNTS if has_16_bits else None
    command = PrepareRgbtFolder(raw_dir, counts, data_dir=tmp_path / "data")
    (record,) = read_records(command.prepare().folder, "test")
    assert record["visible"] == (raw_dir / "visible/test/3.tif").read_bytes()
    assert record["thermal"] == (raw_dir / "thermal/test/3.tiff").read_bytes()


def test_names_of_records_contain_the_sequence(tmp_path):
    raw_dir = tmp_path / "raw"
    stems = _write_images(raw_dir, NESTED["sequence_camera"])
    _write_boxes(raw_dir, stems, "labels/s{name}")
    command = PrepareRgbtFolder(
        raw_dir, data_dir=tmp_path / "data", split_by="sequence", fractions=(0.75, 0, 0.25)
    )
    summary = command.prepare()
    names = {
        record["name"]
        for split in ("train", "test")
        for record in read_records(summary.folder, split)
    }
    assert names == {b"s0/0", b"s1/1", b"s2/2", b"s3/3"}
    assert summary.notes[0] == (
        "dealt into splits by sequence with seed 0, sequences: train 3, test 1."
    )


@pytest.mark.parametrize("option", [{"fractions": (0.8, 0.1, 0.1)}, {"split_seed": 1}])
def test_options_of_splits_need_a_way_to_make_them(tmp_path, option):
    with pytest.raises(MdjaxError, match="need --split-by sequence or --split-by random"):
        PrepareRgbtFolder(tmp_path, **option).prepare()


@pytest.mark.parametrize("name", ["train.txt", "night.txt", "visible", "thermal", "labels"])
def test_names_may_be_in_upper_case(tmp_path, name):
    raw_dir = tmp_path / "raw"
    stems = _write_images(raw_dir, WITH_LISTS["camera"])
    _write_boxes(raw_dir, stems)
    _write_lists(raw_dir, stems)
    write_list(raw_dir / "night.txt", ["1"])
    before = check_raw_rgbt_folder(raw_dir)
    (raw_dir / name).rename(raw_dir / name.upper())
    assert check_raw_rgbt_folder(raw_dir).fingerprint == before.fingerprint


def test_folder_around_the_data_set_is_refused(tmp_path):
    raw_dir = tmp_path / "raw"
    _write_images(raw_dir / "roof", WITH_SPLITS["camera_split"])
    with pytest.raises(MdjaxError, match=r"holds nothing but roof/; give that folder, .*/raw/roof"):
        check_raw_rgbt_folder(raw_dir)


def test_unread_folders_are_warned_of_in_splits_too(tmp_path):
    _write_boxes(tmp_path, _write_images(tmp_path, WITH_SPLITS["split_camera"]))
    write(tmp_path / "overlays/a.png", b"")
    write(tmp_path / "train/labels_thermal/a.txt", b"")
    assert check_raw_rgbt_folder(tmp_path).warnings == (
        "overlays/ is not read; read are labels/, test/, train/, val/.",
        "train/labels_thermal/ is not read; read are infrared/, visible/.",
    )


def _write_msrs_small(real_data_dir: Path, raw_dir: Path, visible: str, thermal: str) -> Path:
    """Real images of MSRS with the labels and splits of MFNet, whose images they are."""
    source, labels = real_data_dir / "msrs_small", real_data_dir / "mfnet"
    names = (source / "names.txt").read_text().split()[::4]
    for folder, camera in ((visible, "visible"), (thermal, "thermal")):
        for name in names:
            image = (source / camera / f"{name}.png").read_bytes()
            write(raw_dir / folder / f"{name}.png", image)
    classes = "unlabelled car person bike curve car_stop guardrail colour_cone bump"
    write(raw_dir / "classes.txt", classes.replace(" ", "\n"))
    for name in names:
        mask = decode_labels((labels / "labels" / f"{name}.png").read_bytes(), name)
        small = cv2.resize(mask, (128, 128), interpolation=cv2.INTER_NEAREST)
        write(raw_dir / "Label" / f"{name}.png", encode_png(small))
    for split in SPLITS:
        listed = (labels / f"{split}.txt").read_text().split()
        write_list(raw_dir / f"{split}.txt", [name for name in listed if name in names])
    write_list(raw_dir / "night.txt", [f"{name}.png" for name in names if name.endswith("N")])
    return raw_dir


def test_real_images_with_masks_of_another_data_set(real_data_dir, tmp_path):
    first, second = (
        check_raw_rgbt_folder(_write_msrs_small(real_data_dir, tmp_path / name, *cameras))
        for name, cameras in (("a", ("visible", "thermal")), ("b", ("RGB", "ModalX")))
    )
    assert first.fingerprint == second.fingerprint
    assert sum(map(len, first.pairs.values())) == 40
    assert 0 < sum(pair.is_night for part in first.pairs.values() for pair in part) < 40
    assert all(first.class_pixels["train"][:3])


def test_real_sequences_of_kaist_are_dealt(real_data_dir, tmp_path):
    """Nine pairs of seven films."""
    raw_dir = tmp_path / "raw"
    raw_dir.mkdir()
    (raw_dir / "images").symlink_to(real_data_dir / "kaist/images")
    write(raw_dir / "classes.txt", "person\n")
    for path in sorted((raw_dir / "images").glob("*/*/visible/*.png")):
        film = path.parent.parent.relative_to(raw_dir / "images")
        write(raw_dir / "labels" / film / f"{path.stem}.txt", BOX)
    checked = check_raw_rgbt_folder(raw_dir, dealing=Dealing("sequence"))
    names = {split: {pair.name for pair in part} for split, part in checked.pairs.items()}
    assert sum(map(len, names.values())) == 9
    films = [{name.rpartition("/")[0] for name in part} for part in names.values()]
    assert sum(map(len, films)) == len(set().union(*films)) == 7
