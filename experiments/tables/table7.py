"""Table 7: what each part of MD adds, at 16x fewer pixels, KAIST.

S(M) is semantic transfer by the MSE, S(F) by F-MSE, A is attention transfer. The scan of the paper
lost the ticks of its fourth row: it is A alone or S(M) with A, so both are trained and stand beside
the same published numbers. The student without a teacher, which the paper lacks, tells what mask
and block alone are worth.

The paper: one GTX 1080 Ti, three seeds. Here at the paper's scale one accelerator; small: MSRS
two CPU cores, a run takes 10 to 20 minutes of one core.
"""

from experiments.tables.columns import MISS_RATES, publish_miss_rates
from experiments.tables.differences import ABLATION
from experiments.tables.settings import PERSONS
from mdjax.studies.table import Table, TableRow

_FOURTH = publish_miss_rates("10.61", "5.83", "8.99 ± 0.23")

TABLE7 = Table(
    name="table7",
    title="Table 7: ablation at 16x fewer pixels, persons",
    headings=("S(M)", "S(F)", "A"),
    rows=(
        TableRow(("", "", ""), "native", publish_miss_rates("12.09", "6.73", "10.17 ± 0.42"), 5),
        TableRow(("student alone", "", ""), "student", num_seeds=5),
        TableRow(
            ("yes", "", ""),
            "distilled-mse-alone",
            publish_miss_rates("11.92", "6.69", "10.09 ± 0.06"),
        ),
        TableRow(
            ("", "yes", ""),
            "distilled-focal-alone",
            publish_miss_rates("10.24", "6.93", "9.11 ± 0.15"),
        ),
        TableRow(("", "", "yes"), "distilled-attention-alone", _FOURTH),
        TableRow(("yes", "", "yes"), "distilled-mse", _FOURTH, 5),
        TableRow(
            ("", "yes", "yes"), "distilled-focal", publish_miss_rates("9.85", "4.84", "8.03 ± 0.19")
        ),
    ),
    scores=(*MISS_RATES, "AP50 all"),
    differences=ABLATION,
    settings=PERSONS,
    note=(
        "The scan of the paper lost the ticks of the row with 10.61, 5.83 and 8.99: it is A alone "
        "or S(M) with A, so these numbers stand beside both."
    ),
)
