"""What a KAIST download looks like, and the check of one before it is prepared.

Hwang et al., "Multispectral pedestrian detection: Benchmark dataset and baseline", CVPR 2015:

    images/set06/V000/visible/I00019.jpg (or .png)   640x512
    images/set06/V000/lwir/I00019.jpg (or .png)      thermal, same size

and lists with one name, `set06/V000/I00019`, a line. Annotations are in circulation in several
versions; a folder of them has one of three layouts, found by the files that are there:

    set06/V000/I00019.txt                  original, and sanitized (Li et al., BMVC 2018)
    set06/V000/{visible,lwir}/I00019.txt   paired, a box in each image (Zhang et al., ICCV 2019)
    set06_V000_I00019.txt                  improved, for testing (Liu et al., BMVC 2016)

Of a paired object, the larger occlusion of both files counts; it is ignored where either file marks
it so, or calls it `unpaired`. `data_builders.kaist.labels` has what becomes of each label.

`mdjax.io.kaist_text` reads all of them; their pixels count from 1, those of records from 0.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from data_builders.checks.annotations import AnnotatedObject, BoxXyxy, ClassNames, RawPair
from data_builders.checks.dataset import CheckedPairs, check_pairs
from data_builders.kaist.labels import (
    UNPAIRED_LABEL,
    KaistLabelRule,
    describe_label_remedy,
    find_rule_faults,
)
from mdjax.io.findings import Findings, Problem, get_pair_names
from mdjax.io.kaist_text import (
    PERSON_LABEL,
    KaistAnnotation,
    is_night_image,
    read_annotation,
    read_image_list,
)
from mdjax.types import MdjaxError

CLASS_NAMES = (PERSON_LABEL,)
"""The one class: a cyclist, where positive, is a person too."""

_IMAGE_SUFFIXES = (".jpg", ".png", ".JPG", ".PNG")
_KNOWN_LISTS = {
    25_086: "every second image of the sets 00-05",
    8_892: "the training list of AR-CNN",
    7_601: "the sanitized training list",
    2_252: "the test list",
}


@dataclasses.dataclass(frozen=True)
class KaistSplit:
    """The files of one split."""

    image_list: Path
    annotations: Path
    """Folder of annotation files, of any of the three layouts."""
    rule: KaistLabelRule


def check_raw_kaist(
    raw_dir: Path,
    splits: Mapping[str, KaistSplit],
    *,
    skip_faulty: bool = False,
    show_progress: bool = False,
) -> CheckedPairs:
    """Check every listed pair with its annotations and report all faults in one message.

    Args:
        raw_dir: Folder with `images/`.
        splits: Files of each split by its name, at least of one.
        skip_faulty: Leave out the pairs that faults concern, see `check_pairs`.
        show_progress: Draw a progress bar on standard error.

    Raises:
        MdjaxError: There are faults; the message has a line for each kind.
    """
    if not splits:
        raise MdjaxError("KAIST: name at least one list of images, --train-list or --test-list.")
    raw_dir = Path(raw_dir)
    findings = Findings()
    image_dir = raw_dir / "images"
    has_images = image_dir.is_dir()
    if not has_images:
        findings.problems.append(
            f"{image_dir}: folder is missing; give --raw the folder that holds it."
        )
    pairs: dict[str, list[RawPair]] = {}
    for split, files in splits.items():
        num_problems = len(findings.problems)
        findings.problems += find_rule_faults(files.rule, split)
        try:
            names = read_image_list(files.image_list)
        except MdjaxError as error:
            findings.problems.append(_to_one_line(error))
            continue
        layout = _find_layout(files.annotations, names, findings)
        # Where a whole folder is missing, a line for each of its files would hide that.
        objects: dict[str, tuple[AnnotatedObject, ...]] = {}
        if layout is not None:
            for name in names:
                with findings.of_pair(name):
                    objects[name] = _read_objects(files, layout, name, findings)
            known = _KNOWN_LISTS.get(len(names))
            findings.notes.append(
                f"{split}: {len(names)} names in {files.image_list}"
                f"{f' ({known})' if known else ''}, annotations {layout.text} in "
                f"{files.annotations}."
            )
        pairs[split] = [
            _find_pair(image_dir, name, objects.get(name, ()), findings) for name in names
        ]
        findings.notes.append(f"{split}: {files.rule.describe()}.")
        # The reader says of a label that the rule lacks it, but knows no option that adds one.
        if unknown := [x for x in findings.problems[num_problems:] if "unknown label" in x]:
            names_of_unknown = (name for x in unknown for name in get_pair_names(x))
            remedy = describe_label_remedy(files.rule, split)
            findings.problems.append(Problem(remedy, *dict.fromkeys(names_of_unknown)))
    return check_pairs(
        raw_dir,
        "KAIST",
        pairs,
        findings,
        ClassNames(CLASS_NAMES),
        has_folders=has_images,
        is_published=True,
        skip_faulty=skip_faulty,
        show_progress=show_progress,
    )


@dataclasses.dataclass(frozen=True)
class _Layout:
    """How annotation files are named."""

    text: str
    is_flat: bool = False
    is_paired: bool = False

    def get_paths(self, folder: Path, name: str) -> list[Path]:
        """The annotation file of the visible image, and that of the thermal image where paired."""
        if self.is_flat:
            return [folder / f"{name.replace('/', '_')}.txt"]
        if not self.is_paired:
            return [folder / f"{name}.txt"]
        video, _, image = name.rpartition("/")
        return [folder / video / part / f"{image}.txt" for part in ("visible", "lwir")]


_LAYOUTS = (
    _Layout("setXX/VYYY/IZZZZZ.txt"),
    _Layout("setXX/VYYY/{visible,lwir}/IZZZZZ.txt", is_paired=True),
    _Layout("setXX_VYYY_IZZZZZ.txt", is_flat=True),
)


def _find_layout(folder: Path, names: tuple[str, ...], findings: Findings) -> _Layout | None:
    """The layout that has a file for most names, None where there are no files at all."""
    if not folder.is_dir():
        findings.problems.append(f"{folder}: folder of annotations is missing.")
        return None
    counts = [
        sum(path.is_file() for name in names for path in layout.get_paths(folder, name))
        / (2 if layout.is_paired else 1)
        for layout in _LAYOUTS
    ]
    if not any(counts):
        findings.problems.append(
            f"{folder}: holds no annotation of the {len(names)} listed images, neither as "
            f"{' nor as '.join(layout.text for layout in _LAYOUTS)}; give the folder that holds "
            "them."
        )
        return None
    return _LAYOUTS[counts.index(max(counts))]


def _find_pair(
    image_dir: Path, name: str, objects: tuple[AnnotatedObject, ...], findings: Findings
) -> RawPair:
    video, _, image = name.rpartition("/")
    folder = image_dir / video
    with findings.of_pair(name):
        visible = _find_image(folder / "visible" / image, findings)
        thermal = _find_image(folder / "lwir" / image, findings)
    return RawPair(
        name=name,
        visible=visible,
        thermal=thermal,
        is_night=is_night_image(name),
        objects=objects,
    )


def _find_image(stem: Path, findings: Findings) -> Path:
    """The file with the ending that is there; a name that tells both where there is none."""
    paths = [stem.with_name(f"{stem.name}{suffix}") for suffix in _IMAGE_SUFFIXES]
    present = [path for path in paths if path.is_file()]
    if not present:
        return stem.with_name(f"{stem.name}.{{jpg,png}}")
    findings.problems += [
        f"{present[0]}: {path.name} has the same name; keep one of them."
        for path in present[1:]
        # Where a file system knows no case, one file answers to two names.
        if not path.samefile(present[0])
    ]
    return present[0]


def _read_objects(
    files: KaistSplit, layout: _Layout, name: str, findings: Findings
) -> tuple[AnnotatedObject, ...]:
    annotations: list[KaistAnnotation] = []
    paths = layout.get_paths(files.annotations, name)
    for path in paths:
        try:
            annotations.append(read_annotation(path, labels=files.rule.labels))
        except MdjaxError as error:
            findings.problems.append(_to_one_line(error))
    if len(annotations) < len(paths):
        return ()
    visible, thermal = annotations[0], annotations[-1]
    if not _are_paired(visible.labels, thermal.labels):
        findings.problems.append(
            f"{paths[0]}: has the boxes {_join(visible.labels)}, but {paths[-1]} has "
            f"{_join(thermal.labels)}; both need the same in the same order."
        )
        return ()
    boxes, thermal_boxes = _get_boxes(visible), _get_boxes(thermal)
    objects: list[AnnotatedObject] = []
    for i, label in enumerate(visible.labels):
        label = UNPAIRED_LABEL if thermal.labels[i] == UNPAIRED_LABEL else label
        occlusion = int(max(visible.occlusion[i], thermal.occlusion[i]))
        is_marked = bool(visible.is_ignored[i] or thermal.is_ignored[i])
        role = files.rule.get_role(label, occlusion=occlusion, is_marked_ignored=is_marked)
        objects.append(
            AnnotatedObject(
                box_xyxy=boxes[i],
                label=label,
                class_id=0,
                role=role,
                where=f"{paths[0]}, box {i + 1}",
                occlusion=occlusion,
                thermal_box_xyxy_px=thermal_boxes[i] if layout.is_paired else None,
            )
        )
    return tuple(objects)


def _are_paired(labels: tuple[str, ...], thermal_labels: tuple[str, ...]) -> bool:
    """Whether two files name the same objects in the same order."""
    return len(labels) == len(thermal_labels) and all(
        label == other or UNPAIRED_LABEL in (label, other)
        for label, other in zip(labels, thermal_labels, strict=True)
    )


def _to_one_line(error: MdjaxError) -> str:
    """A file with several faults is one line of the message about all files."""
    return " ".join(str(error).split())


def _join(labels: tuple[str, ...]) -> str:
    return ", ".join(labels) or "none"


def _get_boxes(annotation: KaistAnnotation) -> list[BoxXyxy]:
    return [
        (float(left), float(top), float(right), float(bottom))
        for left, top, right, bottom in annotation.to_boxes_xyxy_px()
    ]
