import numpy as np
import pytest

from data_builders.dealing import Dealing
from data_builders.published.m3fd import PrepareM3fd, check_raw_m3fd
from mdjax.data.source import open_split
from mdjax.types import MdjaxError
from tests.data_builders.published.raw_published import write_m3fd, write_voc
from tests.data_builders.raw_pairs import get_objects, get_problems, write_list

NUMBERS = [f"{number:05d}" for number in (0, 1, 99, 100, 150, 199, 200, 4199)]
SCENES = ["Challenge/Beach/01863", "Daytime/Alley/00001", "Daytime/Alley/00002"]
SCENES += ["Night/Basement/00003", "Night/Road/00004", "Overcast/Atrium/00005"]


@pytest.fixture
def flat(tmp_path):
    return write_m3fd(tmp_path / "M3FD_Detection", NUMBERS)


@pytest.fixture
def by_scene(tmp_path):
    return write_m3fd(tmp_path / "M3FD", SCENES)


def _get_names(checked):
    return {split: [pair.name for pair in pairs] for split, pairs in checked.pairs.items()}


def test_classes_are_ours_and_boxes_edges_from_0(flat):
    checked = check_raw_m3fd(flat)
    assert checked.class_names.objects == ("person", "car", "bus", "motorcycle", "lamp", "truck")
    person, lamp = get_objects(checked.pairs["train"][0])
    assert (person.label, person.class_id, person.box_xyxy) == ("person", 0, (2.0, 3.0, 8.0, 12.0))
    assert (lamp.label, lamp.class_id) == ("lamp", 4)
    assert checked.notes[0].startswith("M3FD is a part: has 8 of 4,200 detection pairs")


def test_blocks_of_numbers_stand_for_scenes(flat):
    """Numbers 0 to 99 are one block, 100 to 199 the next."""
    checked = check_raw_m3fd(flat)
    names = _get_names(checked)
    assert sorted(name for part in names.values() for name in part) == NUMBERS
    blocks = [{int(name) // 100 for name in part} for part in names.values()]
    assert sum(map(len, blocks)) == len(set.union(*blocks)) == 4
    assert any("blocks of 100 successive numbers stand for them" in x for x in checked.notes)
    assert [text for text in checked.warnings if "has no official split" in text]
    assert not any(pair.is_night for part in checked.pairs.values() for pair in part)


def test_scenes_are_kept_together_and_tell_the_night(by_scene):
    checked = check_raw_m3fd(by_scene, dealing=Dealing("sequence", (0.5, 0.2, 0.3)))
    names = _get_names(checked)
    assert sorted(name for part in names.values() for name in part) == sorted(SCENES)
    scenes = [{name.rpartition("/")[0] for name in part} for part in names.values()]
    assert sum(map(len, scenes)) == 5
    night = {pair.name for part in checked.pairs.values() for pair in part if pair.is_night}
    assert night == {"Night/Basement/00003", "Night/Road/00004"}
    assert not any("blocks of" in note for note in checked.notes)


def test_random_split_is_warned_of(flat):
    checked = check_raw_m3fd(flat, dealing=Dealing("random"))
    assert any("parted between splits" in text for text in checked.warnings)


@pytest.mark.parametrize("folder", [".", "meta"])
def test_lists_of_a_paper_are_used(folder, flat):
    write_list(flat / folder / "train.txt", [f"{name}.png" for name in NUMBERS[2:]])
    write_list(flat / folder / "test.txt", NUMBERS[:2])
    checked = check_raw_m3fd(flat)
    assert _get_names(checked) == {"train": NUMBERS[2:], "test": NUMBERS[:2]}
    assert checked.warnings == ()
    assert "val" in _get_names(check_raw_m3fd(flat, dealing=Dealing("sequence")))


def test_lists_name_pairs_of_scenes_by_their_numbers(by_scene):
    write_list(by_scene / "test.txt", ["00003.png", "00002.png"])
    names = {"test": ["Night/Basement/00003", "Daytime/Alley/00002"]}
    assert _get_names(check_raw_m3fd(by_scene)) == names


def test_unknown_names_of_a_list_are_one_line(flat):
    write_list(flat / "train.txt", ["00000", "00005", "00006"])
    assert get_problems(check_raw_m3fd, flat) == [
        "train.txt: 2 of 3 names are of no pair (00005, 00006); add the images, or remove the "
        "names."
    ]


def test_faults_name_their_scene_and_can_be_left_out(by_scene):
    write_voc(by_scene / "Daytime/Alley/Annotation/00001.xml", [("Cat", 0, 0, 4, 4)])
    (by_scene / "Night/Road/Annotation/00004.xml").unlink()
    write_m3fd(by_scene, ["Night/Road/00007"])
    (by_scene / "Overcast/Atrium/Ir/00005.png").write_bytes(b"no image")
    write_m3fd(by_scene, ["Overcast/Atrium/00008"])
    write_list(by_scene / "test.txt", ["00001", "00002", "00004", "00005", "00007"])
    problems = sorted(get_problems(check_raw_m3fd, by_scene))
    assert [problem.rpartition("M3FD/")[2].partition(":")[0] for problem in problems] == [
        "Night/Road/Annotation/00004.xml",
        "Daytime/Alley/Annotation/00001.xml, object 1",
        "Overcast/Atrium/Ir/00005.png",
    ]
    checked = check_raw_m3fd(by_scene, skip_faulty=True)
    assert _get_names(checked) == {"test": ["Daytime/Alley/00002", "Night/Road/00007"]}


def test_missing_folders_are_one_line_each(flat):
    (flat / "Ir").rename(flat / "ir_images")
    assert get_problems(check_raw_m3fd, flat) == [f"{flat}/Ir: folder is missing."]


def test_records_are_what_training_reads(by_scene, tmp_path):
    command = PrepareM3fd(by_scene, data_dir=tmp_path / "data", split_by="random", split_seed=1)
    summary = command.prepare()
    assert summary.dataset == "m3fd/default"
    records = {}
    for name in ("train", "val", "test"):
        split = open_split("m3fd", name, tmp_path / "data")
        assert split.get_class_names("objects")[0] == "person"
        records |= {split[i]["name"].decode(): split[i] for i in range(len(split))}
    assert sorted(records) == sorted(SCENES)
    record = records["Night/Road/00004"]
    assert record["is_night"]
    assert record["visible"] == (by_scene / "Night/Road/Vis/00004.png").read_bytes()
    assert np.array_equal(record["objects"]["label"], [0, 4])


def test_fractions_without_a_dealing_are_refused(flat, tmp_path):
    command = PrepareM3fd(flat, data_dir=tmp_path / "data", fractions=(0.5, 0.0, 0.5))
    with pytest.raises(MdjaxError, match="need --split-by sequence or --split-by random"):
        command.prepare()
