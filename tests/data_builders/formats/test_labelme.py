import json
from typing import Any

import pytest

from data_builders.checks.annotations import Role
from data_builders.formats.labelme import (
    LabelmeFile,
    convert_labelme_shapes,
    is_labelme_file,
    list_labelme_labels,
    read_labelme_json,
)
from mdjax.io.findings import Findings
from mdjax.types import MdjaxError
from tests.data_builders.raw_pairs import write

BOX = [[12, 9], [4, 3]]


def _make_shape(points: Any = BOX, kind: Any = "rectangle", label: Any = "boar") -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": kind, "flags": {}}


def _read(shapes: Any, findings: Findings | None = None, **more: Any) -> LabelmeFile:
    content = {"version": "5.4", "shapes": shapes, "imageHeight": 12, "imageWidth": 16, **more}
    findings = Findings() if findings is None else findings
    return read_labelme_json(json.dumps(content), "a.json", findings)


@pytest.mark.parametrize(
    ("kind", "points", "expected"),
    [
        ("rectangle", BOX, (4, 3, 12, 9)),
        ("rectangle", [[4, 3], [12, 3], [12, 9], [4, 9]], (4, 3, 12, 9)),
        ("polygon", [[4, 5.5], [8, 3], [12, 5], [8, 9]], (4, 3, 12, 9)),
        (None, [[4, 5], [8, 3], [12, 9]], (4, 3, 12, 9)),
        ("rotation", [[4, 5], [8, 3], [12, 5], [8, 9]], (4, 3, 12, 9)),
        # The radius is the distance from (8, 6) to (11, 10): 5.
        ("circle", [[8, 6], [11, 10]], (3, 1, 13, 11)),
        # The pixels 4 to 11 and 3 to 8 are the edges from 4 to 12 and from 3 to 9.
        ("mask", [[4, 3], [11, 8]], (4, 3, 12, 9)),
    ],
)
def test_shapes_become_the_boxes_around_them(kind, points, expected):
    file = _read([_make_shape(points, kind, " boar\n")])
    (item,) = convert_labelme_shapes(file, {"deer": 0, "boar": 1}, Findings())
    assert item == (expected, "boar", 1, Role.POSITIVE, "a.json, shape 1", 0, None)


def test_classes_are_the_labels_in_use():
    files = [_read([_make_shape(label="elk")]), _read([_make_shape(), _make_shape(label="ape")])]
    assert list_labelme_labels(files) == ("ape", "boar", "elk")
    findings = Findings()
    assert convert_labelme_shapes(files[0], {"deer": 0, "boar": 1}, findings) == ()
    assert findings.problems == [
        "a.json, shape 1: class 'elk' is unknown; add it to classes.txt, which has deer, boar."
    ]


@pytest.mark.parametrize(
    ("more", "stated_hw"),
    [
        ({}, (12, 16)),
        ({"imageHeight": None, "imageWidth": None}, None),
        ({"imageHeight": 0, "imageWidth": 0}, None),
        ({"imageHeight": "12"}, None),
    ],
)
def test_size_may_be_left_out(more, stated_hw):
    assert _read([], **more) == (stated_hw, ())


@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        (_make_shape(kind="point"), "is of the type 'point', which encloses nothing; draw a"),
        (_make_shape(kind=["x"]), "is of the type ['x'], which encloses nothing"),
        (_make_shape(label=" "), "has no label; write its class, or remove the shape."),
        (_make_shape(label=None), "has no label"),
        ("shape", "has no label"),
        (_make_shape([[1, 2]]), "a rectangle needs 2 points or more, of two finite numbers each"),
        (_make_shape([[1, 2], [3, 4]], "polygon"), "a polygon needs 3 points or more"),
        (_make_shape([[1, 2], [3, float("nan")]]), "a rectangle needs 2 points"),
        (_make_shape([[1, 2], [3, 10**400]]), "a rectangle needs 2 points"),
        (_make_shape([[1, 2], [3]]), "a rectangle needs 2 points"),
        (_make_shape([[1, 2], ["3", "4"]]), "a rectangle needs 2 points"),
        (_make_shape({"x": 1}), "a rectangle needs 2 points"),
    ],
)
def test_shapes_that_enclose_nothing_are_reported(shape, problem):
    findings = Findings()
    file = _read([_make_shape(), shape], findings)
    assert [item.where for item in file.shapes] == ["a.json, shape 1"]
    (found,) = findings.problems
    assert found.startswith(f"a.json, shape 2: {problem}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"shapes": [', "a.json: is damaged, truncated or no JSON at all"),
        ("[" * 100_000, "a.json: is damaged, truncated or no JSON at all"),
        ('{"shapes": 1}', "a.json: has no list shapes, as labelme's files do"),
        ('["shapes"]', "a.json: has no list shapes"),
    ],
)
def test_other_files_are_refused(text, problem):
    with pytest.raises(MdjaxError) as error:
        read_labelme_json(text, "a.json", Findings())
    assert str(error.value).startswith(problem)


def test_files_are_told_from_those_of_coco(tmp_path):
    shapes = write(
        tmp_path / "a.json", json.dumps({"version": "5", "shapes": [], "x": "y" * 10**6})
    )
    assert is_labelme_file(shapes)
    assert not is_labelme_file(write(tmp_path / "b.json", '{"images": [], "annotations": []}'))
    named = json.dumps({"images": [], "categories": [{"name": "shapes"}]})
    assert not is_labelme_file(write(tmp_path / "c.json", named))
    assert not is_labelme_file(tmp_path / "none.json")
