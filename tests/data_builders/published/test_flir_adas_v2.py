import json
import math

import numpy as np
import pytest

from data_builders.checks.annotations import Role
from data_builders.dealing import Dealing
from data_builders.published.flir_adas_v2 import (
    CLASSES,
    PrepareFlirAdasV2,
    check_raw_flir_adas_v2,
    compute_centre_crop,
)
from mdjax.data.decode import decode_pair
from mdjax.data.source import open_split
from mdjax.io.images import decode_visible
from tests.data_builders.published.raw_published import make_flir_frame, write_flir_adas_v2
from tests.data_builders.raw_pairs import get_objects, get_problems

FRAMES = [(f"rgb{video}", f"thermal{video}", frame) for video in range(4) for frame in (0, 30)]
# The crop of 24x20 pixels is from (2, 2) to (22, 18).
BOXES = [("car", (4, 5, 10, 8)), ("person", (0, 0, 3, 20)), ("deer", (5, 5, 5, 5))]


@pytest.fixture
def raw_dir(tmp_path):
    return write_flir_adas_v2(tmp_path / "FLIR_ADAS_v2", FRAMES, BOXES, night=("rgb3",))


def _get_names(checked):
    return {split: [pair.name for pair in pairs] for split, pairs in checked.pairs.items()}


def test_crop_has_the_thermal_angle_and_aspect():
    """24 tan(22.5°) / tan(26.4°) = 20.03 columns, and 4/5 of it rows; 1224 give 1021.3 and 817."""
    assert compute_centre_crop((20, 24)) == (2, 2, 22, 18)
    left, top, right, bottom = compute_centre_crop((1024, 1224))
    assert (right - left, bottom - top) == (1021, 817)
    assert (left, top) == (101, 103)
    angle = 2 * math.degrees(math.atan(1021 / 1224 * math.tan(math.radians(26.4))))
    assert angle == pytest.approx(45, abs=0.02)


def test_crop_of_a_low_frame_has_all_its_rows():
    """100x20: 20 rows of the aspect 5:4 are 25 columns, from 37 to 62."""
    assert compute_centre_crop((20, 100)) == (37, 0, 62, 20)


def test_mapped_frames_are_the_test_split_named_by_video(raw_dir):
    checked = check_raw_flir_adas_v2(raw_dir)
    names = _get_names(checked)
    assert list(names) == ["test"]
    assert names["test"][:2] == ["video-rgb0/frame-000000-hash0", "video-rgb0/frame-000030-hash30"]
    assert [pair.is_night for pair in checked.pairs["test"]] == [False] * 6 + [True] * 2
    assert checked.notes[0].startswith("FLIR ADAS v2 is a part: has 8 of 3,749 video pairs")
    assert any("both cameras are not registered" in text for text in checked.warnings)


def test_boxes_move_with_the_crop_and_cut_ones_are_ignored(raw_dir):
    """The person is 3 columns wide, of which the last lies inside."""
    checked = check_raw_flir_adas_v2(raw_dir)
    car, person = get_objects(checked.pairs["test"][0])
    assert (car.label, car.class_id, car.box_xyxy) == ("car", 2, (2.0, 3.0, 12.0, 11.0))
    assert (person.role, person.box_xyxy) == (Role.IGNORED, (0.0, 0.0, 1.0, 16.0))
    assert checked.box_counts["test"]["deer"][Role.DROPPED] == 8
    note = "8 boxes made ignored regions: less than half of the area is in what both cameras see."
    assert note in checked.notes


def test_videos_are_kept_together_when_dealt(raw_dir):
    names = _get_names(check_raw_flir_adas_v2(raw_dir, dealing=Dealing("sequence")))
    videos = [{name.partition("/")[0] for name in part} for part in names.values()]
    assert list(names) == ["train", "val", "test"]
    assert sum(map(len, videos)) == len(set.union(*videos)) == 4
    checked = check_raw_flir_adas_v2(raw_dir, dealing=Dealing("random"))
    assert any("parted between splits" in text for text in checked.warnings)


def test_records_are_what_training_reads(raw_dir, tmp_path):
    PrepareFlirAdasV2(raw_dir, data_dir=tmp_path / "data").prepare()
    split = open_split("flir_adas_v2", "test", tmp_path / "data")
    assert split.get_class_names("objects") == CLASSES.class_names
    assert len(CLASSES.class_names) == 15
    record = split[0]
    visible_u8, thermal_u8 = decode_pair(record, "a")
    path = raw_dir / "video_rgb_test/data" / make_flir_frame("rgb0", 0)
    whole_u8 = decode_visible(path.read_bytes(), path.name)
    assert np.array_equal(visible_u8, whole_u8[2:18, 2:22])
    assert thermal_u8.shape == (12, 15)
    assert np.array_equal(record["objects"]["bbox_xyxy_px"], [[2, 3, 12, 11], [0, 0, 1, 16]])


def test_map_is_found_beside_the_folder_too(raw_dir):
    before = check_raw_flir_adas_v2(raw_dir).fingerprint
    name = "rgb_to_thermal_vid_map.json"
    (raw_dir / name).rename(raw_dir.parent / name)
    assert check_raw_flir_adas_v2(raw_dir).fingerprint == before


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[", "rgb_to_thermal_vid_map.json: is no JSON ("),
        ("[]", "rgb_to_thermal_vid_map.json: is no mapping of visible to thermal file names; get"),
        ('{"a": 1}', "rgb_to_thermal_vid_map.json: is no mapping of visible to thermal file names"),
        ("{}", "rgb_to_thermal_vid_map.json: is no mapping of visible to thermal file names; get"),
        (None, "rgb_to_thermal_vid_map.json: file is missing."),
    ],
)
def test_damaged_map_is_one_line(content, problem, raw_dir):
    path = raw_dir / "rgb_to_thermal_vid_map.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    (line,) = get_problems(check_raw_flir_adas_v2, raw_dir)
    assert line.startswith(problem)


def _change_coco(raw_dir, change):
    path = raw_dir / "video_rgb_test/coco.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_frames_that_the_map_lacks_are_noted(raw_dir):
    path = raw_dir / "rgb_to_thermal_vid_map.json"
    pairs = json.loads(path.read_text())
    del pairs[make_flir_frame("rgb0", 0)]
    path.write_text(json.dumps(pairs))
    notes = check_raw_flir_adas_v2(raw_dir).notes
    assert any(
        note.startswith("video_rgb_test/coco.json: 1 frame without a thermal one, omitted (video-r")
        for note in notes
    )


def test_every_fault_is_in_one_message_and_can_be_left_out(raw_dir):
    (raw_dir / "video_thermal_test/data" / make_flir_frame("thermal0", 0)).unlink()

    def spoil(content):
        content["categories"].append({"id": 5, "name": "boat"})
        content["annotations"].append({"image_id": 1, "category_id": 5, "bbox": [6, 6, 4, 4]})
        content["images"][2]["width"] = 25
        content["annotations"] = [x for x in content["annotations"] if x["image_id"] != 3]
        del content["images"][3]
        for item in content["annotations"]:
            if item["image_id"] == 7 and item["category_id"] == 3:
                item["bbox"] = [6, 6, 0, 4]

    _change_coco(raw_dir, spoil)
    problems = get_problems(check_raw_flir_adas_v2, raw_dir)
    starts = [
        "video_rgb_test/coco.json, video-rgb1-frame-000030-hash30: is not listed; get the file",
        "video-rgb1/frame-000000-hash0: the annotations are for an image of 25x20 pixels, the",
        "video_thermal_test/data/video-thermal0-frame-000000-hash0.jpg: file is missing; add it",
    ]
    for start in starts:
        assert [problem for problem in problems if problem.startswith(start)]
    assert [problem for problem in problems if "'boat' is no class of FLIR ADAS v2" in problem]
    assert [problem for problem in problems if "has a width of 0" in problem]
    assert len(problems) == 5
    checked = check_raw_flir_adas_v2(raw_dir, skip_faulty=True)
    assert len(checked.pairs["test"]) == 8 - 5


def test_damaged_coco_file_is_one_line(raw_dir):
    (raw_dir / "video_rgb_test/coco.json").write_text("{}")
    (problem,) = get_problems(check_raw_flir_adas_v2, raw_dir)
    assert problem.startswith("video_rgb_test/coco.json: is not a COCO file")
