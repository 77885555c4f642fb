import json
from typing import Any

import pytest

from data_builders.checks.annotations import Role
from data_builders.formats.coco import read_coco_json
from mdjax.io.findings import Findings
from mdjax.types import MdjaxError

CLASS_IDS = {"deer": 0, "boar": 1}


def _make_content() -> dict[str, Any]:
    return {
        "images": [
            {"id": 7, "file_name": "visible/a.jpg", "width": 16, "height": 12},
            {"id": 9, "file_name": "b.png", "width": 20, "height": 10},
        ],
        "categories": [
            {"id": 3, "name": "boar"},
            {"id": 4, "name": "deer"},
            {"id": 5, "name": "never used"},
        ],
        "annotations": [
            {"image_id": 9, "category_id": 3, "bbox": [1, 2.5, 4, 5], "iscrowd": 0},
            {"image_id": 9, "category_id": 4, "bbox": [0, 0, 20, 10], "iscrowd": 1},
        ],
    }


def test_boxes_go_to_their_images_with_our_class_ids():
    """Left 1, top 2.5, 4 wide, 5 high: right 5, bottom 7.5."""
    images = read_coco_json(json.dumps(_make_content()), "a.json", CLASS_IDS, Findings())
    assert images["a"].objects == ()
    assert images["a"].stated_hw == (12, 16)
    boar, crowd = images["b"].objects
    assert boar.box_xyxy == (1.0, 2.5, 5.0, 7.5)
    assert (boar.label, boar.class_id, boar.role) == ("boar", 1, Role.POSITIVE)
    assert boar.where == "a.json, annotation 0 (b)"
    assert (crowd.class_id, crowd.role) == (0, Role.IGNORED)


def test_annotation_marked_ignore_is_ignored():
    content = _make_content()
    content["annotations"][0]["ignore"] = 1
    images = read_coco_json(json.dumps(content), "", CLASS_IDS, Findings())
    assert images["b"].objects[0].role is Role.IGNORED


def test_every_bad_annotation_is_named():
    content = _make_content()
    content["annotations"] = [
        {"image_id": 8, "category_id": 3, "bbox": [1, 2, 3, 4]},
        {"image_id": 7, "category_id": 6, "bbox": [1, 2, 3, 4]},
        {"image_id": 7, "category_id": 5, "bbox": [1, 2, 3, 4]},
        {"image_id": 7, "category_id": 3, "bbox": [1, 2, 3]},
        {"image_id": 7, "category_id": 3, "bbox": [1, 2, None, 4]},
        {"image_id": 7, "category_id": 3},
        {"image_id": [7], "category_id": 3, "bbox": [1, 2, 3, 4]},
        "annotation",
    ]
    content["images"].append({"id": 10, "file_name": "other/a.png", "width": 16, "height": 12})
    findings = Findings()
    read_coco_json(json.dumps(content), "a.json", CLASS_IDS, findings)
    lines = findings.problems
    expected = [
        "a.json, a: 2 images have this name; keep one.",
        "a.json, annotation 0: image_id 8 is not among the images",
        "a.json, annotation 1: category_id 6 is not among the categories",
        "a.json, annotation 2: category 'never used' is unknown",
        "a.json, annotation 3: needs image_id, category_id and a bbox",
        "a.json, annotation 4: needs image_id, category_id and a bbox",
        "a.json, annotation 5: has no bbox; write [left, top, width, height] in pixels",
        "a.json, annotation 6: needs image_id, category_id and a bbox",
        "a.json, annotation 7: needs image_id, category_id and a bbox",
    ]
    assert len(lines) == len(expected)
    for line, start in zip(lines, expected, strict=True):
        assert line.startswith(start)


@pytest.mark.parametrize("bbox", ["1234", [1, 2, True, 4], [1, 2, "3", 4], [1, 2, 3, 10**400], {}])
def test_box_that_is_not_four_numbers_is_refused(bbox):
    content = _make_content()
    content["annotations"][1]["bbox"] = bbox
    findings = Findings()
    images = read_coco_json(json.dumps(content), "a.json", CLASS_IDS, findings)
    (problem,) = findings.problems
    assert problem.startswith(
        "a.json, annotation 1: needs image_id, category_id and a bbox of four"
    )
    assert len(images["b"].objects) == 1


@pytest.mark.parametrize("value", ["0", 2, [0]])
@pytest.mark.parametrize("key", ["iscrowd", "ignore"])
def test_mark_other_than_0_and_1_is_refused(key, value):
    content = _make_content()
    content["annotations"][0][key] = value
    findings = Findings()
    read_coco_json(json.dumps(content), "a.json", CLASS_IDS, findings)
    (problem,) = findings.problems
    assert problem.startswith("a.json, annotation 0: ")
    assert "is neither 0 nor 1" in problem


def test_mark_may_be_null():
    content = _make_content()
    content["annotations"][0]["iscrowd"] = None
    images = read_coco_json(json.dumps(content), "a.json", CLASS_IDS, Findings())
    assert images["b"].objects[0].role is Role.POSITIVE


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 10**400, 48.9, True, "48", 0, None])
@pytest.mark.parametrize("key", ["width", "height"])
def test_size_that_is_no_number_of_pixels_is_one_line(key, value):
    content = _make_content()
    content["images"][1][key] = value
    findings = Findings()
    images = read_coco_json(json.dumps(content), "a.json", CLASS_IDS, findings)
    (problem,) = findings.problems
    assert problem.startswith("a.json, image 1 (b): needs width and height in whole pixels")
    assert len(images["b"].objects) == 2


@pytest.mark.parametrize(
    "entry", [{"id": 1}, {"file_name": "c.png"}, {"id": [1], "file_name": "c.png"}, 3, None]
)
def test_image_without_id_or_name_is_named(entry):
    content = _make_content()
    content["images"].append(entry)
    findings = Findings()
    read_coco_json(json.dumps(content), "a.json", CLASS_IDS, findings)
    (problem,) = findings.problems
    assert problem.startswith("a.json, image 2: needs id and file_name")


def test_whole_size_may_be_written_as_a_fraction():
    content = _make_content()
    content["images"][0]["width"] = 16.0
    images = read_coco_json(json.dumps(content), "a.json", CLASS_IDS, Findings())
    assert images["a"].stated_hw == (12, 16)


@pytest.mark.parametrize("file_name", ["visible\\a.png", "C:\\deer\\a.png", "deer/visible/a.png"])
def test_separators_of_any_system_part_folders_from_names(file_name):
    content = _make_content()
    content["images"][0]["file_name"] = file_name
    findings = Findings()
    assert [*read_coco_json(json.dumps(content), "a.json", CLASS_IDS, findings)] == ["a", "b"]
    assert findings.problems == []


def test_two_categories_of_one_id_are_refused():
    content = _make_content()
    content["categories"][2]["id"] = 3
    findings = Findings()
    read_coco_json(json.dumps(content), "a.json", CLASS_IDS, findings)
    assert findings.problems == [
        "a.json: the categories boar, never used have the same id 3; give each its own."
    ]


def test_two_images_of_one_id_are_refused():
    content = _make_content()
    content["images"][1]["id"] = 7
    content["annotations"] = []
    findings = Findings()
    read_coco_json(json.dumps(content), "a.json", CLASS_IDS, findings)
    assert findings.problems == [
        "a.json: the images a and b have the same id 7; give each its own."
    ]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"images": [{"id": 1}]}', "3", "[" * 10**5])
def test_other_content_is_refused(text):
    with pytest.raises(MdjaxError, match=r"a\.json: is not a COCO file"):
        read_coco_json(text, "a.json", CLASS_IDS, Findings())
