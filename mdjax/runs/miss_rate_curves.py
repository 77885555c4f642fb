"""The curves behind a miss rate, as a picture and as numbers; needs no network and no device."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mdjax.io.json_file import write_text
from mdjax.metrics.miss_rate import REASONABLE_SUBSETS, MissRate
from mdjax.types import MdjaxError

_DRAWN_SUBSETS = {subset.name for subset in REASONABLE_SUBSETS}


def write_miss_rate_curves(
    miss_rates: Mapping[str, Mapping[str, MissRate]], path: Path, *, title: str
) -> None:
    """Plot the curves of all, day and night, and write those of all subsets as numbers.

    Args:
        miss_rates: Miss rates by class and by name of the subset. With several classes, each
            legend entry begins with the name of its class.
        path: PNG file to write; the numbers go to a .csv file of the same name.
        title: Title of the figure.

    Raises:
        MdjaxError: The file has another extension, or a file cannot be written.
    """
    # Imported here: matplotlib takes longer than the scores.
    from mdjax.viz.curves import MissRateCurve, plot_miss_rate_curves

    check_curve(path)
    curves: dict[str, MissRateCurve] = {}
    drawn: list[MissRateCurve] = []
    for class_name, by_subset in miss_rates.items():
        for subset, score in by_subset.items():
            name = subset if len(miss_rates) == 1 else f"{class_name} {subset}"
            corners = _find_corners(score.miss_rate)
            label = f"{name}, {score.percent:.2f} %"
            curves[name] = MissRateCurve(label, score.fppi[corners], score.miss_rate[corners])
            if subset in _DRAWN_SUBSETS:
                drawn.append(curves[name])
    plot_miss_rate_curves(drawn, path, title=title)
    rows = [
        f"{name},{fppi:.9g},{miss_rate:.9g}\n"
        for name, curve in curves.items()
        for fppi, miss_rate in zip(curve.fppi, curve.miss_rate, strict=True)
    ]
    write_text(_name_numbers(path), "subset,fppi,miss_rate\n" + "".join(rows))


def check_curve(path: Path, *others: Path) -> None:
    """Refuse a curve that is not a PNG, cannot be written, or would replace another file.

    Args:
        path: The curve.
        others: Other files that the command reads or writes.

    Raises:
        MdjaxError: The curve needs another name.
    """
    if path.suffix.lower() != ".png":
        raise MdjaxError(f"{path}: the curve is a PNG file; give it a name that ends in .png.")
    for written in (path, _name_numbers(path)):
        check_writable(written)
        if written.resolve() in [other.resolve() for other in others]:
            raise MdjaxError(
                f"{path}: the curve goes to this file, its numbers to {_name_numbers(path)}, but "
                f"{written} is another file of this command; give the curve another name."
            )


def check_writable(path: Path) -> None:
    """Refuse a file that cannot be written, before the work whose result goes there.

    Raises:
        MdjaxError: Its folder is missing, or it is a folder itself.
    """
    if not path.parent.is_dir():
        raise MdjaxError(f"{path}: there is no folder {path.parent}; create it first.")
    if path.is_dir():
        raise MdjaxError(f"{path}: is a folder; give a file name.")


def _name_numbers(path: Path) -> Path:
    return path.with_suffix(".csv")


def _find_corners(miss_rate: np.ndarray) -> np.ndarray:
    """Points where the steps of a curve turn; those between lie on straight lines."""
    is_drop = np.diff(miss_rate, prepend=1.0) < 0
    is_kept = np.ones(len(miss_rate), bool)
    is_kept[:-1] = is_drop[:-1] != is_drop[1:]
    return np.flatnonzero(is_kept)
