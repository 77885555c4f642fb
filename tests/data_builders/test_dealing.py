from collections import Counter
from pathlib import Path

import pytest

from data_builders.checks.annotations import RawPair
from data_builders.dealing import Dealing, deal_pairs, find_sequence
from data_builders.rgbt_folder.splits import find_split_pairs
from mdjax.io.findings import Findings
from mdjax.types import MdjaxError
from tests.data_builders.raw_pairs import write, write_list


def _make_pairs(names, night=()):
    return [RawPair(name, Path(name), Path(name), name in night) for name in names]


def _deal(pairs, *arguments, findings=None):
    return {
        split: [pair.name for pair in part]
        for split, part in deal_pairs(pairs, Dealing(*arguments), findings or Findings()).items()
    }


SEQUENCES = [f"s{number}/{frame}" for number in range(10) for frame in range(5)]


@pytest.mark.parametrize(
    ("name", "sequence"),
    [
        ("seq1/0001", "seq1"),
        ("set06/V000/I00019", "set06/V000"),
        ("street_v2_0001", "street_v2_"),
        ("FLIR_00002", "FLIR_"),
        ("00101D", ""),
        ("dog", "dog"),
    ],
)
def test_sequence_is_the_folder_or_what_is_before_the_last_number(name, sequence):
    assert find_sequence(name) == sequence


@pytest.mark.parametrize("seed", range(5))
def test_sequences_stay_together(seed):
    dealt = _deal(_make_pairs(SEQUENCES), "sequence", (0.6, 0.2, 0.2), seed)
    assert {split: len(names) for split, names in dealt.items()} == {
        "train": 30,
        "val": 10,
        "test": 10,
    }
    sequences = [{find_sequence(name) for name in names} for names in dealt.values()]
    assert not set.intersection(*sequences)
    assert sum(map(len, sequences)) == 10
    assert all(names == sorted(names) for names in dealt.values())  # Scenes as they were filmed.


@pytest.mark.parametrize("by", ["sequence", "random"])
def test_day_and_night_are_in_every_split(by):
    night = [name for name in SEQUENCES if name < "s4"]
    dealt = _deal(_make_pairs(SEQUENCES, night), by, (0.5, 0.25, 0.25), 3)
    for split, size in (("train", 25), ("val", 12.5), ("test", 12.5)):
        num_night = sum(name in night for name in dealt[split])
        assert abs(len(dealt[split]) - size) <= 5
        assert 0 < num_night < len(dealt[split])
        if by == "random":
            assert abs(num_night - 0.4 * size) <= 1


def test_random_fractions_are_kept():
    dealt = _deal(_make_pairs(f"a{k}" for k in range(1000)), "random", (0.7, 0.1, 0.2))
    assert {split: len(names) for split, names in dealt.items()} == {
        "train": 700,
        "val": 100,
        "test": 200,
    }


def test_seed_alone_decides_which_pairs_go_where():
    """Stored numbers: they must not change with versions, computers or the order of names."""
    pairs = _make_pairs("abcdefghij")
    first = _deal(pairs, "random", (0.5, 0.2, 0.3), 0)
    assert first == {"train": [*"defgj"], "val": [*"ab"], "test": [*"chi"]}
    again = _deal(pairs[::-1], "random", (0.5, 0.2, 0.3), 0)
    assert {split: names[::-1] for split, names in again.items()} == first
    assert _deal(pairs, "random", (0.5, 0.2, 0.3), 1) != first


@pytest.mark.parametrize("num_night", range(4))
def test_no_split_stays_empty(num_night):
    """Three sequences for three splits, of which any may be of the night."""
    names = [f"s{k}/{frame}" for k in range(3) for frame in range(4)]
    night = [name for name in names if name < f"s{num_night}"]
    dealt = _deal(_make_pairs(names, night), "sequence")
    assert [len(part) for part in dealt.values()] == [4, 4, 4]


@pytest.mark.parametrize("seed", range(3))
def test_every_split_has_day_and_night_whatever_its_fraction(seed):
    """Three sequences of the night are enough for three splits."""
    names = [f"s{k}/{frame}" for k in range(8) for frame in range(4)]
    night = [name for name in names if name < "s3"]
    dealt = _deal(_make_pairs(names, night), "sequence", (0.9, 0.05, 0.05), seed)
    assert all(0 < sum(name in night for name in part) < len(part) for part in dealt.values())


def test_split_without_fraction_is_not_made():
    dealt = _deal(_make_pairs(SEQUENCES), "sequence", (0.8, 0.2, 0))
    assert {split: len(names) for split, names in dealt.items()} == {"train": 40, "val": 10}


@pytest.mark.parametrize(
    "fractions", [(0.5, 0.1, 0.2), (0, 0.5, 0.5), (1.2, -0.2, 0), (float("nan"), 0.5, 0.5)]
)
def test_impossible_fractions_are_refused(fractions):
    with pytest.raises(MdjaxError, match=r"fractions = .*: give three for train, val and test"):
        Dealing("random", fractions)


@pytest.mark.parametrize(
    ("names", "by", "problem"),
    [
        (["a1", "a2", "a3"], "sequence", "has one sequence for the splits train, val, test, "),
        (["a/1", "b/1"], "sequence", "has 2 sequences (a, b) for the splits train, val, test; "),
        (["a1", "a2"], "random", "has 2 pairs for the splits train, val, test; set a fraction"),
    ],
)
def test_too_few_are_one_line(names, by, problem):
    findings = Findings()
    assert _deal(_make_pairs(names), by, findings=findings) == {}
    assert findings.problems[0].startswith(problem)
    assert len(findings.problems) == 1


def test_random_splits_of_sequences_are_warned_of():
    findings = Findings()
    _deal(_make_pairs(SEQUENCES), "random", findings=findings)
    (warning,) = findings.warnings
    assert warning.startswith("8 sequences parted between splits (s0, s1, s3...): frames of one")
    names = [f"{place}_{frame}" for place in ("road", "yard") for frame in range(9)]
    findings = Findings()
    _deal(_make_pairs(names), "random", findings=findings)
    assert findings.warnings[0].startswith("2 sequences parted between splits (road_, yard_): ")


@pytest.mark.parametrize("by", ["sequence", "random"])
def test_other_splits_are_not_warned_of(by):
    """Numbers alone do not tell whether images are of one film, which a note says."""
    findings = Findings()
    names = SEQUENCES if by == "sequence" else [f"{number:04}" for number in range(20)]
    _deal(_make_pairs(names), by, findings=findings)
    assert findings.warnings == []
    told = [note for note in findings.notes if "equal up to their last number" in note]
    assert len(told) == (by == "random")
    assert findings.notes[0].startswith("dealt into splits ")


def _write_images(raw_dir, names=SEQUENCES):
    for name in names:
        for camera in ("visible", "thermal"):
            write(raw_dir / camera / f"{name}.png", b"")
    return raw_dir


def test_folder_without_splits_is_dealt(tmp_path):
    findings = Findings()
    write_list(_write_images(tmp_path) / "night.txt", ["s1/0", "s1/1", "s1/2", "s1/3", "s1/4"])
    pairs = find_split_pairs(tmp_path, findings, Dealing("sequence"))
    assert findings.problems == []
    assert Counter(len(part) for part in pairs.values()) == {35: 1, 10: 1, 5: 1}
    assert sum(pair.is_night for part in pairs.values() for pair in part) == 5


def test_folder_without_splits_says_how_to_make_them(tmp_path):
    findings = Findings()
    assert find_split_pairs(_write_images(tmp_path), findings) == {}
    assert len(findings.problems) == 20
    assert findings.problems[0] == (
        "thermal/s0: is not a split; rename it to train, val or test, or remove it; or let "
        "--split-by sequence make the splits."
    )


@pytest.mark.parametrize("kind", ["lists", "folders"])
def test_splits_that_are_there_are_not_made_again(tmp_path, kind):
    if kind == "lists":
        write_list(_write_images(tmp_path) / "train.txt", SEQUENCES)
    else:
        _write_images(tmp_path, ["train/a", "test/b"])
    findings = Findings()
    assert find_split_pairs(tmp_path, findings, Dealing("random")) == {}
    what = "the lists train.txt" if kind == "lists" else "the folders visible/train, visible/test"
    assert findings.problems == [
        f"has {what} already, so --split-by has nothing to do; omit it, or remove them."
    ]


def test_sequences_may_be_told_otherwise():
    """Ten blocks of ten successive numbers: none is parted, whatever the numbers have in common."""
    pairs = _make_pairs([f"{number:03d}" for number in range(100)])
    dealt = deal_pairs(pairs, Dealing("sequence"), Findings(), lambda name: name[:2])
    blocks = [{pair.name[:2] for pair in part} for part in dealt.values()]
    assert [len(part) for part in dealt.values()] == [70, 10, 20]
    assert not blocks[0] & blocks[1]
    assert not (blocks[0] | blocks[1]) & blocks[2]
