"""`mdjax score-detections`: score a detection file of any detector."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro

from mdjax.cli.options import parse_options
from mdjax.cli.output import print_json
from mdjax.io.kaist_detections import read_detections
from mdjax.io.kaist_text import (
    KAIST_IMAGE_SIZE_HW,
    PERSON_LABEL,
    KaistAnnotation,
    is_night_image,
    read_annotations,
    read_image_list,
)
from mdjax.metrics.box_matching import ScoredBoxes, TrueBoxes
from mdjax.metrics.miss_rate import (
    SUBSETS,
    MissRate,
    Rule,
    Subset,
    compute_miss_rates,
)
from mdjax.runs.miss_rate_curves import check_curve, write_miss_rate_curves

_OCCLUSION_NAMES = ("none", "partial", "heavy")


@dataclass(frozen=True)
class ScoreDetections:
    """Score a detection file by KAIST's rules; needs no network and no device.

    Attributes:
        benchmark: The benchmark whose file formats and rules apply.
        annotations: Folder with an annotation file for each image in the list.
        image_list: File with the names of the images, in the order used in the detection file.
        detections: File with lines of image (from 1), x, y, w, h, score, separated by commas.
        rule: The official Matlab code, or the widespread Python script.
        json: Print one JSON object instead of the table.
        curve: PNG file for the plot of miss rate over false positives per image; the numbers go
            to a .csv file of the same name.
    """

    benchmark: tyro.conf.Positional[Annotated[Literal["kaist"], tyro.conf.arg(metavar="kaist")]]
    annotations: Path
    image_list: Path
    detections: Path
    rule: Rule = "matlab"
    json: bool = False
    curve: Path | None = None


@dataclass(frozen=True)
class KaistScores:
    """The scores of one detection file.

    Attributes:
        miss_rates: Miss rates by name of the subset.
        num_detections: Number of lines in the file.
    """

    miss_rates: Mapping[str, MissRate]
    num_detections: int


def run_score_detections(arguments: Sequence[str]) -> int:
    """Run `mdjax score-detections kaist --annotations DIR --image-list FILE --detections FILE`."""
    command: ScoreDetections = parse_options(
        ScoreDetections, arguments, prog="mdjax score-detections"
    )
    if command.curve is not None:
        check_curve(command.curve, command.detections, command.image_list)
    scores = score_kaist_files(
        command.annotations, command.image_list, command.detections, rule=command.rule
    )
    if command.curve is not None:
        title = f"{command.detections.name} ({command.rule} rule)"
        write_miss_rate_curves({PERSON_LABEL: scores.miss_rates}, command.curve, title=title)
    if command.json:
        files = ("annotations", "image_list", "detections")
        print_json(
            {
                "benchmark": command.benchmark,
                "rule": command.rule,
                **{name: getattr(command, name) for name in files},
                **_to_plain(scores),
            }
        )
    else:
        print(format_kaist_scores(scores, command.rule))
    return 0


def score_kaist_files(
    annotations: Path, image_list: Path, detections: Path, *, rule: Rule = "matlab"
) -> KaistScores:
    """Score a detection file against annotation files, without preparing a data set.

    `person` counts; `people`, `person?` and `cyclist` are regions to ignore.

    Args:
        annotations: Folder of annotation files.
        image_list: Names of the images.
        detections: The detection file.
        rule: See `compute_miss_rates`.

    Raises:
        MdjaxError: Files are missing or have bad lines.
    """
    names = read_image_list(image_list)
    is_night = np.array([is_night_image(name) for name in names])
    size_hw = KAIST_IMAGE_SIZE_HW
    found = read_detections(detections, num_images=len(names), image_size_hw=size_hw)
    truths = read_annotations(annotations, names, image_size_hw=size_hw)
    miss_rates = compute_miss_rates(
        [ScoredBoxes(image.boxes_xywh_px, image.scores) for image in found],
        [_to_true_boxes(image) for image in truths],
        image_sizes_hw=[size_hw] * len(names),
        is_night=is_night,
        rule=rule,
    )
    return KaistScores(miss_rates, sum(len(image.scores) for image in found))


def format_kaist_scores(scores: KaistScores, rule: Rule) -> str:
    """Return a text table that explains what each number means."""
    lines = [
        f"KAIST, log-average miss rate in percent, {rule} rule; {scores.num_detections} detections",
        "",
        f"{'subset':18} {'miss rate':>9} {'persons':>8} {'images':>7}  who counts",
    ]
    for subset in SUBSETS:
        score = scores.miss_rates[subset.name]
        lines.append(
            f"{subset.name:18} {score.percent:9.2f} {score.num_boxes:8d} {score.num_images:7d}  "
            f"{_describe(subset)}"
        )
    return "\n".join(lines)


def _describe(subset: Subset) -> str:
    limits = (
        f"height >= {subset.min_height_px:g}"
        if subset.max_height_px == float("inf")
        else f"height {subset.min_height_px:g} to {subset.max_height_px:g}"
    )
    return f"{limits}, occlusion {'/'.join(_OCCLUSION_NAMES[k] for k in subset.occlusions)}"


def _to_true_boxes(annotation: KaistAnnotation) -> TrueBoxes:
    is_other = np.array([label != PERSON_LABEL for label in annotation.labels], bool)
    return TrueBoxes(
        annotation.boxes_xywh_px, annotation.is_ignored | is_other, annotation.occlusion
    )


def _to_plain(scores: KaistScores) -> dict[str, Any]:
    miss_rates = scores.miss_rates
    reference = next(iter(miss_rates.values())).reference_fppi
    return {
        **{f"miss_rate_{name}": score.percent for name, score in miss_rates.items()},
        "num_images": {name: score.num_images for name, score in miss_rates.items()},
        "num_boxes": {name: score.num_boxes for name, score in miss_rates.items()},
        "num_detections": scores.num_detections,
        "curve": {
            "fppi": reference,
            "miss_rate_percent": {
                name: 100 * score.miss_rate_at_reference for name, score in miss_rates.items()
            },
        },
    }
