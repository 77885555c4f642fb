"""What distillation is worth at 16x fewer pixels, against every control.

Not a table of the paper, which lacks the student without a teacher. Small: two CPU cores, five
seeds of the rows that decide and three of the others; a run takes 5 to 10 minutes of one core on
MFNet and 10 to 20 on MSRS. Medium, MFNet only: one GPU, about a minute a run.
"""

from experiments.tables.columns import ACCURACIES, MISS_RATES
from experiments.tables.settings import LABELS, PERSONS
from mdjax.studies.comparison import Difference
from mdjax.studies.rows import DECISION, DISTILLED, NATIVE, STUDENT, TEACHER, THERMAL, VISIBLE
from mdjax.studies.table import Table, TableRow

_ROWS = (
    TableRow((TEACHER,), TEACHER, num_seeds=5),
    TableRow((VISIBLE,), VISIBLE),
    TableRow((THERMAL,), THERMAL),
    TableRow((DECISION,), DECISION),
    TableRow((NATIVE,), NATIVE, num_seeds=5),
    TableRow((STUDENT,), STUDENT, num_seeds=5),
    TableRow((DISTILLED,), DISTILLED, num_seeds=5),
)
_DIFFERENCES = (
    Difference(DISTILLED, STUDENT, "what distillation gives"),
    Difference(DISTILLED, NATIVE, "what a user gets"),
    Difference(STUDENT, NATIVE, "what mask and block give"),
    Difference(TEACHER, STUDENT, "what there is to distil"),
    Difference(TEACHER, NATIVE, "feature-level over image-level fusion"),
    Difference(NATIVE, VISIBLE, "what the cheap thermal camera gives"),
    Difference(NATIVE, THERMAL, "what the visible image gives"),
    Difference(DECISION, NATIVE, "decision-level over image-level fusion"),
)

EVIDENCE_LABELS = Table(
    name="evidence-labels",
    title="What distillation is worth at 16x fewer pixels, labels",
    headings=("network",),
    rows=_ROWS,
    scores=(*ACCURACIES, "mIoU all"),
    differences=_DIFFERENCES,
    settings=LABELS,
)
EVIDENCE_PERSONS = Table(
    name="evidence-persons",
    title="What distillation is worth at 16x fewer pixels, persons",
    headings=("network",),
    rows=_ROWS,
    scores=(*MISS_RATES, "AP50 all"),
    differences=_DIFFERENCES,
    settings=PERSONS,
)
