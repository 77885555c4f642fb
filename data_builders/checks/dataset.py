"""Annotated image pairs of any layout, and the check of their files before they are prepared.

Each data set's `layout.py` finds the files and reads the annotations; what is common to all is
here: pairs, their check, and what a checked data set says of itself.
"""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from data_builders.checks.annotations import ClassNames, RawPair, Role
from data_builders.checks.faults import FaultyFilesError
from data_builders.checks.fingerprint import compute_fingerprint
from data_builders.checks.left_out import (
    LeftOut,
    find_emptied_splits,
    find_faulty_pairs,
    leave_out,
    warn_of_left_out,
)
from data_builders.checks.near_copies import PairHash, warn_of_near_copies
from data_builders.checks.notes import note_reports
from data_builders.checks.pair_faults import find_pair_faults
from data_builders.checks.pair_files import PairReport, PairRequirements, check_pair_files
from data_builders.checks.plausibility import (
    warn_of_blank_images,
    warn_of_empty_splits,
    warn_of_hidden_counts,
    warn_of_lost_boxes,
    warn_of_shift,
    warn_of_small_boxes,
)
from data_builders.checks.thermal_values import (
    warn_of_range,
)
from mdjax.io.findings import Findings, get_pair_names, group_problems

DEFAULT_CONFIG = "default"
"""Name of a prepared version where no other name is given."""


@dataclasses.dataclass(frozen=True)
class CheckedPairs:
    """A checked data set, ready to be written."""

    folder: Path
    pairs: dict[str, tuple[RawPair, ...]]
    """By split; boxes are in pixels, clipped, and without those that are dropped."""
    class_names: ClassNames
    thermal_range_counts: tuple[int, int] | None
    """Counts of a 16-bit thermal image that map to black and white; None for 8 bits."""
    num_thermal_channels: int
    has_thermal_boxes: bool
    box_counts: dict[str, dict[str, dict[Role, int]]]
    """Number of boxes by split, label and role."""
    class_pixels: dict[str, tuple[int, ...]]
    """Pixels of each class by split; empty tuples where there are no label maps."""
    fingerprint: str
    """Of names, splits, files, boxes and what becomes of them: equal for equal data sets."""
    warnings: tuple[str, ...]
    """Probable mistakes that may be intended."""
    notes: tuple[str, ...]
    config_name: str = DEFAULT_CONFIG
    """Of this version of the data set, where nobody names it otherwise."""
    left_out: LeftOut = dataclasses.field(default_factory=dict)
    """Faulty pairs, which are not among the pairs."""

    @property
    def has_four_channels(self) -> bool:
        """Whether the thermal image is the fourth channel of the visible one."""
        return any(pair.thermal is None for pairs in self.pairs.values() for pair in pairs)

    @property
    def max_objects(self) -> int:
        """Largest number of boxes of one image."""
        return max(len(pair.objects or ()) for pairs in self.pairs.values() for pair in pairs)


def check_pairs(
    folder: Path,
    title: str,
    pairs: Mapping[str, Sequence[RawPair]],
    findings: Findings,
    class_names: ClassNames,
    *,
    thermal_range_counts: tuple[int, int] | None = None,
    may_have_uncounted_pixels: bool = True,
    is_published: bool = False,
    has_folders: bool = True,
    skip_faulty: bool = False,
    show_progress: bool = False,
) -> CheckedPairs:
    """Check every file and box, and report all faults in one message.

    Present, whole, three channels visible and one thermal (or equal ones), or both in one PNG of
    four channels; the same field of view; label maps of the visible image's size with known class
    ids; boxes with an area, inside their image. Boxes that extend beyond it are clipped and
    counted. No name twice or in two splits, not even mirrored; no empty split. Values that the
    format allows, but that cannot be intended, are faults too, or warnings if they may be intended.

    Args:
        folder: Folder of the data set, for messages.
        title: Title of the data set, for messages.
        pairs: Pairs by split.
        findings: What reading the layout has found.
        class_names: Classes of boxes and of label maps.
        thermal_range_counts: Needed for, and allowed only with, thermal images of 16 bits; at
            least half of their pixels lie inside.
        may_have_uncounted_pixels: Whether label maps may hold 255, which is not counted.
        is_published: Whether the data set is used as published: duplicate boxes, and images that
            are in two splits under two names, are then warnings. In the user's own files they are
            faults.
        has_folders: False if a folder is missing, which is among the findings: the files are then
            not checked, because one line for each of them would hide that.
        skip_faulty: Leave out the pairs that faults concern, if something is left of each split.
        show_progress: Draw a progress bar on standard error.

    Raises:
        FaultyFilesError: There are faults.
    """
    requirements = PairRequirements(
        root=folder,
        num_label_classes=len(class_names.labels),
        may_have_uncounted_pixels=may_have_uncounted_pixels,
        thermal_range=thermal_range_counts,
    )
    distinct = {pair.name: pair for split_pairs in pairs.values() for pair in split_pairs}
    reports: dict[str, PairReport] = {}
    if has_folders:
        reports = check_pair_files(distinct, requirements, title=title, show_progress=show_progress)
    found = find_pair_faults(pairs, reports, thermal_range_counts, is_published=is_published)
    problems = [*findings.problems, *found.problems, *([] if is_published else found.repeated)]
    left_out: LeftOut = {}
    if skip_faulty and problems:
        left_out = find_faulty_pairs(problems)
        rest = leave_out(pairs, left_out)
        reports = {name: report for name, report in reports.items() if name not in left_out}
        found = find_pair_faults(
            {split: part for split, part in rest.items() if part or not pairs[split]},
            reports,
            thermal_range_counts,
            is_published=is_published,
        )
        of_pairs = [problem for problem in problems if get_pair_names(problem)]
        problems = [problem for problem in findings.problems if not get_pair_names(problem)]
        problems += [*find_emptied_splits(pairs, rest), *found.problems]
        problems += [] if is_published else found.repeated
        # Why nothing is left of a split is told too.
        problems += of_pairs if problems else []
        pairs = rest
    if problems:
        rest = leave_out(pairs, find_faulty_pairs(problems))
        raise FaultyFilesError(
            folder,
            title,
            problems,
            warnings=findings.warnings,
            notes=findings.notes,
            can_skip=not skip_faulty and not find_emptied_splits(pairs, rest),
        )
    thermal = [report.thermal for report in reports.values() if report.thermal is not None]
    checked = {
        split: tuple(_finish_pair(pair, reports[pair.name]) for pair in split_pairs)
        for split, split_pairs in pairs.items()
    }
    box_counts = {split: _count_boxes(part, checked[split]) for split, part in pairs.items()}
    warnings = [
        *warn_of_left_out(left_out, sum(map(len, pairs.values()))),
        *findings.warnings,
        *group_problems(found.repeated).lines,
        *warn_of_range(thermal, thermal_range_counts),
        *([] if is_published else warn_of_near_copies(pairs, _get_hashes(reports))),
        *warn_of_blank_images(reports),
        *warn_of_hidden_counts(reports),
        *warn_of_shift(reports),
        *warn_of_lost_boxes(reports),
        *warn_of_small_boxes(reports),
        *warn_of_empty_splits(
            pairs, reports, box_counts, num_object_classes=len(class_names.objects)
        ),
    ]
    return CheckedPairs(
        folder=folder,
        pairs=checked,
        class_names=class_names,
        thermal_range_counts=thermal_range_counts,
        num_thermal_channels=max(report.num_thermal_channels for report in reports.values()),
        has_thermal_boxes=any(
            item.thermal_box_xyxy_px is not None
            for split_pairs in checked.values()
            for pair in split_pairs
            for item in pair.objects or ()
        ),
        box_counts=box_counts,
        class_pixels={
            split: tuple(
                sum(reports[pair.name].class_pixels[k] for pair in split_pairs)
                for k in range(len(class_names.labels))
            )
            for split, split_pairs in pairs.items()
        },
        fingerprint=compute_fingerprint(checked, reports, class_names, thermal_range_counts),
        warnings=tuple(warnings),
        notes=(*findings.notes, *note_reports(reports)),
        left_out=left_out,
    )


def _get_hashes(reports: Mapping[str, PairReport]) -> dict[str, PairHash]:
    hashes = {name: report.pair_hash for name, report in reports.items()}
    return {name: pair_hash for name, pair_hash in hashes.items() if pair_hash is not None}


def _finish_pair(pair: RawPair, report: PairReport) -> RawPair:
    objects = None if pair.objects is None else tuple(report.boxes.objects)
    return dataclasses.replace(pair, objects=objects, has_relative_boxes=False)


def _count_boxes(
    pairs: Sequence[RawPair], checked: Sequence[RawPair]
) -> dict[str, dict[Role, int]]:
    """Count what becomes of boxes; those that are dropped are no more in the checked pairs."""
    counts = Counter((item.label, item.role) for pair in checked for item in pair.objects or ())
    counts += Counter(
        (item.label, item.role)
        for pair in pairs
        for item in pair.objects or ()
        if item.role is Role.DROPPED
    )
    labels = sorted({label for label, _ in counts})
    return {label: {role: counts[label, role] for role in Role} for label in labels}
