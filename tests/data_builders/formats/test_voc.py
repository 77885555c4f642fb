import pytest

from data_builders.checks.annotations import Role
from data_builders.formats.voc import (
    VocFile,
    convert_voc_objects,
    find_edges_from_0,
    list_voc_labels,
    read_voc_xml,
)
from mdjax.io.findings import Findings
from mdjax.types import MdjaxError

SIZE = "<size><width>16</width><height>12</height><depth>3</depth></size>"
CLASS_IDS = {"deer": 0, "boar": 1}


def _make_object(*corners: object, name: str = "boar", more: str = "") -> str:
    tags = zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
    box = "".join(f"<{tag}>{value}</{tag}>" for tag, value in tags)
    return f"<object><name>{name}</name>{more}<bndbox>{box}</bndbox></object>"


def _read(content: str, findings: Findings | None = None) -> VocFile:
    text = f"<annotation>{content}</annotation>"
    return read_voc_xml(text.encode(), "a.xml", Findings() if findings is None else findings)


def test_objects_are_read_with_their_places():
    deer = _make_object(5, 4, 12, 9, name=" deer\n", more="<pose>Left</pose>")
    boar = _make_object(1, 1, 16, 12, more="<difficult>1</difficult>")
    file = _read(f"<folder>x</folder>{SIZE}{deer}{boar}")
    assert file.stated_hw == (12, 16)
    first, second = file.objects
    assert first == ((5, 4, 12, 9), "deer", False, "a.xml, object 1")
    assert second == ((1, 1, 16, 12), "boar", True, "a.xml, object 2")
    assert list_voc_labels([file, _read(_make_object(1, 1, 2, 2, name="ape"))]) == (
        "ape",
        "boar",
        "deer",
    )


def test_pixels_from_1_become_edges_from_0():
    """Pixels 1 to 16 of 16 are all of them; pixel 5 alone is from 4 to 5."""
    file = _read(_make_object(1, 1, 16, 12) + _make_object(5, 5, 5, 6, name="deer"))
    assert find_edges_from_0([file]) is None
    whole, small = convert_voc_objects(
        file, CLASS_IDS, Findings(), counts_from_1=True, source="classes.txt"
    )
    assert whole.box_xyxy == (0, 0, 16, 12)
    assert (whole.label, whole.class_id, whole.role) == ("boar", 1, Role.POSITIVE)
    assert small.box_xyxy == (4, 4, 5, 6)


@pytest.mark.parametrize("corners", [(0, 3, 8, 9), (4, 0.0, 8, 9), (4, 3, 8.25, 9), (4, -1, 5, 5)])
def test_edges_from_0_are_recognised_and_kept(corners):
    file = _read(_make_object(1, 1, 2, 2) + _make_object(*corners))
    found = find_edges_from_0([_read(""), file])
    assert found is not None
    assert found.where == "a.xml, object 2"
    objects = convert_voc_objects(
        file, CLASS_IDS, Findings(), counts_from_1=False, source="classes.txt"
    )
    assert [item.box_xyxy for item in objects] == [(1, 1, 2, 2), corners]


def test_difficult_objects_are_ignored():
    marks = ("", *(f"<difficult>{mark}</difficult>" for mark in ("0", "1", "True", "false", "")))
    file = _read("".join(_make_object(1, 1, 2, 2, more=mark) for mark in marks))
    objects = convert_voc_objects(file, CLASS_IDS, Findings(), counts_from_1=True, source="")
    assert [item.role is Role.IGNORED for item in objects] == [
        False,
        False,
        True,
        True,
        *[False] * 2,
    ]


def test_unknown_class_is_named_with_the_file_to_correct():
    findings = Findings()
    file = _read(_make_object(1, 1, 2, 2, name="ape") + _make_object(1, 1, 2, 2))
    objects = convert_voc_objects(
        file, CLASS_IDS, findings, counts_from_1=True, source="classes.txt"
    )
    assert [item.label for item in objects] == ["boar"]
    assert findings.problems == [
        "a.xml, object 1: class 'ape' is unknown; add it to classes.txt, which has deer, boar."
    ]


def test_boxes_of_parts_are_not_those_of_the_object():
    part = f"<part><name>head</name><bndbox>{'<xmin>9</xmin>'}</bndbox></part>"
    (item,) = _read(_make_object(1, 2, 3, 4, more=part)).objects
    assert item.corners == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<object/>", "has no name; write its class"),
        ("<object><name>boar</name></object>", "needs a bndbox with the numbers xmin, ymin"),
        (_make_object(1, 2, 3, ""), "needs a bndbox with the numbers"),
        (_make_object(1, 2, "three", 4), "needs a bndbox with the numbers"),
        (_make_object(1, 2, 3, 4, more="<difficult>2</difficult>"), "difficult is '2'; write 0"),
    ],
)
def test_bad_object_is_named(content, message):
    findings = Findings()
    assert len(_read(content + _make_object(1, 1, 2, 2), findings).objects) == 1
    (problem,) = findings.problems
    assert problem.startswith(f"a.xml, object 1: {message}")


@pytest.mark.parametrize(
    "size",
    [
        "",
        "<size/>",
        "<size><width>0</width><height>0</height></size>",
        "<size><width>x</width><height>12</height></size>",
        "<size><width>nan</width><height>inf</height></size>",
    ],
)
def test_size_may_be_missing(size):
    findings = Findings()
    assert _read(size, findings) == (None, ())
    assert findings == Findings()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no XML",
        b"<annotation>",
        b"<annotation>&nbsp;</annotation>",
        b"\xff\xfe\x00",
        b'<?xml version="1.0" encoding="gb2312"?><annotation/>',
        b'<?xml version="1.0" encoding="unheard-of"?><annotation/>',
    ],
)
def test_other_content_is_refused(data):
    with pytest.raises(MdjaxError, match=r"a\.xml: cannot be read as XML \("):
        read_voc_xml(data, "a.xml", Findings())


def test_entities_are_refused_unread():
    """Ten levels of ten would be ten thousand million letters."""
    levels = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10 if i else "x" * 10}">' for i in range(10))
    text = f"<!DOCTYPE annotation [{levels}]><annotation><folder>&a9;</folder></annotation>"
    for data in (text, '<!DOCTYPE annotation SYSTEM "other.dtd"><annotation/>'):
        with pytest.raises(MdjaxError, match="has a document type"):
            read_voc_xml(data.encode(), "a.xml", Findings())


def test_declared_encodings_are_followed():
    text = '<?xml version="1.0" encoding="{}"?><annotation>{}</annotation>'
    for encoding in ("utf-8", "utf-16", "iso-8859-1"):
        content = text.format(encoding, _make_object(1, 1, 2, 2, name="Bär"))
        (item,) = read_voc_xml(content.encode(encoding), "a.xml", Findings()).objects
        assert item.label == "Bär"


def test_file_of_another_tool_is_told_apart():
    with pytest.raises(MdjaxError, match="begins with <annotations>; export the annotations as"):
        read_voc_xml(b"<annotations><image/></annotations>", "a.xml", Findings())
