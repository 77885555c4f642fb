"""Output files of a scored detector: its detections, and its curve of miss rate."""

from pathlib import Path

from mdjax.io.kaist_detections import write_detections
from mdjax.runs.loading import LoadedNetwork
from mdjax.runs.miss_rate_curves import check_curve, check_writable, write_miss_rate_curves
from mdjax.tasks.detection import DetectionTask
from mdjax.tasks.detection_scores import DetectionEvaluation
from mdjax.types import MdjaxError


def check_detection_files(
    loaded: LoadedNetwork, *, detections: Path | None = None, curve: Path | None = None
) -> None:
    """Refuse files that could not be written after scoring the network, which takes a while.

    Args:
        loaded: The network to be scored.
        detections: As in `write_evaluation`.
        curve: As in `write_evaluation`.

    Raises:
        MdjaxError: A file is requested and the network is not a detector; or it has several
            classes, for which the detection file has no column; or a file cannot be written; or
            the curve is not a PNG or would replace the detection file.
    """
    paths = [path for path in (detections, curve) if path is not None]
    if paths and not isinstance(loaded.config.task, DetectionTask):
        raise MdjaxError(
            f"{loaded.run_dir}: this network labels pixels; only detectors have a detection file "
            "and a miss-rate curve."
        )
    if detections is not None and len(loaded.class_names) > 1:
        raise MdjaxError(
            f"{detections}: KAIST's format has no column for the class, and {loaded.run_dir} finds "
            f"{', '.join(loaded.class_names)}; only detectors of one class can write it."
        )
    if detections is not None:
        check_writable(detections)
    if curve is not None:
        check_curve(curve, *([detections] if detections else []))


def write_evaluation(
    evaluation: DetectionEvaluation,
    *,
    title: str,
    detections: Path | None = None,
    curve: Path | None = None,
) -> None:
    """Write the requested files.

    Args:
        evaluation: The scores of a split.
        title: Title of the curve.
        detections: Text file in KAIST's format; images are numbered by their position in the
            split, from 1. Detections without area are omitted: the format does not allow them.
        curve: PNG of miss rate over false positives per image, see `write_miss_rate_curves`.

    Raises:
        MdjaxError: A file cannot be written.
    """
    if detections is not None:
        found = evaluation.detections
        sides = [image.boxes_xyxy_px[:, 2:] - image.boxes_xyxy_px[:, :2] for image in found]
        has_area = [(side_px > 0).all(axis=1) for side_px in sides]
        kept = list(zip(found, has_area, strict=True))
        write_detections(
            detections,
            [image.boxes_xyxy_px[is_kept] for image, is_kept in kept],
            [image.scores[is_kept] for image, is_kept in kept],
        )
    if curve is not None:
        write_miss_rate_curves(evaluation.miss_rates, curve, title=title)
