"""Price lists: cameras in order, and one message for each fault."""

import re
from pathlib import Path

import pytest

from mdjax.models.config import ImageLevelConfig
from mdjax.recipes import configure_kaist, configure_mfnet
from mdjax.runs.config import TrainConfig
from mdjax.tradeoff.prices import read_prices
from mdjax.tradeoff.sensors import list_sensors
from mdjax.types import MdjaxError
from tests.conftest import PROJECT_ROOT

SIZE_HW = (96, 128)
HEADER = "camera,width,height,price\n"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "prices.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_cameras_are_sorted_by_pixels_and_share_the_rows_of_their_size(tmp_path: Path) -> None:
    text = HEADER + '\n"Core, large" , 64,48,1500.5\nModule,32,24,350\nOdd,40,20,400\n'
    sensors = read_prices(write(tmp_path, text), SIZE_HW)
    assert [(x.name, x.resolution, x.price) for x in sensors] == [
        ("none", "none", 0.0),
        ("Module", "16x", 350.0),
        ("Odd", "40x20", 400.0),
        ("Core, large", "4x", 1500.5),
        ("full", "full", None),
    ]
    assert sensors[1].label == "Module (32x24)"


def test_list_with_a_camera_of_all_pixels_needs_no_other(tmp_path: Path) -> None:
    sensors = read_prices(write(tmp_path, HEADER + "All,128,96,5000\n"), SIZE_HW)
    assert [(x.name, x.resolution) for x in sensors] == [("none", "none"), ("All", "full")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the header '' has no camera, width, height, price"),
        ("name,width,height,price\n", "line 1: the header 'name,width,height,price' has no camera"),
        (HEADER, "no camera follows the header"),
        (HEADER + "A,32,24\n", "line 2: has 3 columns, the header 4"),
        (HEADER + ",32,24,1\n", "line 2: the camera has no name"),
        (HEADER + "A,0,24,1\n", "line 2: width is '0', not a whole number above 0"),
        (HEADER + "A,32,2.5,1\n", "line 2: height is '2.5', not a whole number above 0"),
        (HEADER + "A,32,24,-1\n", "line 2: price is '-1', not a number above 0"),
        (HEADER + "A,32,24,nan\n", "line 2: price is 'nan', not a number above 0"),
        (HEADER + "A,32,24,cheap\n", "line 2: price is 'cheap', not a number above 0"),
        (HEADER + "A,32,24,1\nA,64,48,2\n", "line 3: A is in line 2 too"),
        (HEADER + "A,32,24,1\n\nB,32,24,2\n", "line 4: B has as many pixels as A in line 2, 32x24"),
        (HEADER + "A,160,120,1\n", r"line 2: A \(160x120\) is larger than the images, 128x96"),
    ],
)
def test_fault_is_named_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(MdjaxError, match=message) as caught:
        read_prices(path, SIZE_HW)
    assert str(caught.value).startswith(f"{path}: ")


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + "A,0,24,1\nB,32,24,0\n")
    with pytest.raises(MdjaxError, match=r"2 problems:\n  line 2: .*\n  line 3: "):
        read_prices(path, SIZE_HW)


def test_too_large_camera_is_sent_to_the_recipes_with_the_largest_images(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + "A,160,120,1\n")
    with pytest.raises(MdjaxError, match=r"recipe with larger images: (.*)\.$") as caught:
        read_prices(path, SIZE_HW)
    for name, recipe in (("mfnet", configure_mfnet), ("kaist", configure_kaist)):
        height, width = recipe(TrainConfig(), ImageLevelConfig).pipeline.image_size_hw
        assert re.search(rf"{name} {width}x{height}[,.]", str(caught.value))
    with pytest.raises(MdjaxError) as caught:
        read_prices(write(tmp_path, HEADER + "A,0,24,1\n"), SIZE_HW)
    assert "larger images" not in str(caught.value)


def test_example_fits_the_images_of_the_paper() -> None:
    """Its cameras are those of the rows that tables know."""
    size_hw = configure_mfnet(TrainConfig(), ImageLevelConfig).pipeline.image_size_hw
    sensors = read_prices(PROJECT_ROOT / "examples" / "camera_prices.csv", size_hw)
    assert [x.resolution for x in sensors] == ["none", "64x", "16x", "4x", "full"]
    assert all(x.price is not None for x in sensors)


# -- Resolutions that are typed ------------------------------------------------------------------
def test_resolutions_of_one_size_are_one_camera_and_the_full_one_is_always_there() -> None:
    sensors = list_sensors(["32x24", "none", "16x", "mlx90640"], SIZE_HW)
    assert [(x.name, x.resolution) for x in sensors] == [
        *(("none", "none"), ("32x24", "16x"), ("full", "full"))
    ]
    assert sensors[1].label == "32x24"


def test_camera_that_is_larger_or_unknown_is_refused() -> None:
    with pytest.raises(MdjaxError, match="larger than the thermal image"):
        list_sensors(["lepton-3.5"], SIZE_HW)
    with pytest.raises(MdjaxError, match="'fine' is unknown"):
        list_sensors(["fine"], SIZE_HW)
