"""Table 8: what each part of MD adds, at 16x fewer pixels, MFNet.

S(M) is semantic transfer by the MSE, S(F) by F-MSE, A is attention transfer. The scan of the paper
lost the ticks of its fourth row: it is A alone or S(M) with A, so both are trained and stand beside
the same published numbers. The student without a teacher, which the paper lacks, tells what mask
and block alone are worth.

The paper: one GTX 1080 Ti, three seeds. Here at the paper's scale one accelerator; small: MFNet's
180 pairs, two CPU cores, a run takes 5 to 10 minutes of one core; medium: one GPU, about a minute
a run, but its teacher is not guided, so it says nothing about attention.
"""

from experiments.tables.columns import ACCURACIES, publish_accuracies
from experiments.tables.differences import ABLATION
from experiments.tables.settings import LABELS
from mdjax.studies.table import Table, TableRow

_FOURTH = publish_accuracies("57.55", "58.46", "61.51 ± 0.30")

TABLE8 = Table(
    name="table8",
    title="Table 8: ablation at 16x fewer pixels, labels",
    headings=("S(M)", "S(F)", "A"),
    rows=(
        TableRow(("", "", ""), "native", publish_accuracies("53.85", "55.43", "58.21 ± 0.46"), 5),
        TableRow(("student alone", "", ""), "student", num_seeds=5),
        TableRow(
            ("yes", "", ""),
            "distilled-mse-alone",
            publish_accuracies("56.04", "57.87", "60.41 ± 0.28"),
        ),
        TableRow(
            ("", "yes", ""),
            "distilled-focal-alone",
            publish_accuracies("57.49", "58.47", "61.16 ± 0.13"),
        ),
        TableRow(("", "", "yes"), "distilled-attention-alone", _FOURTH),
        TableRow(("yes", "", "yes"), "distilled-mse", _FOURTH, 5),
        TableRow(
            ("", "yes", "yes"),
            "distilled-focal",
            publish_accuracies("57.58", "61.37", "63.52 ± 0.87"),
        ),
    ),
    scores=(*ACCURACIES, "mIoU all"),
    differences=ABLATION,
    settings=LABELS,
    note=(
        "The scan of the paper lost the ticks of the row with 57.55, 58.46 and 61.51: it is A "
        "alone or S(M) with A, so these numbers stand beside both."
    ),
)
