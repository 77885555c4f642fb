"""What the evidence says of the paper's claims: confirmed, refuted or open.

    python -m experiments.claims            # from the folder of the project

Reads the rows that `experiments/evidence.py` has left, trains nothing, and writes
`experiments/results/claims.md`. A claim is a difference with a direction; see
`PooledDifference.judge_claim` for when it is confirmed, refuted or open.
"""

from dataclasses import dataclass

import tyro

from experiments.evidence import (
    EVIDENCE,
    MSE,
    NO_ATTENTION,
    RESULTS_DIR,
    format_difference,
    get_folder,
    read_images,
)
from mdjax.io.json_file import write_text
from mdjax.studies.pooling import estimate_pooled_difference
from mdjax.studies.rows import DISTILLED, NATIVE, STUDENT, TEACHER, VISIBLE

LABELS, PERSONS = ("mAcc all", "mIoU all"), ("MR all", "AP50 all")
BOTH = {"mfnet": LABELS, "msrs": PERSONS}
PRETRAINED = {"mfnet-pretrained": LABELS}


@dataclass(frozen=True)
class Claim:
    """A claim of the paper as a difference that it says is for the better.

    Attributes:
        text: What is claimed.
        minuend: Row that is said to be better.
        subtrahend: Than this one.
        scores: By which scores of which evidence it is judged.
    """

    text: str
    minuend: str
    subtrahend: str
    scores: dict[str, tuple[str, ...]]


CLAIMS = (
    Claim("feature-level fusion is better than image-level fusion", TEACHER, NATIVE, BOTH),
    Claim("image-level fusion is better than the visible image alone", NATIVE, VISIBLE, BOTH),
    Claim(
        "the night needs thermal",
        NATIVE,
        VISIBLE,
        {"mfnet": ("mAcc night",), "msrs": ("MR night",)},
    ),
    Claim("MD is better than the native student at 16x", DISTILLED, NATIVE, BOTH | PRETRAINED),
    Claim(
        "the same, and by its teacher: MD is better than its student alone",
        DISTILLED,
        STUDENT,
        BOTH | PRETRAINED,
    ),
    Claim("F-MSE is better than the MSE", DISTILLED, MSE, PRETRAINED),
    Claim("attention transfer adds to semantic transfer", DISTILLED, NO_ATTENTION, PRETRAINED),
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
    images = {
        name: read_images(get_folder(name), list(evidence.create_rows(lambda config: config)))
        for name, evidence in EVIDENCE.items()
    }
    lines = [
        "`python -m experiments.claims`: percent points, test images of all folds pooled, 95 %",
        f"intervals by {arguments.num_draws} draws of a paired bootstrap over seeds and images. MR",
        "is a miss rate: less is better. `k of n`: seeds in which the sign is the same.",
        "",
        "| claim of the paper | difference | evidence | seeds | score | points | so it is |",
        "|---|---|---|---|---|---|---|",
    ]
    for claim in CLAIMS:
        names = claim.minuend, claim.subtrahend
        for evidence, titles in claim.scores.items():
            for title in titles:
                found = estimate_pooled_difference(
                    images[evidence],
                    *names,
                    EVIDENCE[evidence].scores[title],
                    num_draws=arguments.num_draws,
                )
                word = found.judge_claim(is_lower_better=title.startswith("MR"))
                points = format_difference(found) if found.num_seeds else "not measured"
                lines.append(
                    f"| {claim.text} | {' - '.join(names)} | {evidence} | {found.num_seeds} | "
                    f"{title} | {points} | {word} |"
                )
    text = "\n".join(lines)
    print(text)
    write_text(RESULTS_DIR / "claims.md", text + "\n")


if __name__ == "__main__":
    main()
