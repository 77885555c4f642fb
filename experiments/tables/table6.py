"""Table 6: the state of the art and MD, MFNet.

Results of others are those that the paper prints; none is trained here, and at the small scale,
on fewer pairs, they are no comparison. Teacher and students are shared with Table 4, in
which hardware and time are stated.
"""

from experiments.tables.columns import ACCURACIES, publish_accuracies
from experiments.tables.differences import STATE_OF_THE_ART
from experiments.tables.settings import LABELS
from mdjax.studies.table import Table, TableRow

TABLE6 = Table(
    name="table6",
    title="Table 6: the state of the art, labels",
    headings=("method",),
    rows=(
        TableRow(("MFNet",), published=publish_accuracies("42.6", "41.4", "45.1")),
        TableRow(("FuseNet",), published=publish_accuracies("49.5", "48.9", "52.4")),
        TableRow(("RTFNet-50",), published=publish_accuracies("57.3", "59.4", "62.2")),
        TableRow(("RTFNet-152",), published=publish_accuracies("60.0", "60.7", "63.1")),
        TableRow(("teacher",), "teacher", publish_accuracies("57.2", "62.2", "63.5"), num_seeds=5),
        TableRow(("student, full",), "distilled-full", publish_accuracies("59.7", "62.8", "64.9")),
        TableRow(
            ("student, practical (16x)",),
            "distilled",
            publish_accuracies("57.6", "61.4", "63.5"),
            num_seeds=5,
        ),
    ),
    scores=ACCURACIES,
    differences=STATE_OF_THE_ART,
    settings=LABELS,
)
