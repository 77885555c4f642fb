"""The fingerprint of a data set: equal for equal names, splits, files and boxes."""

import hashlib
from collections.abc import Mapping, Sequence

from data_builders.checks.annotations import ClassNames, RawPair
from data_builders.checks.pair_files import PairReport
from mdjax.align.common_view import CommonView


def _describe_view(view: CommonView) -> str:
    """All that decides what is cut out, but not how it was found."""
    homography = view.homography
    if homography is None:
        return repr(view.part_xyxy_px)
    sizes = (homography.visible_size_wh_px, homography.thermal_size_wh_px)
    return repr((view.part_xyxy_px, sizes, homography.thermal_to_visible))


def compute_fingerprint(
    pairs: Mapping[str, Sequence[RawPair]],
    reports: Mapping[str, PairReport],
    class_names: ClassNames,
    thermal_range_counts: tuple[int, int] | None,
) -> str:
    """Compute 16 hexadecimal digits of names, splits, files, boxes and what is cut out."""
    lines = [repr((class_names, thermal_range_counts))]
    lines += sorted({_describe_view(x.view) for part in pairs.values() for x in part if x.view})
    for split, split_pairs in pairs.items():
        for pair in split_pairs:
            boxes = [tuple(item._replace(where="")) for item in pair.objects or ()]
            lines.append(
                f"{split}/{pair.name} {pair.is_night} {reports[pair.name].checksum} {boxes}"
            )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
