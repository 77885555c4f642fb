"""What each part of CSK-Net adds, labels: with both images, and with each alone.

Each row changes one thing. The paper (Sikdar, Teotia and Sundaram 2023) has no numbers in public.
Small: MFNet's 180 pairs, two CPU cores, about 15 minutes of one core a run; medium: one GPU.
"""

from experiments.tables.columns import ACCURACIES
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
from experiments.tables.settings import LABELS
from mdjax.studies.comparison import Difference
from mdjax.studies.table import Table

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

CSK_ABLATION = Table(
    name="csk-ablation",
    title="What each part of CSK-Net adds, labels",
    headings=("network", "images"),
    rows=tuple(line for row, name in _NAMES.items() for line in list_conditions(name, row)),
    scores=(*ACCURACIES, "mIoU all"),
    differences=tuple(
        Difference(name_without(CSKNET, missing), name_without(row, missing), f"over {_NAMES[row]}")
        for row in ABLATION
        for missing in CONDITIONS
    ),
    settings=LABELS,
)
