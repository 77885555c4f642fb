import pytest

from data_builders.checks.annotations import Role
from data_builders.formats.yolo import read_class_names, read_yolo_folder, read_yolo_text
from mdjax.io.findings import Findings
from mdjax.types import MdjaxError
from tests.data_builders.raw_pairs import write

LABELS = ("person", "bicycle", "car")


def test_boxes_are_edges_in_shares():
    """Centre (.5, .4), size .2 by .6: from (.4, .1) to (.6, .7)."""
    text = "0  0.5 0.4 0.2 0.6  \n\n2 0.25 0.25 0.5 0.5"
    first, second = read_yolo_text(text, "a.txt", LABELS, {"car": 0, "person": 1}, Findings())
    assert first.box_xyxy == pytest.approx((0.4, 0.1, 0.6, 0.7))
    assert (first.label, first.class_id, first.role) == ("person", 1, Role.POSITIVE)
    assert first.where == "a.txt, line 1"
    assert second.box_xyxy == (0.0, 0.0, 0.5, 0.5)
    assert (second.label, second.class_id, second.where) == ("car", 0, "a.txt, line 3")


def test_classes_that_are_not_kept_are_dropped():
    (bicycle,) = read_yolo_text("1 .5 .5 .1 .1", "a.txt", LABELS, {"person": 0}, Findings())
    assert bicycle.role is Role.DROPPED
    assert bicycle.label == "bicycle"


def test_empty_file_is_an_image_without_objects():
    assert read_yolo_text("", "a.txt", LABELS, {"person": 0}, Findings()) == ()


def test_every_bad_line_is_named():
    findings = Findings()
    text = "0 .5 .5 .1 .1\n3 .5 .5 .1 .1\n0 .5 .5 .1\n0 .5 .5 .1 .1 .9\n0 .5 x .1 .1\n-1 0 0 1 1\n"
    (good,) = read_yolo_text(text, "a.txt", LABELS, {"person": 0}, findings)
    assert good.where == "a.txt, line 1"
    lines = findings.problems
    assert [line.partition(":")[0] for line in lines] == [f"a.txt, line {i}" for i in range(2, 7)]
    assert "class 3 is unknown, classes.txt names 0..2; add lines" in lines[0]
    assert "class -1 is unknown" in lines[4]
    assert all("needs five numbers" in line for line in lines[1:4])


@pytest.mark.parametrize(
    "numbers", ["1 1 3 2", "320 240 20 40", "2.5 .5 .2 .2", ".5 2.01 .2 .2", ".5 .5 .2 1e300"]
)
def test_pixels_in_the_place_of_shares_are_refused(numbers):
    findings = Findings()
    assert read_yolo_text(f"0 {numbers}", "a.txt", LABELS, {"person": 0}, findings) == ()
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
    _, wide, out = read_yolo_text(text, "a.txt", LABELS, {"person": 0}, findings)
    assert wide.box_xyxy == pytest.approx((-0.001, 0, 1.001, 1))
    assert out.box_xyxy == pytest.approx((0.85, 0, 1.05, 1))
    assert findings == Findings()


def _read_folder(folder, names, findings):
    return read_yolo_folder(folder / "labels", names, folder, LABELS, {"person": 0}, findings)


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
    assert problem.endswith("*.txt; put them there." if name else "folder is missing.")


def test_no_images_need_no_folder(tmp_path):
    findings = Findings()
    assert _read_folder(tmp_path, "", findings) == {}
    assert findings == Findings()


def test_missing_class_names_tell_what_they_look_like(tmp_path):
    with pytest.raises(MdjaxError, match="is missing; write one class name per line"):
        read_class_names(tmp_path / "classes.txt", "classes.txt")


def test_class_names_count_from_the_first_line(tmp_path):
    path = write(tmp_path / "classes.txt", "\ufeffperson\r\nbicycle \r\ncar\r\n\r\n")
    assert read_class_names(path, "classes.txt") == LABELS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n \n", "holds no class names"),
        ("person\n\ncar\n", "line 2: is empty"),
        ("person\ncar\nperson\n", "names person more than once"),
    ],
)
def test_bad_class_names_are_refused(tmp_path, text, message):
    path = write(tmp_path / "classes.txt", text)
    with pytest.raises(MdjaxError, match=message):
        read_class_names(path, "classes.txt")
