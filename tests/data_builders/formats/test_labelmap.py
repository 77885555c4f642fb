import pytest

from data_builders.formats.labelmap import assign_colours, list_labelmap_names, read_labelmap
from mdjax.io.findings import Findings

TEXT = """# label:color_rgb:parts:actions
person:192,128,64:head,hand:walking
car:0, 0, 142
background:0,0,0::

ignored:224,224,192::
"""


def test_lines_are_names_and_colours():
    findings = Findings()
    colours = read_labelmap(TEXT, "labelmap.txt", findings)
    assert [(colour.name, colour.rgb) for colour in colours] == [
        ("person", (192, 128, 64)),
        ("car", (0, 0, 142)),
        ("background", (0, 0, 0)),
        ("ignored", (224, 224, 192)),
    ]
    assert findings == Findings()
    assert colours[2].where == "labelmap.txt, line 4"


def test_background_is_the_first_class_and_what_is_ignored_is_none():
    colours = read_labelmap(TEXT, "labelmap.txt", Findings())
    assert list_labelmap_names(colours) == ("background", "person", "car")


def test_colours_get_the_ids_of_their_names():
    findings = Findings()
    colours = read_labelmap(TEXT, "labelmap.txt", findings)
    assert assign_colours(colours, ("background", "car", "bike", "person"), findings) == {
        (192, 128, 64): 3,
        (0, 0, 142): 1,
        (0, 0, 0): 0,
        (224, 224, 192): 255,
    }
    names = ("background", "car", "person", "ignored")
    assert assign_colours(colours, names, findings)[224, 224, 192] == 3
    assert findings == Findings()
    assert (192, 128, 64) not in assign_colours(colours, ("background", "car"), findings)
    assert findings.problems == [
        "labelmap.txt, line 2: 'person' is not in classes.txt, which has background, car; make "
        "the names equal."
    ]


@pytest.mark.parametrize(
    "line",
    ["deer", "deer:", ":1,2,3", "deer:1,2", "deer:1,2,256", "deer:1,-2,3", "deer:b,c,d"],
)
def test_line_without_a_colour_is_refused(line):
    findings = Findings()
    assert len(read_labelmap(f"{line}\nbackground:0,0,0::", "labelmap.txt", findings)) == 1
    assert findings.problems == [
        "labelmap.txt, line 1: needs NAME:RED,GREEN,BLUE with values from 0 to 255, is "
        f"{line!r}; correct it."
    ]


def test_names_and_colours_twice_are_refused():
    findings = Findings()
    read_labelmap("car:1,2,3\nbike:4,5,6\ncar:7,8,9\ndeer:4,5,6\n", "labelmap.txt", findings)
    assert findings.problems == [
        "labelmap.txt, line 3: has the name 'car' of line 1; correct one of them.",
        "labelmap.txt, line 4: has the colour of line 2; correct one of them.",
    ]


def test_empty_file_is_refused():
    findings = Findings()
    assert read_labelmap("# nothing\n", "labelmap.txt", findings) == []
    assert findings.problems == [
        "labelmap.txt: lists no class; write a line NAME:RED,GREEN,BLUE each."
    ]
