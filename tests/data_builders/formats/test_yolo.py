import pytest

from data_builders.checks.annotations import Role
from data_builders.formats.yolo import YoloClasses, read_yolo_folder, read_yolo_text
from mdjax.io.findings import Findings
from tests.data_builders.raw_pairs import write

LABELS = ("person", "bicycle", "car")
PERSON = YoloClasses(LABELS, {"person": 0})


def test_boxes_are_edges_in_shares():
    """Centre (.5, .4), size .2 by .6: from (.4, .1) to (.6, .7)."""
    text = "0  0.5 0.4 0.2 0.6  \n\n2 0.25 0.25 0.5 0.5"
    first, second = read_yolo_text(
        text, "a.txt", YoloClasses(LABELS, {"car": 0, "person": 1}), Findings()
    ).objects
    assert first.box_xyxy == pytest.approx((0.4, 0.1, 0.6, 0.7))
    assert (first.label, first.class_id, first.role) == ("person", 1, Role.POSITIVE)
    assert first.where == "a.txt, line 1"
    assert second.box_xyxy == (0.0, 0.0, 0.5, 0.5)
    assert (second.label, second.class_id, second.where) == ("car", 0, "a.txt, line 3")


def test_classes_that_are_not_kept_are_dropped():
    (bicycle,), _ = read_yolo_text("1 .5 .5 .1 .1", "a.txt", PERSON, Findings())
    assert bicycle.role is Role.DROPPED
    assert bicycle.label == "bicycle"


def test_empty_file_is_an_image_without_objects():
    assert read_yolo_text("", "a.txt", PERSON, Findings()) == ((), 0)


def test_every_bad_line_is_named():
    findings = Findings()
    text = "0 .5 .5 .1 .1\n3 .5 .5 .1 .1\n0 .5 .5 .1\n0 .5 .5 .1 .1 .9\n0 .5 x .1 .1\n-1 0 0 1 1\n"
    (good,), _ = read_yolo_text(text, "a.txt", PERSON, findings)
    assert good.where == "a.txt, line 1"
    lines = findings.problems
    assert [line.partition(":")[0] for line in lines] == [f"a.txt, line {i}" for i in range(2, 7)]
    assert "class 3 is unknown, classes.txt names 0..2; add lines" in lines[0]
    assert "class -1 is unknown" in lines[4]
    assert "needs five numbers" in lines[1]
    assert "has a sixth number in '0 .5 .5 .1 .1 .9': a confidence" in lines[2]
    assert "needs five numbers" in lines[3]


@pytest.mark.parametrize(
    "numbers", ["1 1 3 2", "320 240 20 40", "2.5 .5 .2 .2", ".5 2.01 .2 .2", ".5 .5 .2 1e300"]
)
def test_pixels_in_the_place_of_shares_are_refused(numbers):
    findings = Findings()
    assert read_yolo_text(f"0 {numbers}", "a.txt", PERSON, findings) == ((), 0)
    (problem,) = findings.problems
    assert problem.startswith(
        "a.txt, line 1: centre and size are fractions of the image from 0 to 1"
    )
    assert problem.endswith("looks like pixels; divide by the image's width and height.")


def test_shares_may_exceed_1_by_rounding_and_boxes_may_stick_out():
    """Centre (.95, .5), size .2 by 1: from (.85, 0) to (1.05, 1).

    A side of 1.002 is one tool's box of the whole image, from -.001 to 1.001.
    """
    findings = Findings()
    text = "0 .5 .5 1.0000005 1\n0 .5 .5 1.002 1\n0 .95 .5 .2 1"
    _, wide, out = read_yolo_text(text, "a.txt", PERSON, findings).objects
    assert wide.box_xyxy == pytest.approx((-0.001, 0, 1.001, 1))
    assert out.box_xyxy == pytest.approx((0.85, 0, 1.05, 1))
    assert findings == Findings()


def _read_folder(folder, names, findings):
    return read_yolo_folder(folder / "labels", names, folder, PERSON, findings)


def test_boxes_of_a_folder_are_found_in_either_case_of_the_ending(tmp_path):
    write(tmp_path / "labels/a.txt", "0 .5 .5 .1 .1\n")
    write(tmp_path / "labels/b.TXT", "0 .5 .5 .1 .1\n0 .5 .5 .2 .2\n")
    write(tmp_path / "labels/classes.txt", "person\n")
    findings = Findings()
    boxes = _read_folder(tmp_path, "ab", findings)
    assert findings == Findings()
    assert [len(boxes[name]) for name in "ab"] == [1, 2]
    assert boxes["b"][1].where == "labels/b.TXT, line 2"


def test_bad_and_missing_files_go_to_the_findings(tmp_path):
    findings = Findings()
    write(tmp_path / "labels/a.txt", "9 .5 .5 .1 .1\n8 .5 .5 .1 .1\n")
    write(tmp_path / "labels/c.txt", b"\xff\xfe\x00")
    assert _read_folder(tmp_path, "abc", findings) == {"a": ()}
    expected = [
        f"{tmp_path}/labels/b.txt: file is missing; an image without objects has an empty one",
        "labels/a.txt, line 1: class 9 is unknown",
        "labels/a.txt, line 2: class 8 is unknown",
        "labels/c.txt: is not UTF-8 text",
    ]
    for problem, start in zip(findings.problems, expected, strict=True):
        assert problem.startswith(start)


@pytest.mark.parametrize("name", [None, "labels/a.json"])
def test_folder_without_text_files_is_one_finding(tmp_path, name):
    if name:
        write(tmp_path / name, "")
    findings = Findings()
    assert _read_folder(tmp_path, "abc", findings) == {}
    (problem,) = findings.problems
    assert problem.startswith(f"{tmp_path}/labels: ")
    assert problem.endswith(
        ".txt; put the files there, or give another folder." if name else "folder is missing."
    )


def test_no_images_need_no_folder(tmp_path):
    findings = Findings()
    assert _read_folder(tmp_path, "", findings) == {}
    assert findings == Findings()


@pytest.mark.parametrize("number", ["2", "2.0", "2.000000000000000000e+00", "02", "+2"])
def test_whole_class_number_may_be_written_as_a_fraction(number):
    (car,), _ = read_yolo_text(f"{number} .5 .5 .1 .1", "a.txt", PERSON, Findings())
    assert car.label == "car"


@pytest.mark.parametrize("number", ["1.5", "car", "nan", "inf", "1e400", "0x1"])
def test_class_that_is_no_whole_number_is_refused(number):
    findings = Findings()
    assert read_yolo_text(f"{number} .5 .5 .1 .1", "a.txt", PERSON, findings).objects == ()
    assert findings.problems == [
        f"a.txt, line 1: the class is {number!r}; write a whole number, such as 0."
    ]


def test_polygon_becomes_the_box_around_it():
    """A triangle, and four corners that go round from the lower right one."""
    text = "0 .5 .1 .75 .625 .25 .5\n2 .5 .5 .25 .25\n0 .9 .8 .1 .8 .1 .2 .9 .2\n"
    read = read_yolo_text(text, "a.txt", PERSON, Findings())
    assert [item.box_xyxy for item in read.objects] == [
        (0.25, 0.1, 0.75, 0.625),
        (0.375, 0.375, 0.625, 0.625),
        (0.1, 0.2, 0.9, 0.8),
    ]
    assert read.num_polygons == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 320 240 340 240 340 260", "looks like pixels"),
        ("0 .1 .1 nan .2 .3 .3", "a corner of its polygon is not a finite number"),
        ("0 .1 .1 x .2 .3 .3", "needs five numbers"),
        ("0 .1 .1 .2 .2 .3 .3 .4", "has 8 fields in '0 .1 .1 .2 .2 .3 .3 .4'; correct it"),
        (
            f"0 .5 .5 .2 .2{' .5 .5 2' * 17}",
            "has 56 fields in '0 .5 .5 .2 .2 .5 .5 2 .5 .5 2 .5 .5 2 .5 .5 2 .5 .5 2 .5 .5 ...', "
            "which fits a box with 17 keypoints of three numbers each, and these are not read",
        ),
    ],
)
def test_bad_polygon_is_refused(line, message):
    findings = Findings()
    assert read_yolo_text(line, "a.txt", PERSON, findings) == ((), 0)
    (problem,) = findings.problems
    assert problem.startswith("a.txt, line 1: ")
    assert message in problem


def test_polygons_of_all_files_are_one_note(tmp_path):
    for name, text in (("a", "0 .1 .1 .2 .2 .1 .2\n"), ("b", ""), ("c", "0 0 0 1 1 0 1\n" * 2)):
        write(tmp_path / f"labels/{name}.txt", text)
    findings = Findings()
    _read_folder(tmp_path, "abc", findings)
    assert findings == Findings(
        notes=["3 polygons in YOLO files: the box around each is used (a.txt...)."]
    )


def test_message_names_the_file_of_class_names():
    findings = Findings()
    read_yolo_text("3 .5 .5 .1 .1", "a.txt", PERSON._replace(source="data.yaml"), findings)
    assert findings.problems == [
        "a.txt, line 1: class 3 is unknown, data.yaml names 0..2; add names to it, or correct the "
        "number."
    ]
