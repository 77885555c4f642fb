"""What is left when a camera is missing: CSK-Net, plain fusion, and modality dropout.

The visible or the thermal image of every test pair is missing. CSK-Net leaves its branch out, the
other networks see the mean image; networks for one image stand beside them. All see the thermal
camera of 16x fewer pixels, but the teacher. CSK-Net takes about twice as long to train as the
others. Small: MFNet's 180 pairs and MSRS's 295, two CPU cores, 10 to 25 minutes of one core a run;
medium: MFNet, one GPU.

Of CSK-Net (Sikdar, Teotia and Sundaram 2023) no numbers are public; a paper of the same group gives
+2.7 points of mean IoU over a thermal-only network.
"""

from experiments.tables.columns import ACCURACIES, MISS_RATES
from experiments.tables.csk_rows import (
    CSKNET,
    NATIVE_DROPOUT,
    TEACHER_DROPOUT,
    list_conditions,
    name_without,
)
from experiments.tables.settings import LABELS, PERSONS_OF_MSRS
from mdjax.studies.comparison import Difference
from mdjax.studies.rows import DISTILLED, NATIVE, TEACHER, THERMAL, VISIBLE
from mdjax.studies.table import Table, TableRow

_NETWORKS = {
    NATIVE: "native student",
    NATIVE_DROPOUT: "native student, modality dropout",
    DISTILLED: "MD student",
    TEACHER: "teacher",
    TEACHER_DROPOUT: "teacher, modality dropout",
    CSKNET: "CSK-Net",
}
_NO_VISIBLE, _NO_THERMAL = (
    {row: name_without(row, missing) for row in _NETWORKS} for missing in ("visible", "thermal")
)


_ROWS = (
    TableRow(("thermal-only", "thermal alone"), THERMAL),
    TableRow(("visible-only", "visible alone"), VISIBLE),
    *(line for row, network in _NETWORKS.items() for line in list_conditions(network, row)),
)
_DIFFERENCES = (
    Difference(_NO_VISIBLE[CSKNET], THERMAL, "CSK-Net on thermal images alone"),
    Difference(_NO_THERMAL[CSKNET], VISIBLE, "CSK-Net on visible images alone"),
    Difference(CSKNET, NATIVE, "CSK-Net on both over image-level fusion"),
    Difference(_NO_VISIBLE[NATIVE_DROPOUT], THERMAL, "modality dropout on thermal images alone"),
    Difference(_NO_THERMAL[NATIVE_DROPOUT], VISIBLE, "modality dropout on visible images alone"),
    Difference(NATIVE_DROPOUT, NATIVE, "what modality dropout costs with both"),
    Difference(
        _NO_VISIBLE[CSKNET], _NO_VISIBLE[NATIVE_DROPOUT], "CSK-Net over dropout, thermal alone"
    ),
    Difference(
        _NO_THERMAL[CSKNET], _NO_THERMAL[NATIVE_DROPOUT], "CSK-Net over dropout, visible alone"
    ),
    Difference(CSKNET, NATIVE_DROPOUT, "CSK-Net over dropout, both"),
    Difference(CSKNET, DISTILLED, "CSK-Net over the MD student, both"),
)

ROBUSTNESS_LABELS = Table(
    name="robustness-labels",
    title="When a camera is missing, labels",
    headings=("network", "images"),
    rows=_ROWS,
    scores=(*ACCURACIES, "mIoU all"),
    differences=_DIFFERENCES,
    settings=LABELS,
)
ROBUSTNESS_PERSONS = Table(
    name="robustness-persons",
    title="When a camera is missing, persons",
    headings=("network", "images"),
    rows=_ROWS,
    scores=(*MISS_RATES, "AP50 all"),
    differences=_DIFFERENCES,
    settings=PERSONS_OF_MSRS,
)
