"""Table 5: the state of the art and MD, KAIST.

Results of others are those that the paper prints; none is trained here, and at the small scale,
on another data set, they are no comparison. Teacher and students are shared with Table 3, in
which hardware and time are stated.
"""

from experiments.tables.columns import MISS_RATES, publish_miss_rates
from experiments.tables.differences import STATE_OF_THE_ART
from experiments.tables.settings import PERSONS
from mdjax.studies.table import Table, TableRow

TABLE5 = Table(
    name="table5",
    title="Table 5: the state of the art, persons",
    headings=("method",),
    rows=(
        TableRow(("ACF",), published=publish_miss_rates("42.57", "56.17", "47.32")),
        TableRow(("Halfway Fusion",), published=publish_miss_rates("24.88", "26.59", "25.75")),
        TableRow(("FusionRPN+BF",), published=publish_miss_rates("19.57", "16.27", "18.29")),
        TableRow(("IAF R-CNN",), published=publish_miss_rates("14.55", "18.26", "15.73")),
        TableRow(("IATDNN+IASS",), published=publish_miss_rates("14.67", "15.72", "14.95")),
        TableRow(("RFA",), published=publish_miss_rates("16.78", "10.21", "14.61")),
        TableRow(("CIAN",), published=publish_miss_rates("14.77", "11.13", "14.12")),
        TableRow(("MSDS-RCNN",), published=publish_miss_rates("10.53", "12.94", "11.34")),
        TableRow(("AR-CNN",), published=publish_miss_rates("9.94", "8.38", "9.34")),
        TableRow(("MBNet",), published=publish_miss_rates("8.28", "7.86", "8.13")),
        TableRow(("teacher",), "teacher", publish_miss_rates("9.37", "4.71", "7.77"), num_seeds=5),
        TableRow(("student, full",), "distilled-full", publish_miss_rates("9.45", "4.61", "7.78")),
        TableRow(
            ("student, practical (16x)",),
            "distilled",
            publish_miss_rates("9.85", "4.84", "8.03"),
            num_seeds=5,
        ),
    ),
    scores=MISS_RATES,
    differences=STATE_OF_THE_ART,
    settings=PERSONS,
)
