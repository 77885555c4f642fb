"""What each loss of MD adds for students that start from ImageNet weights, labels.

The paper's networks start from them; from scratch, features of teacher and student differ by far
more, and F-MSE is another loss. Small: full width at 128x96, two CPU cores, a run takes about 10
minutes of one core; medium: 320x240, one GPU, about a minute a run, but its teacher is not guided,
so it says nothing about attention.
"""

from experiments.tables.columns import ACCURACIES
from experiments.tables.settings import FROM_IMAGENET
from mdjax.studies.comparison import Difference
from mdjax.studies.rows import DISTILLED, NATIVE, STUDENT, TEACHER
from mdjax.studies.table import Table, TableRow

_MSE, _NO_ATTENTION = "distilled-mse", "distilled-focal-alone"

LOSSES = Table(
    name="losses",
    title="What each loss adds, from ImageNet weights, labels",
    headings=("network",),
    rows=tuple(
        TableRow((name,), name)
        for name in (TEACHER, NATIVE, STUDENT, DISTILLED, _MSE, _NO_ATTENTION)
    ),
    scores=(*ACCURACIES, "mIoU all"),
    differences=(
        Difference(DISTILLED, STUDENT, "what distillation gives"),
        Difference(DISTILLED, NATIVE, "what a user gets"),
        Difference(TEACHER, STUDENT, "what there is to distil"),
        Difference(TEACHER, NATIVE, "feature-level over image-level fusion"),
        Difference(DISTILLED, _MSE, "F-MSE over MSE"),
        Difference(DISTILLED, _NO_ATTENTION, "what attention transfer adds"),
    ),
    settings=FROM_IMAGENET,
)
