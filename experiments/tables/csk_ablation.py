"""What each part of CSK-Net adds: with both images, and with each alone.

Each row changes one thing. The paper (Sikdar, Teotia and Sundaram 2023) has no numbers in public.
Small: MFNet's 180 pairs and MSRS's 295, two CPU cores, 10 to 25 minutes of one core a run; medium:
MFNet, one GPU.
"""

from collections.abc import Mapping

from experiments.tables.columns import ACCURACIES, MISS_RATES
from experiments.tables.csk_rows import (
    ABLATION,
    CONDITIONS,
    CSKNET,
    LOW_SCALES,
    NO_CONTRAST,
    NO_EXCHANGE,
    NO_GATE,
    NO_TEACHER,
    PRIVATE,
    SWAP,
    list_conditions,
    name_without,
)
from experiments.tables.settings import LABELS, PERSONS_OF_MSRS
from mdjax.studies.comparison import Difference
from mdjax.studies.table import Setting, Table

_NAMES = {
    CSKNET: "CSK-Net",
    PRIVATE: "a set of kernels for each image",
    NO_EXCHANGE: "no exchange",
    LOW_SCALES: "scales start at 0.25",
    SWAP: "channels swapped at random too",
    NO_GATE: "mean instead of gate",
    NO_TEACHER: "no distillation",
    NO_CONTRAST: "no contrast",
}


def _create_table(
    name: str,
    title: str,
    rows: tuple[str, ...],
    scores: tuple[str, ...],
    settings: Mapping[str, Setting],
) -> Table:
    return Table(
        name=name,
        title=title,
        headings=("network", "images"),
        rows=tuple(line for row in (CSKNET, *rows) for line in list_conditions(_NAMES[row], row)),
        scores=scores,
        differences=tuple(
            Difference(
                name_without(CSKNET, missing), name_without(row, missing), f"over {_NAMES[row]}"
            )
            for row in rows
            for missing in CONDITIONS
        ),
        settings=settings,
    )


CSK_ABLATION_LABELS = _create_table(
    "csk-ablation-labels",
    "What each part of CSK-Net adds, labels",
    ABLATION,
    (*ACCURACIES, "mIoU all"),
    LABELS,
)
# Detectors do without the contrast, which needs labels of pixels.
CSK_ABLATION_PERSONS = _create_table(
    "csk-ablation-persons",
    "What each part of CSK-Net adds, persons",
    tuple(row for row in ABLATION if row != NO_CONTRAST),
    (*MISS_RATES, "AP50 all"),
    PERSONS_OF_MSRS,
)
