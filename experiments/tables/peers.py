"""Other losses of distillation under the same budget, at 16x fewer pixels.

All students see the same images and have the same teacher; peers distil the native student, each
with the weight of its paper, which was not tuned for these recipes. A run takes as long as one of
MD: small, 5 to 10 minutes of one core on MFNet and 10 to 20 on MSRS; medium, MFNet only, about a
minute of a GPU.
"""

from experiments.tables.columns import ACCURACIES, MISS_RATES
from experiments.tables.rows import PEERS
from experiments.tables.settings import LABELS, PERSONS
from mdjax.presets import METHODS
from mdjax.studies.comparison import Difference
from mdjax.studies.rows import DISTILLED, NATIVE, TEACHER
from mdjax.studies.table import Table, TableRow

_ROWS = (
    TableRow((TEACHER,), TEACHER, num_seeds=5),
    TableRow(("native student, not distilled",), NATIVE, num_seeds=5),
    TableRow(("MD",), DISTILLED, num_seeds=5),
    *(TableRow((METHODS[peer][2],), f"peer-{peer}") for peer in PEERS),
)
_DIFFERENCES = (
    Difference(DISTILLED, NATIVE, "MD"),
    *(Difference(f"peer-{peer}", NATIVE, "its gain") for peer in PEERS),
    *(Difference(DISTILLED, f"peer-{peer}", "MD over it") for peer in PEERS),
)

PEERS_LABELS = Table(
    name="peers-labels",
    title="Losses of distillation at 16x fewer pixels, labels",
    headings=("method",),
    rows=_ROWS,
    scores=(*ACCURACIES, "mIoU all"),
    differences=_DIFFERENCES,
    settings=LABELS,
)
PEERS_PERSONS = Table(
    name="peers-persons",
    title="Losses of distillation at 16x fewer pixels, persons",
    headings=("method",),
    rows=_ROWS,
    scores=(*MISS_RATES, "AP50 all"),
    differences=_DIFFERENCES,
    settings=PERSONS,
)
