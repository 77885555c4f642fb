"""Pairs in a folder are those that `mdjax prepare rgbt-folder` finds, and none is lost."""

import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest

from mdjax.predict.pairs import PairFiles, find_pairs
from mdjax.types import MdjaxError
from tests.data_builders.rgbt_folder.layouts import NESTED, WITH_LISTS, WITH_SPLITS
from tests.predict.image_files import (
    make_thermal_u8,
    make_visible_u8,
    read_image,
    write_four_channels,
    write_thermal,
    write_visible,
)
from tests.predict.pixel_network import create_loaded_network, predict_labels


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def describe(pairs: tuple[PairFiles, ...], folder: Path) -> dict[str, tuple[str, ...]]:
    return {
        files.name: tuple(path.relative_to(folder).as_posix() for path in files.paths)
        for files in pairs
    }


@pytest.mark.parametrize("layout", [*WITH_SPLITS, *WITH_LISTS, *NESTED])
def test_every_layout_that_can_be_prepared_can_be_predicted(tmp_path: Path, layout: str) -> None:
    """Two pairs of each split, of which the names have the split in front if it is a folder."""
    files = {**WITH_SPLITS, **WITH_LISTS, **NESTED}[layout]
    expected = set()
    for split in ("train", "test"):
        for name in ("p1", "p2"):
            visible, thermal, *_ = (
                file.format(split=split, Split=split.title(), name=f"{split}{name}")
                for file in files
            )
            expected.add((visible, thermal))
            touch(tmp_path, visible, thermal)
    pairs = find_pairs(tmp_path)
    assert set(describe(pairs, tmp_path).values()) == expected
    assert len({files.name for files in pairs}) == len(expected)


@pytest.mark.parametrize(
    ("visible", "thermal"),
    [("co", "ir"), ("visible", "thermal"), ("RGB", "T"), ("rgb", "ir"), ("vi", "ir")],
)
def test_words_for_cameras_tell_the_images_of_one_folder_and_of_two(
    tmp_path: Path, visible: str, thermal: str
) -> None:
    names = [f"{name}_{word}.png" for name in ("im1", "im2") for word in (visible, thermal)]
    expected = {name: (f"{name}_{visible}.png", f"{name}_{thermal}.png") for name in ("im1", "im2")}
    folder = touch(tmp_path / "one", *names)
    assert describe(find_pairs(folder), folder) == expected
    assert find_pairs(folder, folder) == find_pairs(folder)
    for name in names:
        touch(tmp_path / ("v" if visible in name else "t"), name)
    pairs = find_pairs(tmp_path / "v", tmp_path / "t")
    assert describe(pairs, tmp_path) == {
        name: (f"v/{files[0]}", f"t/{files[1]}") for name, files in expected.items()
    }


def test_folders_in_two_folders_belong_together_by_their_paths(tmp_path: Path) -> None:
    """The accents of one folder are composed, those of the other stand beside the letters."""
    composed, apart = (unicodedata.normalize(form, "Straße ö") for form in ("NFC", "NFD"))
    touch(tmp_path / "v", "a.jpg", "s1/a.jpg", f"{composed}/x/a_jpg.rf.01.jpg", "labels/a.png")
    touch(tmp_path / "t", "a.tif", "s1/a.tif", f"{apart}/x/a_jpg.rf.02.jpg")
    pairs = find_pairs(tmp_path / "v", tmp_path / "t")
    assert [files.name for files in pairs] == [f"{composed}/x/a_jpg", "a", "s1/a"]
    assert pairs[2] == PairFiles("s1/a", tmp_path / "v/s1/a.jpg", tmp_path / "t/s1/a.tif")


def test_images_that_stand_alone_are_named_by_their_path(tmp_path: Path) -> None:
    """MFNet's own folders are of this kind: images of four channels, and labels beside them."""
    touch(tmp_path, "images/a.png", "images/s/a.png", "labels/a.png", ".hidden/a.png")
    assert [files.name for files in find_pairs(tmp_path)] == ["images/a", "images/s/a"]
    alone = find_pairs(touch(tmp_path / "raw", "ir/a.png"), missing="visible")
    assert alone == (PairFiles("ir/a", None, tmp_path / "raw/ir/a.png"),)


def test_pairs_stay_pairs_where_the_visible_image_is_missing(tmp_path: Path) -> None:
    touch(tmp_path, "visible/a.png", "thermal/a.png")
    assert find_pairs(tmp_path, missing="visible") == find_pairs(tmp_path)


def test_images_without_partner_are_counted_and_named(tmp_path: Path) -> None:
    touch(tmp_path, "visible/s1/a.png", "visible/s1/b.png", "visible/s2/c.png")
    touch(tmp_path, "thermal/s1/a.png", "thermal/s3/d.png")
    with pytest.raises(MdjaxError) as caught:
        find_pairs(tmp_path)
    message = str(caught.value)
    assert "3 problems, nothing was written" in message
    assert f"{tmp_path}/visible/s1/b.png: has no partner in {tmp_path}/thermal/s1" in message
    for name in ("thermal/s2", "visible/s3"):
        assert f"{tmp_path}/{name}" in message


def test_outputs_keep_the_paths_of_images(tmp_path: Path) -> None:
    """Two pairs of one name in two folders, each with its own labels."""
    loaded = create_loaded_network()
    for number in (0, 1):
        write_visible(tmp_path / f"raw/s{number}/a_co.png", make_visible_u8(number))
        write_thermal(tmp_path / f"raw/s{number}/a_ir.png", make_thermal_u8(number))
        whole = tmp_path / f"whole{number}.png"
        write_four_channels(whole, make_visible_u8(number), make_thermal_u8(number))
        predict_labels(loaded, find_pairs(whole), tmp_path / "expected")
    predict_labels(loaded, find_pairs(tmp_path / "raw"), tmp_path / "out")
    for number in (0, 1):
        labels_u8 = read_image(tmp_path / f"out/s{number}/a_labels.png")
        expected_u8 = read_image(tmp_path / f"expected/whole{number}_labels.png")
        np.testing.assert_array_equal(labels_u8, expected_u8)
        assert (tmp_path / f"out/s{number}/a_overlay.png").is_file()


@pytest.mark.parametrize("ending", [".tif", ".tiff", ".png"])
def test_counts_of_16_bits_are_read_from_folders_and_single_files(
    tmp_path: Path, ending: str
) -> None:
    """1,000 to 1,510 counts, so that two counts are one of 255 grey levels."""
    loaded = create_loaded_network()
    visible = write_visible(tmp_path / "raw/visible/a.png", make_visible_u8())
    thermal = tmp_path / f"raw/thermal/a{ending}"
    thermal.parent.mkdir()
    assert cv2.imwrite(str(thermal), 1000 + 2 * make_thermal_u8().astype(np.uint16))
    write_thermal(tmp_path / "grey.png", make_thermal_u8())
    (expected,) = predict_labels(
        loaded, find_pairs(visible, tmp_path / "grey.png"), tmp_path / "expected"
    ).images
    with_range = create_loaded_network(thermal_range_counts=(1000.0, 1510.0))
    inputs = [(tmp_path / "raw", None), (visible, thermal), (visible.parent, thermal.parent)]
    for number, given in enumerate(inputs):
        out_dir = tmp_path / f"out{number}"
        (image,) = predict_labels(with_range, find_pairs(*given), out_dir).images
        np.testing.assert_array_equal(read_image(image.labels), read_image(expected.labels))
        with pytest.raises(MdjaxError, match="16 bits per channel"):
            predict_labels(loaded, find_pairs(*given), tmp_path / "refused")
