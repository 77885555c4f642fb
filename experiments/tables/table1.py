"""Table 1: four ways to fuse the two images, full thermal resolution, KAIST.

The paper: one GTX 1080 Ti, three seeds, 3,500 steps of 16 pairs. Here at the paper's scale one
accelerator; small: MSRS, two CPU cores, 10 to 20 minutes a run, about 3 hours of one core for
three seeds.
"""

from experiments.tables.columns import MISS_RATES, publish_miss_rates
from experiments.tables.differences import FUSION
from experiments.tables.settings import PERSONS
from mdjax.studies.table import Table, TableRow

TABLE1 = Table(
    name="table1",
    title="Table 1: fusion of visible and thermal images, persons",
    headings=("fusion",),
    rows=(
        TableRow(
            ("Visible-only",), "visible-only", publish_miss_rates("16.95", "35.15", "22.84 ± 0.77")
        ),
        TableRow(
            ("Image-level",), "native-full", publish_miss_rates("10.73", "6.61", "9.40 ± 0.39")
        ),
        TableRow(("Feature-level",), "teacher", publish_miss_rates("9.37", "4.71", "7.77 ± 0.07")),
        TableRow(
            ("Decision-level",),
            "decision-level-full",
            publish_miss_rates("10.74", "9.25", "10.34 ± 0.32"),
        ),
    ),
    scores=(*MISS_RATES, "AP50 all"),
    differences=FUSION,
    settings=PERSONS,
)
