"""Table 3: native and distilled students by the resolution of the thermal camera, KAIST.

The paper: one GTX 1080 Ti, three seeds, 3,500 steps of 16 pairs. Here at the paper's scale one
accelerator; small: MSRS, two CPU cores, ten rows and a teacher for each of three seeds (five at
16x), about 8 hours of one core.
"""

from experiments.tables.columns import MISS_RATES, publish_miss_rates
from experiments.tables.differences import RESOLUTION
from experiments.tables.settings import PERSONS
from mdjax.studies.table import Table, TableRow

TABLE3 = Table(
    name="table3",
    title="Table 3: thermal cameras of fewer and fewer pixels, persons",
    headings=("thermal resolution", "MD"),
    rows=(
        TableRow(
            ("full resolution", ""),
            "native-full",
            publish_miss_rates("10.73", "6.61", "9.40 ± 0.39"),
        ),
        TableRow(("", "yes"), "distilled-full", publish_miss_rates("9.45", "4.61", "7.78 ± 0.28")),
        TableRow(
            ("4x fewer pixels", ""), "native-4x", publish_miss_rates("11.57", "6.51", "9.84 ± 0.72")
        ),
        TableRow(("", "yes"), "distilled-4x", publish_miss_rates("9.39", "5.07", "7.91 ± 0.11")),
        TableRow(
            ("16x fewer pixels", ""),
            "native",
            publish_miss_rates("12.09", "6.73", "10.17 ± 0.42"),
            num_seeds=5,
        ),
        TableRow(
            ("", "yes"), "distilled", publish_miss_rates("9.85", "4.84", "8.03 ± 0.19"), num_seeds=5
        ),
        TableRow(
            ("64x fewer pixels", ""),
            "native-64x",
            publish_miss_rates("14.92", "10.66", "13.37 ± 0.30"),
        ),
        TableRow(("", "yes"), "distilled-64x", publish_miss_rates("10.75", "7.07", "9.50 ± 0.06")),
        TableRow(
            ("visible only", ""),
            "visible-only",
            publish_miss_rates("16.95", "35.15", "22.84 ± 0.77"),
        ),
        TableRow(
            ("", "yes"), "distilled-none", publish_miss_rates("14.74", "34.13", "21.08 ± 0.21")
        ),
    ),
    scores=(*MISS_RATES, "AP50 all"),
    differences=RESOLUTION,
    settings=PERSONS,
)
