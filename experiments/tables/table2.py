"""Table 2: four ways to fuse the two images, full thermal resolution, MFNet.

The paper: one GTX 1080 Ti, three seeds, 14,000 steps of 16 pairs. Here at the paper's scale one
accelerator; small: MFNet's 180 pairs, two CPU cores, 5 to 10 minutes a run, about 2 hours of one
core for three seeds; medium: one GPU, about a minute a run.
"""

from experiments.tables.columns import ACCURACIES, publish_accuracies
from experiments.tables.differences import FUSION
from experiments.tables.settings import LABELS
from mdjax.studies.table import Table, TableRow

TABLE2 = Table(
    name="table2",
    title="Table 2: fusion of visible and thermal images, labels",
    headings=("fusion",),
    rows=(
        TableRow(
            ("Visible-only",), "visible-only", publish_accuracies("50.83", "52.26", "55.06 ± 0.21")
        ),
        TableRow(
            ("Image-level",), "native-full", publish_accuracies("54.97", "56.07", "59.42 ± 0.22")
        ),
        TableRow(
            ("Feature-level",), "teacher", publish_accuracies("57.21", "62.18", "63.45 ± 0.24")
        ),
        TableRow(
            ("Decision-level",),
            "decision-level-full",
            publish_accuracies("51.72", "53.37", "56.21 ± 0.14"),
        ),
    ),
    scores=(*ACCURACIES, "mIoU all"),
    differences=FUSION,
    settings=LABELS,
)
