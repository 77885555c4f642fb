"""The role of KAIST's labels: positive, ignored or dropped."""

import dataclasses
import shlex

from data_builders.checks.annotations import Role
from mdjax.io.kaist_text import LABELS, PERSON_LABEL

UNPAIRED_LABEL = "unpaired"
"""An object that only one of two paired images shows."""

_HEAVY_OCCLUSION = 2

# For `parse_options`: a rule may have no such labels, whatever the default has.
_MAY_BE_EMPTY = {"may_be_empty": True}


@dataclasses.dataclass(frozen=True)
class KaistLabelRule:
    """Role of the labels of annotation files; a label that it does not name is refused.

    Attributes:
        positive: Labels to be found.
        ignored: Labels that are neither a miss nor a false positive.
        dropped: Labels that are omitted.
        ignored_when_heavy: Positive labels that are ignored under heavy occlusion (2).
    """

    positive: tuple[str, ...]
    ignored: tuple[str, ...] = dataclasses.field(metadata=_MAY_BE_EMPTY)
    dropped: tuple[str, ...] = dataclasses.field(default=(), metadata=_MAY_BE_EMPTY)
    ignored_when_heavy: tuple[str, ...] = dataclasses.field(default=(), metadata=_MAY_BE_EMPTY)

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels that the rule names."""
        return (*self.positive, *self.ignored, *self.dropped)

    def get_role(self, label: str, *, occlusion: int, is_marked_ignored: bool) -> Role:
        """What becomes of a box; the file's own mark in the column `ignore` counts too."""
        if label in self.dropped:
            return Role.DROPPED
        is_hidden = label in self.ignored_when_heavy and occlusion >= _HEAVY_OCCLUSION
        is_ignored = label in self.ignored or is_hidden or is_marked_ignored
        return Role.IGNORED if is_ignored else Role.POSITIVE

    def describe(self) -> str:
        """Describe the rule in words."""
        hidden = [f"{label} under heavy occlusion" for label in self.ignored_when_heavy]
        parts = {
            "positive": self.positive,
            "ignored": (*self.ignored, *hidden, "boxes marked so"),
            "dropped": self.dropped,
        }
        return "; ".join(f"{key}: {', '.join(names) or 'none'}" for key, names in parts.items())


TRAIN_RULE = KaistLabelRule(
    positive=(PERSON_LABEL, "cyclist"),
    ignored=("people", "person?", "person?a", UNPAIRED_LABEL),
    ignored_when_heavy=(PERSON_LABEL,),
)
"""What those who train on KAIST usually take. The last two labels stand in some versions of the
training annotations only."""

TEST_RULE = KaistLabelRule(positive=(PERSON_LABEL,), ignored=("people", "person?", "cyclist"))
"""As the benchmark scores; it ignores small and occluded persons by itself."""


def find_rule_faults(rule: KaistLabelRule, split: str) -> list[str]:
    """Find the labels that have no place, or more than one, in the rule of a split."""
    problems = [
        f"rule of split {split!r}: names the label {label!r} {count} times; it needs one place "
        "in positive, ignored or dropped."
        for label in dict.fromkeys([*LABELS, *rule.labels])
        if (count := rule.labels.count(label)) != 1
    ]
    return problems + [
        f"rule of split {split!r}: {label!r} is ignored when heavily occluded, but not positive."
        for label in rule.ignored_when_heavy
        if label not in rule.positive
    ]


def describe_label_remedy(rule: KaistLabelRule, split: str) -> str:
    """Name the option that defines an unknown label.

    One line covers all unknown labels of a split: most of them are in many files.
    """
    option = "--test-rule" if split == "test" else "--train-rule"
    return (
        f"split {split!r} has unknown labels: {option}.ignored "
        f"{shlex.join([*rule.ignored, 'LABEL'])} defines one as ignored; {option}.positive and "
        f"{option}.dropped work the same way."
    )
