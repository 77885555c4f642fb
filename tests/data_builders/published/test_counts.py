from data_builders.published.counts import compare_counts
from mdjax.io.findings import Findings

PUBLISHED = {"train": 12_025, "test": 3_463}


def _compare(**counts):
    findings = Findings()
    pairs = {split: range(count) for split, count in counts.items()}
    compare_counts("LLVIP", PUBLISHED, pairs, findings)
    assert findings.problems == []
    return findings


def test_a_part_is_said_in_one_note():
    findings = _compare(train=120)
    assert findings.notes == [
        "LLVIP is a part: has 120 of 12,025 train pairs, 0 of 3,463 test pairs; its scores are not "
        "comparable with published ones."
    ]
    assert findings.warnings == []


def test_the_whole_is_said_to_be_whole():
    findings = _compare(train=12_025, test=3_463)
    assert findings.notes == ["LLVIP is whole: 12,025 train, 3,463 test pairs, as published."]


def test_more_pairs_than_published_are_warned_of():
    findings = _compare(train=12_026, test=3_463)
    assert findings.notes == []
    assert findings.warnings == [
        "LLVIP has 12,026 of 12,025 train pairs, 3,463 of 3,463 test pairs, more than were "
        "published; remove what does not belong to it, or do not compare its scores with published "
        "ones."
    ]
