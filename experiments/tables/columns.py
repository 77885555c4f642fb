"""Columns that several tables share, and the paper's numbers in them."""

MISS_RATES = ("MR day", "MR night", "MR all")
ACCURACIES = ("mAcc day", "mAcc night", "mAcc all")


def publish_miss_rates(day: str, night: str, every: str) -> dict[str, str]:
    """Put a line of the paper under the columns of the miss rate, in percent."""
    return dict(zip(MISS_RATES, (day, night, every), strict=True))


def publish_accuracies(day: str, night: str, every: str) -> dict[str, str]:
    """Put a line of the paper under the columns of mean accuracy, in percent."""
    return dict(zip(ACCURACIES, (day, night, every), strict=True))
