import json
from typing import Any

import pytest

from data_builders.checks.annotations import Role
from data_builders.formats.coco import (
    CocoImage,
    list_category_names,
    parse_coco_json,
    read_coco_images,
)
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


def _read(content: Any, findings: Findings | None = None) -> dict[str, CocoImage]:
    findings = Findings() if findings is None else findings
    parsed = parse_coco_json(json.dumps(content), "a.json", findings)
    return read_coco_images(parsed, CLASS_IDS, findings)


def test_boxes_go_to_their_images_with_our_class_ids():
    """Left 1, top 2.5, 4 wide, 5 high: right 5, bottom 7.5."""
    images = _read(_make_content())
    assert images["visible/a"].objects == ()
    assert images["visible/a"].stated_hw == (12, 16)
    boar, crowd = images["b"].objects
    assert boar.box_xyxy == (1.0, 2.5, 5.0, 7.5)
    assert (boar.label, boar.class_id, boar.role) == ("boar", 1, Role.POSITIVE)
    assert boar.where == "a.json, annotation 0 (b)"
    assert (crowd.class_id, crowd.role) == (0, Role.IGNORED)


def test_annotation_marked_ignore_is_ignored():
    content = _make_content()
    content["annotations"][0]["ignore"] = 1
    images = _read(content)
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
    content["images"].append({"id": 10, "file_name": "visible/a.png", "width": 16, "height": 12})
    findings = Findings()
    _read(content, findings)
    lines = findings.problems
    expected = [
        "a.json, visible/a: 2 images have this name; keep one.",
        "a.json, annotation 0: image_id 8 is not among the images",
        "a.json, annotation 1: category_id 6 is not among the categories",
        "a.json, annotation 2: category 'never used' is unknown",
        "a.json, annotation 3: needs image_id, category_id and a bbox",
        "a.json, annotation 4: needs image_id, category_id and a bbox",
        "a.json, annotation 5: has neither bbox nor segmentation; write [left, top, ",
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
    images = _read(content, findings)
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
    _read(content, findings)
    (problem,) = findings.problems
    assert problem.startswith("a.json, annotation 0: ")
    assert "is neither 0 nor 1" in problem


def test_mark_may_be_null():
    content = _make_content()
    content["annotations"][0]["iscrowd"] = None
    images = _read(content)
    assert images["b"].objects[0].role is Role.POSITIVE


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 10**400, 48.9, True, "48", 0, None])
@pytest.mark.parametrize("key", ["width", "height"])
def test_size_that_is_no_number_of_pixels_is_one_line(key, value):
    content = _make_content()
    content["images"][1][key] = value
    findings = Findings()
    images = _read(content, findings)
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
    _read(content, findings)
    (problem,) = findings.problems
    assert problem.startswith("a.json, image 2: needs id and file_name")


def test_whole_size_may_be_written_as_a_fraction():
    content = _make_content()
    content["images"][0]["width"] = 16.0
    images = _read(content)
    assert images["visible/a"].stated_hw == (12, 16)


@pytest.mark.parametrize(
    ("file_name", "path"),
    [
        ("visible\\a.png", "visible/a"),
        ("C:\\deer\\a.PNG", "C:/deer/a"),
        ("deer/visible/a.jpeg", "deer/visible/a"),
        ("./a.png", "a"),
        ("a", "a"),
        ("roof.001", "roof.001"),
        ("roof.001.png", "roof.001"),
    ],
)
def test_separators_of_any_system_part_folders_from_names(file_name, path):
    content = _make_content()
    content["images"][0]["file_name"] = file_name
    findings = Findings()
    assert [*_read(content, findings)] == [path, "b"]
    assert findings.problems == []


def test_two_categories_of_one_id_are_refused():
    content = _make_content()
    content["categories"][2]["id"] = 3
    findings = Findings()
    _read(content, findings)
    assert findings.problems == [
        "a.json: the categories boar, never used have the same id 3; give each its own."
    ]


def test_two_images_of_one_id_are_refused():
    content = _make_content()
    content["images"][1]["id"] = 7
    content["annotations"] = []
    findings = Findings()
    _read(content, findings)
    assert findings.problems == [
        "a.json: the images visible/a and b have the same id 7; give each its own."
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            "",
            "but damaged, truncated or no JSON at all (Expecting value: line 1 column 1 (char 0))",
        ),
        ("{", "but damaged, truncated or no JSON at all ("),
        ("[" * 10**5, "but damaged, truncated or no JSON at all ("),
        ("[]", "of images and annotations, but holds a list, as files of detections do"),
        ("3", "of images and annotations, but holds a single value"),
        ("{}", "it has no list images and no list annotations and no list categories"),
        ('{"images": [{"id": 1}], "annotations": []}', "it has no list categories"),
        ('{"images": [], "annotations": [], "categories": [3]}', "each of its categories needs an"),
    ],
)
def test_other_content_is_refused(text, what):
    with pytest.raises(MdjaxError) as error:
        parse_coco_json(text, "a.json", Findings())
    message = str(error.value)
    assert message.startswith("a.json: is not a COCO file")
    assert what in message
    assert message.endswith("; export it as COCO, with images, annotations and categories.")


@pytest.mark.parametrize("bbox", [None, [], "none"])
def test_box_around_polygons_takes_the_place_of_a_missing_one(bbox):
    """A triangle, and another one to its right; and a box that has polygons besides."""
    content = _make_content()
    polygons = [[3, 2, 6.5, 8, 1, 4], [9, 3, 11, 3, 10, 7]]
    content["annotations"][0] |= {"bbox": bbox, "segmentation": polygons}
    content["annotations"][1] |= {"segmentation": polygons}
    if bbox == "none":
        del content["annotations"][0]["bbox"]
    findings = Findings()
    first, second = _read(content, findings)["b"].objects
    assert first.box_xyxy == (1, 2, 11, 8)
    assert second.box_xyxy == (0, 0, 20, 10)
    assert findings == Findings(
        notes=["a.json: 1 of 2 annotations have no bbox; the boxes around their polygons are used."]
    )


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ({"counts": [1, 2], "size": [2, 2]}, "no polygon but runs of pixels (RLE); write [left"),
        ([], "has neither bbox nor segmentation"),
        ([[1, 2, 3]], "a polygon has an odd count of numbers"),
        ([[1, "2"]], "(segmentation holds the text '2'; write numbers without quotes)."),
        ([[1, None]], "(segmentation holds None, which is not a number)."),
        ([[]], "(segmentation is no list of polygons)."),
        ([1, 2, 3, 4], "(segmentation is no list of polygons)."),
        (7, "(one of them is of another kind)."),
    ],
)
def test_segmentation_that_is_no_polygon_is_refused(segmentation, message):
    content = _make_content()
    content["annotations"][0] |= {"bbox": None, "segmentation": segmentation}
    findings = Findings()
    _read(content, findings)
    (problem,) = findings.problems
    assert problem.startswith("a.json, annotation 0: ")
    assert message in problem


def _list_names(*contents: Any) -> tuple[str, ...]:
    parsed = [parse_coco_json(json.dumps(content), "", Findings()) for content in contents]
    return list_category_names(parsed)


def test_category_names_come_in_the_order_of_their_ids():
    content = _make_content()
    content["categories"].reverse()
    assert _list_names(content) == ("boar", "deer", "never used")
    other = _make_content()
    other["categories"] = [{"id": 1, "name": "elk"}, {"id": 2, "name": "deer"}]
    assert _list_names(content, other) == ("boar", "deer", "never used", "elk")


def test_ids_may_be_texts():
    content = {"images": [], "annotations": [{"category_id": [1]}, 3], "categories": []}
    assert _list_names(content) == ()
    content["categories"] = [{"id": "z", "name": "deer"}, {"id": "a", "name": "boar"}]
    assert _list_names(content) == ("deer", "boar")


def test_group_that_no_annotation_uses_is_no_class():
    """One tool lists the name of its project as the first category."""
    content = _make_content()
    for category in content["categories"]:
        category["supercategory"] = "forest"
    content["categories"].insert(0, {"id": 0, "name": "forest", "supercategory": "none"})
    assert _list_names(content) == ("boar", "deer", "never used")
    content["annotations"][0]["category_id"] = 0
    assert _list_names(content) == ("forest", "boar", "deer", "never used")
