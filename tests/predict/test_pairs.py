"""Files are matched by name, and everything that is wrong with them is said at once."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from mdjax.align.common_view import make_common_view
from mdjax.predict.decoded import Cut
from mdjax.predict.pairs import PairFiles, find_pairs, raise_problems, read_pair
from mdjax.types import MdjaxError
from tests.align import rigs
from tests.predict.image_files import (
    make_thermal_u8,
    make_visible_u8,
    write_folders,
    write_four_channels,
    write_thermal,
    write_visible,
)


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_two_files_are_one_pair_whatever_their_names(tmp_path: Path) -> None:
    touch(tmp_path / "rgb.png", tmp_path / "heat.jpg")
    pairs = find_pairs(tmp_path / "rgb.png", tmp_path / "heat.jpg")
    assert pairs == (PairFiles("rgb", tmp_path / "rgb.png", tmp_path / "heat.jpg"),)


def test_folders_are_matched_by_name_without_ending(tmp_path: Path) -> None:
    visible, thermal = tmp_path / "v", tmp_path / "t"
    touch(visible / "b.JPG", visible / "a.jpg", visible / "notes.txt", visible / "._a.jpg")
    touch(thermal / "a.png", thermal / "b.png")
    pairs = find_pairs(visible, thermal)
    assert pairs == (
        PairFiles("a", visible / "a.jpg", thermal / "a.png"),
        PairFiles("b", visible / "b.JPG", thermal / "b.png"),
    )


def test_one_folder_is_listed_without_partners(tmp_path: Path) -> None:
    touch(tmp_path / "2.png", tmp_path / "1.png")
    assert [files.name for files in find_pairs(tmp_path)] == ["1", "2"]
    assert find_pairs(tmp_path)[0].thermal is None


def test_every_missing_partner_is_listed(tmp_path: Path) -> None:
    touch(*(tmp_path / "v" / f"{name}.png" for name in "abc"))
    touch(*(tmp_path / "t" / f"{name}.png" for name in "bd"))
    with pytest.raises(MdjaxError) as caught:
        find_pairs(tmp_path / "v", tmp_path / "t")
    message = str(caught.value)
    for name in ("v/a.png", "v/c.png", "t/d.png"):
        assert str(tmp_path / name) in message
    assert f"2 times: has no partner in {tmp_path}/t" in message
    assert "3 problems" in message
    assert "b.png" not in message


@pytest.mark.parametrize(
    ("names", "thermal", "expected"),
    [
        (("v/x.txt",), None, r"v: holds no file that ends in \.png, .*; put the files there"),
        (("v/labels/a.png",), None, r"v: holds no file .*, but the folders labels; put the files"),
        (
            ("v/visible/1/a.png", "v/ir/2/b.png"),
            None,
            r"folder is missing\. \(.*v/ir/1; .*v/visible/2",
        ),
        (("v/a_rgb.png", "v/a_co.png", "v/a_ir.png"), None, "v: two layouts fit"),
        (("v/a.png", "v/a.jpg"), None, "a.png: a.jpg has the same name"),
        (("v/a.png", "t.png"), "t.png", "two files or two folders"),
        (("v/a.png",), "absent", "absent: there is no such file or folder"),
    ],
)
def test_what_cannot_be_matched_is_refused(
    tmp_path: Path, names: tuple[str, ...], thermal: str | None, expected: str
) -> None:
    touch(*(tmp_path / name for name in names))
    with pytest.raises(MdjaxError, match=expected):
        find_pairs(tmp_path / "v", None if thermal is None else tmp_path / thermal)


def test_images_come_back_as_stored(tmp_path: Path) -> None:
    visible_u8, thermal_u8 = make_visible_u8(), make_thermal_u8(size_hw=(8, 12))
    files = PairFiles(
        "a",
        write_visible(tmp_path / "v.png", visible_u8),
        write_thermal(tmp_path / "t.png", thermal_u8),
    )
    pair = read_pair(files)
    np.testing.assert_array_equal(pair.visible_u8, visible_u8)
    np.testing.assert_array_equal(pair.thermal, thermal_u8)


def test_four_channels_hold_both_images(tmp_path: Path) -> None:
    visible_u8, thermal_u8 = make_visible_u8(), make_thermal_u8()
    path = write_four_channels(tmp_path / "a.png", visible_u8, thermal_u8)
    pair = read_pair(PairFiles("a", path))
    np.testing.assert_array_equal(pair.visible_u8, visible_u8)
    np.testing.assert_array_equal(pair.thermal, thermal_u8)


def test_counts_of_16_bits_become_grey_by_the_range(tmp_path: Path) -> None:
    """Of 1,000 to 2,275 counts, 5 are a grey value: 1,000 is 0, 1,500 is 100, 3,000 is white."""
    counts = np.full((8, 12), 1000, np.uint16)
    counts[0, :2] = 1500, 3000
    files = PairFiles(
        "a",
        write_visible(tmp_path / "v.png", make_visible_u8()),
        write_thermal(tmp_path / "t.png", counts),
    )
    thermal = read_pair(files, thermal_range_counts=(1000, 2275)).thermal
    assert thermal is not None
    assert thermal[0, :3].tolist() == [25_700, 65_535, 0]
    with pytest.raises(MdjaxError, match=r"t\.png: has 16 bits per channel"):
        read_pair(files)


@pytest.mark.parametrize(
    ("is_single", "message"),
    [
        (False, r"t\.png: has 8 bits, where 16 bits of counts from 7000 \(black\) to 9000"),
        (True, r"v\.png: has a thermal channel of 8 bits, but counts of 16 bits are expected"),
    ],
)
def test_8_bits_are_refused_where_counts_are_expected(
    is_single: bool, message: str, tmp_path: Path
) -> None:
    visible_u8, thermal_u8 = make_visible_u8(), make_thermal_u8()
    if is_single:
        files = PairFiles("a", write_four_channels(tmp_path / "v.png", visible_u8, thermal_u8))
    else:
        visible = write_visible(tmp_path / "v.png", visible_u8)
        files = PairFiles("a", visible, write_thermal(tmp_path / "t.png", thermal_u8))
    with pytest.raises(MdjaxError, match=message):
        read_pair(files, thermal_range_counts=(7000, 9000))


def test_three_channels_alone_hold_no_thermal_image(tmp_path: Path) -> None:
    path = write_visible(tmp_path / "a.png", make_visible_u8())
    assert read_pair(PairFiles("a", path)).thermal is None


def test_both_damaged_files_of_a_pair_are_named(tmp_path: Path) -> None:
    visible, thermal = write_folders(tmp_path, 1)
    for folder in (visible, thermal):
        path = folder / "a.png"
        path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(MdjaxError) as caught:
        read_pair(PairFiles("a", visible / "a.png", thermal / "a.png"))
    assert str(visible / "a.png") in str(caught.value)
    assert str(thermal / "a.png") in str(caught.value)


@pytest.mark.parametrize("has_thermal", [True, False])
def test_image_that_viewers_rotate_is_refused(has_thermal: bool, tmp_path: Path) -> None:
    """A JPEG with EXIF data of one field, the orientation (tag 274), which is upside down (3)."""
    data = cv2.imencode(".jpg", make_visible_u8())[1].tobytes()
    exif = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 274, 3, 1, 3, 0, 0)
    visible = tmp_path / "v.jpg"
    visible.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    thermal = write_thermal(tmp_path / "t.png", make_thermal_u8()) if has_thermal else None
    with pytest.raises(MdjaxError, match=r"v\.jpg: its EXIF orientation .* rotate the pixels"):
        read_pair(PairFiles("a", visible, thermal))


def test_another_aspect_is_refused(tmp_path: Path) -> None:
    """48x32 is 3:2; 12x6 is 2:1."""
    visible = write_visible(tmp_path / "v.png", make_visible_u8())
    thermal = write_thermal(tmp_path / "t.png", make_thermal_u8(size_hw=(6, 12)))
    with pytest.raises(MdjaxError, match="different aspects"):
        read_pair(PairFiles("a", visible, thermal))


@pytest.mark.parametrize("alpha", ["opaque", "cut out"])
def test_transparency_is_not_taken_for_a_thermal_image(tmp_path: Path, alpha: str) -> None:
    """The remedy is accepted: a thermal file, and no transparency but where all is opaque."""
    pixels = np.dstack([make_visible_u8(), np.full(make_visible_u8().shape[:2], 255, np.uint8)])
    if alpha == "cut out":
        pixels[:5, :, 3] = 0
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), pixels)
    with pytest.raises(MdjaxError, match=r"fourth channel .* no thermal image; save it without"):
        read_pair(PairFiles("a", path))
    thermal = write_thermal(tmp_path / "t.png", make_thermal_u8())
    if alpha == "cut out":
        with pytest.raises(MdjaxError, match=r"this one has 4; save it without transparency"):
            read_pair(PairFiles("a", path, thermal))
    else:
        assert read_pair(PairFiles("a", path, thermal)).thermal is not None
    cv2.imwrite(str(path), pixels[..., :3])
    assert read_pair(PairFiles("a", path, thermal)).thermal is not None


def test_no_problem_raises_nothing() -> None:
    raise_problems([])


def test_images_without_a_visible_camera_are_thermal(tmp_path: Path) -> None:
    """One file, a folder, and a four-channel PNG, which brings the visible image all the same."""
    thermal_u8 = make_thermal_u8(size_hw=(8, 12))
    path = write_thermal(tmp_path / "t" / "a.png", thermal_u8)
    for given in (path, path.parent):
        (files,) = find_pairs(given, missing="visible")
        assert files == PairFiles("a", None, path)
        assert files.paths == (path,)
        pair = read_pair(files)
        assert pair.thermal is not None
        np.testing.assert_array_equal(pair.thermal, thermal_u8)
        np.testing.assert_array_equal(pair.visible_u8, thermal_u8[..., None].repeat(3, axis=-1))
        assert not pair.has_visible
    whole = write_four_channels(tmp_path / "w.png", make_visible_u8(), make_thermal_u8())
    (files,) = find_pairs(whole, missing="visible")
    pair = read_pair(files)
    assert pair.has_visible
    np.testing.assert_array_equal(pair.visible_u8, make_visible_u8())


def test_pairs_stay_pairs_where_an_image_is_not_looked_at(tmp_path: Path) -> None:
    folders = write_folders(tmp_path, 2)
    for missing in ("visible", "thermal"):
        assert find_pairs(*folders, missing=missing) == find_pairs(*folders)


def test_images_are_cut_to_what_both_cameras_see(tmp_path: Path) -> None:
    """Of 48x32 pixels the thermal image shows the right half, from 16 rows on the lower part."""
    visible_u8, thermal_u8 = make_visible_u8(), make_thermal_u8(size_hw=(8, 12))
    files = PairFiles("a", tmp_path / "v.png", tmp_path / "t.png")
    write_visible(tmp_path / "v.png", visible_u8)
    write_thermal(tmp_path / "t.png", thermal_u8)
    view = make_common_view((24, 16, 48, 32), None)
    pair = read_pair(files, view=view)
    np.testing.assert_array_equal(pair.visible_u8, visible_u8[16:, 24:])
    assert pair.thermal is not None
    np.testing.assert_array_equal(pair.thermal, thermal_u8)
    note = "the visible image was cut to 24x16 pixels at (24, 16)"
    assert pair.cut == Cut((24, 16), (32, 48), note)
    alone = read_pair(PairFiles("a", tmp_path / "v.png"), view=view)
    np.testing.assert_array_equal(alone.visible_u8, visible_u8[16:, 24:])
    assert alone.cut == pair.cut


def test_thermal_image_alone_is_warped_too(tmp_path: Path) -> None:
    """What is found is in pixels of the visible camera, of which the thermal one sees a part."""
    thermal_u8 = rigs.make_thermal_u8(0)
    write_thermal(tmp_path / "t.png", thermal_u8)
    view = make_common_view(None, rigs.write_values(tmp_path / "rig.json"))
    pair = read_pair(PairFiles("t", None, tmp_path / "t.png"), view=view)
    assert pair.thermal is not None
    np.testing.assert_array_equal(pair.thermal, thermal_u8)
    assert pair.visible_u8.shape == (24, 32, 3)
    assert pair.cut is not None
    assert (pair.cut.corner_xy_px, pair.cut.image_size_hw) == ((8, 3), (30, 40))


def test_four_channels_are_of_one_view_already(tmp_path: Path) -> None:
    path = write_four_channels(tmp_path / "a.png", make_visible_u8(), make_thermal_u8())
    view = make_common_view((24, 16, 48, 32), None)
    with pytest.raises(MdjaxError, match=r"holds both images.*omit --homography"):
        read_pair(PairFiles("a", path), view=view)
