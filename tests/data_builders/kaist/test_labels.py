import dataclasses

import pytest

from data_builders.checks.annotations import Role
from data_builders.kaist.labels import (
    TEST_RULE,
    TRAIN_RULE,
    KaistLabelRule,
    describe_label_remedy,
    find_rule_faults,
)


@pytest.mark.parametrize(
    ("label", "occlusion", "in_training", "in_testing"),
    [
        ("person", 0, Role.POSITIVE, Role.POSITIVE),
        ("person", 1, Role.POSITIVE, Role.POSITIVE),
        ("person", 2, Role.IGNORED, Role.POSITIVE),
        ("cyclist", 0, Role.POSITIVE, Role.IGNORED),
        ("cyclist", 2, Role.POSITIVE, Role.IGNORED),
        ("people", 0, Role.IGNORED, Role.IGNORED),
        ("person?", 0, Role.IGNORED, Role.IGNORED),
    ],
)
def test_default_rules_give_each_label_its_role(label, occlusion, in_training, in_testing):
    options = {"occlusion": occlusion, "is_marked_ignored": False}
    assert TRAIN_RULE.get_role(label, **options) is in_training
    assert TEST_RULE.get_role(label, **options) is in_testing


@pytest.mark.parametrize("label", ["person?a", "unpaired"])
def test_labels_of_training_files_are_ignored_in_training(label):
    assert TRAIN_RULE.get_role(label, occlusion=0, is_marked_ignored=False) is Role.IGNORED
    assert label not in TEST_RULE.labels


def test_mark_of_the_file_ignores_a_positive_label_and_keeps_a_dropped_one_out():
    rule = KaistLabelRule(positive=("person",), ignored=(), dropped=("people",))
    assert rule.get_role("person", occlusion=0, is_marked_ignored=True) is Role.IGNORED
    assert rule.get_role("people", occlusion=0, is_marked_ignored=True) is Role.DROPPED


def test_rule_describes_itself():
    assert TRAIN_RULE.describe() == (
        "positive: person, cyclist; ignored: people, person?, person?a, unpaired, person under "
        "heavy occlusion, boxes marked so; dropped: none"
    )


@pytest.mark.parametrize("rule", [TRAIN_RULE, TEST_RULE])
def test_default_rules_have_no_fault(rule):
    assert find_rule_faults(rule, "train") == []


def test_label_without_place_or_with_two_is_a_fault():
    rule = dataclasses.replace(TEST_RULE, positive=("person", "people"), ignored=("people",))
    assert [fault.partition(";")[0] for fault in find_rule_faults(rule, "val")] == [
        "rule of split 'val': names the label 'people' 2 times",
        "rule of split 'val': names the label 'person?' 0 times",
        "rule of split 'val': names the label 'cyclist' 0 times",
    ]


def test_label_that_is_hidden_without_being_positive_is_a_fault():
    rule = dataclasses.replace(TEST_RULE, ignored_when_heavy=("people",))
    assert find_rule_faults(rule, "test") == [
        "rule of split 'test': 'people' is ignored when heavily occluded, but not positive."
    ]


@pytest.mark.parametrize(("split", "option"), [("val", "--train-rule"), ("test", "--test-rule")])
def test_remedy_names_the_option_of_the_split(split, option):
    assert describe_label_remedy(TEST_RULE, split) == (
        f"split '{split}' has unknown labels: {option}.ignored people 'person?' cyclist LABEL "
        f"defines one as ignored; {option}.positive and {option}.dropped work the same way."
    )
