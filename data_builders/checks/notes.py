"""What the check of files did to them, in sentences."""

from collections import Counter
from collections.abc import Mapping

from data_builders.checks.fitted_boxes import FittedBoxes
from data_builders.checks.pair_files import PairReport
from data_builders.checks.thermal_values import compute_share_outside_range, describe_dead_pixels
from mdjax.types import format_count


def note_reports(reports: Mapping[str, PairReport]) -> list[str]:
    """Describe what became of boxes, thermal counts, visible images and label maps."""
    notes = _note_boxes({name: report.boxes for name, report in reports.items()})
    thermal = [report.thermal for report in reports.values() if report.thermal is not None]
    if share := compute_share_outside_range(thermal):
        notes.append(f"{share:.2%} of the thermal pixels lie outside the range of counts.")
    if dead := describe_dead_pixels(thermal):
        notes.append(f"{dead}.")
    if num_grey := sum(report.was_grey for report in reports.values()):
        notes.append(
            f"{format_count(num_grey, 'visible image')} stored in grey: the records hold three "
            "equal channels, converted without loss."
        )
    conversions = Counter(report.label_conversion for report in reports.values())
    notes += [
        f"{format_count(count, 'label map')} stored {how}: the records hold the class ids as grey "
        "values, converted without loss."
        for how, count in conversions.items()
        if how is not None
    ]
    if num_uncounted := sum(report.num_uncounted_pixels for report in reports.values()):
        notes.append(f"{num_uncounted} pixels have label 255, which no loss and no metric counts.")
    return notes


def _note_boxes(boxes: Mapping[str, FittedBoxes]) -> list[str]:
    notes: list[str] = []
    if num_clipped := sum(fitted.num_clipped for fitted in boxes.values()):
        worst = max(boxes, key=lambda name: boxes[name].max_overhang_px)
        notes.append(
            f"{_count_boxes(num_clipped)} clipped at the edge of the image, by up to "
            f"{boxes[worst].max_overhang_px:.2g} pixels ({worst})."
        )
    if num_out := sum(fitted.num_out_of_view for fitted in boxes.values()):
        notes.append(f"{_count_boxes(num_out)} dropped: outside of what both cameras see.")
    if num_mostly_out := sum(fitted.num_mostly_out_of_view for fitted in boxes.values()):
        notes.append(
            f"{_count_boxes(num_mostly_out)} made ignored regions: less than half of the area is "
            "in what both cameras see."
        )
    return notes


def _count_boxes(count: int) -> str:
    return format_count(count, "box", "boxes")
