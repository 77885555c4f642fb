"""What the rows so far say of the paper's claims: confirmed, refuted or open.

    python -m experiments.claims            # from the folder of the project

Reads the rows that `mdjax reproduce` has kept, trains nothing, and writes
`experiments/results/claims.md`. A claim is a difference with a direction: confirmed where it is
better beyond the noise, refuted where it is worse, see `Interval.judge`. All claims about one score
of one setting are judged together: their p-values are corrected by Holm's method.
"""

from dataclasses import dataclass
from pathlib import Path

import tyro

from experiments.tables.rows import create_all_rows
from experiments.tables.settings import (
    MFNET_MEDIUM,
    MFNET_PRETRAINED,
    MFNET_SMALL,
    MSRS_SMALL,
)
from mdjax.io.json_file import write_text
from mdjax.statistics.interval import Interval, correct_by_holm, format_p_value
from mdjax.statistics.pooling import PairedBootstrap
from mdjax.studies.jobs import find_twins
from mdjax.studies.kept_rows import KeptRows
from mdjax.studies.rows import DISTILLED, NATIVE, STUDENT, TEACHER, VISIBLE
from mdjax.studies.table import Setting, format_interval

RESULTS_DIR = Path(__file__).parent / "results"
LABELS, PERSONS = ("mAcc all", "mIoU all"), ("MR all", "AP50 all")
SCRATCH = ((MFNET_SMALL, LABELS), (MSRS_SMALL, PERSONS))
MEDIUM = ((MFNET_MEDIUM, LABELS),)
PRETRAINED = ((MFNET_PRETRAINED, LABELS),)
WORDS = {"better": "confirmed", "worse": "refuted", "open": "open"}


@dataclass(frozen=True)
class Claim:
    """A claim of the paper as a difference that it says is for the better.

    Attributes:
        text: What is claimed.
        minuend: Row that is said to be better.
        subtrahend: Than this one.
        judged_by: Settings and their scores.
    """

    text: str
    minuend: str
    subtrahend: str
    judged_by: tuple[tuple[Setting, tuple[str, ...]], ...]


CLAIMS = (
    Claim(
        "feature-level fusion is better than image-level fusion", TEACHER, NATIVE, SCRATCH + MEDIUM
    ),
    Claim("image-level fusion is better than the visible image alone", NATIVE, VISIBLE, SCRATCH),
    Claim(
        "the night needs thermal",
        NATIVE,
        VISIBLE,
        ((MFNET_SMALL, ("mAcc night",)), (MSRS_SMALL, ("MR night",))),
    ),
    Claim("MD is better than the native student at 16x", DISTILLED, NATIVE, SCRATCH + MEDIUM),
    Claim(
        "the same, and by its teacher: MD is better than its student alone",
        DISTILLED,
        STUDENT,
        SCRATCH + MEDIUM,
    ),
    Claim("F-MSE is better than the MSE", "distilled-focal", "distilled-mse", MEDIUM + SCRATCH),
    Claim(
        "attention transfer adds to semantic transfer",
        "distilled-focal",
        "distilled-focal-alone",
        PRETRAINED + SCRATCH,  # At the medium size the teacher's attention is not guided.
    ),
    Claim(
        "the same, added to the MSE",
        "distilled-mse",
        "distilled-mse-alone",
        SCRATCH,
    ),
)


@dataclass(frozen=True)
class Arguments:
    """How exact the intervals are.

    Attributes:
        num_draws: Of the bootstrap.
    """

    num_draws: int = 1_000


def main() -> None:
    """Print and write the table."""
    arguments = tyro.cli(Arguments, description=__doc__)
    lines = [
        "`python -m experiments.claims`: percent points, test images of all folds pooled, 95 %",
        f"intervals by {arguments.num_draws} draws of a paired bootstrap over seeds and images. MR",
        "is a miss rate: less is better. `k of n`: seeds in which the sign is the same. Claims",
        "about one score of one setting are judged together: p is corrected by Holm. What is",
        "confirmed or refuted has at most 0.05, and three seeds or more.",
        "",
        "| claim of the paper | difference | setting | seeds | score | points | p | so it is |",
        "|---|---|---|---|---|---|---|---|",
    ]
    measured = _measure(arguments.num_draws)
    for claim in CLAIMS:
        for setting, titles in claim.judged_by:
            for title in titles:
                found = measured[setting.name, title][claim.text]
                word = found.judge(is_lower_better=title in setting.lower_is_better)
                points = format_interval(found) if found.num_seeds else "not measured"
                p = format_p_value(found.p_value) if found.num_seeds else ""
                lines.append(
                    f"| {claim.text} | {claim.minuend} - {claim.subtrahend} | {setting.name} | "
                    f"{found.num_seeds} | {title} | {points} | {p} | {WORDS[word]} |"
                )
    text = "\n".join(lines)
    print(text)
    write_text(RESULTS_DIR / "claims.md", text + "\n")


def _measure(num_draws: int) -> dict[tuple[str, str], dict[str, Interval]]:
    """Estimate all differences: by setting and score, corrected together, by claim."""
    settings = {
        (setting.name, title): setting
        for claim in CLAIMS
        for setting, titles in claim.judged_by
        for title in titles
    }
    measured = {}
    for (name, title), setting in settings.items():
        twins = find_twins(create_all_rows(setting.recipe))
        bootstrap = _draw(setting, title, num_draws)
        judged = [
            claim
            for claim in CLAIMS
            if any(x.name == name and title in titles for x, titles in claim.judged_by)
        ]
        found = [
            bootstrap.estimate_difference(twins[claim.minuend], twins[claim.subtrahend])
            for claim in judged
        ]
        texts = [claim.text for claim in judged]
        measured[name, title] = dict(zip(texts, correct_by_holm(found), strict=True))
    return measured


def _draw(setting: Setting, title: str, num_draws: int) -> PairedBootstrap:
    kept = KeptRows(RESULTS_DIR / setting.name)
    images = {
        row: {found.seed: found.images for found in kept.read_all(row, print)}
        for row in create_all_rows(setting.recipe)
    }
    return PairedBootstrap(images, setting.scores[title], num_draws=num_draws)


if __name__ == "__main__":
    main()
