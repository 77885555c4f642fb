import pytest

from data_builders.formats.class_names import read_class_names, read_yaml_class_names
from mdjax.types import MdjaxError
from tests.data_builders.raw_pairs import write


def test_missing_class_names_tell_what_they_look_like(tmp_path):
    with pytest.raises(MdjaxError, match="is missing; write one class name per line"):
        read_class_names(tmp_path / "classes.txt", "classes.txt")


def test_class_names_count_from_the_first_line(tmp_path):
    path = write(tmp_path / "classes.txt", "\ufeffperson\r\nbicycle \r\ncar\r\n\r\n")
    assert read_class_names(path, "classes.txt") == ("person", "bicycle", "car")


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


@pytest.mark.parametrize(
    "text",
    [
        "train: ../images\nnc: 3\nnames: [person, 'no', car]\n",
        "names:\n  - person\n  - no\n  - car\n",
        "names:\n  0: person\n  1: no\n  2: car\n",
        "names: {2: car, 0: person, 1: no}\n",
        '# a comment\nnames:\n- person\n- "no"\n- car # the last one\nnc: 3\n',
    ],
)
def test_yaml_names_are_text_in_the_order_of_their_numbers(text):
    """YAML alone would make a truth value of the class "no"."""
    assert read_yaml_class_names(text, "data.yaml") == ("person", "no", "car")


@pytest.mark.parametrize("text", ["", "path: ../roof\n", "- names\n", "names"])
def test_yaml_without_names_has_none(text):
    assert read_yaml_class_names(text, "data.yaml") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: [person", "data.yaml: is not YAML "),
        ("names: []", "names is no list of class names; write names: "),
        ("names: person", "names is no list of class names"),
        ("names: [[person], car]", "holds an entry that is no name"),
        ("names: ['', car]", "holds an entry that is no name"),
        ("names: {0: person, 2: car}", "numbers of names are 0, 2; give each from 0 a name"),
        ("names: {}", "names is no list of class names"),
        ("names: {person: 0}", "numbers of names are person; "),
        ("names: [car, car]", "names car more than once"),
        ("names: [person, car]\nnc: 3", "nc is '3', but names has 2 entries"),
        ("names: [person]\nkpt_shape: [17, 3]", "keypoints, which are not read; export boxes"),
        ("[" * 10**5, "is not YAML"),
        ("names: !!python/object:os.system [a]\nnc: 2", "nc is '2', but names has 1 entries"),
    ],
)
def test_bad_yaml_names_are_refused(text, message):
    with pytest.raises(MdjaxError, match=message):
        read_yaml_class_names(text, "data.yaml")
