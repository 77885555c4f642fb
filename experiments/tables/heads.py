"""A head of half the width, persons: what it costs in score.

At 640x512 a student with it has half of the operations of the teacher; labels gain next to nothing,
because their head is a tenth of the network. The teacher keeps its head. Small: MSRS, two CPU
cores, 10 to 20 minutes of one core a run.
"""

from experiments.tables.columns import MISS_RATES
from experiments.tables.settings import PERSONS
from mdjax.studies.comparison import Difference
from mdjax.studies.rows import DISTILLED, NATIVE, TEACHER
from mdjax.studies.table import Table, TableRow

HEADS_PERSONS = Table(
    name="heads-persons",
    title="A head of half the width at 16x fewer pixels, persons",
    headings=("network",),
    rows=(
        TableRow(("teacher",), TEACHER, num_seeds=5),
        TableRow(("native",), NATIVE, num_seeds=5),
        TableRow(("native, half the head",), f"{NATIVE}-half-head"),
        TableRow(("distilled",), DISTILLED, num_seeds=5),
        TableRow(("distilled, half the head",), f"{DISTILLED}-half-head"),
    ),
    scores=(*MISS_RATES, "AP50 all"),
    differences=(
        Difference(f"{DISTILLED}-half-head", DISTILLED, "half the head, distilled"),
        Difference(f"{NATIVE}-half-head", NATIVE, "half the head, native"),
        Difference(f"{DISTILLED}-half-head", f"{NATIVE}-half-head", "MD with half the head"),
    ),
    settings=PERSONS,
)
