"""Image files through a trained network of any task: what `mdjax predict` runs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mdjax.align.common_view import CommonView
from mdjax.models.modalities import Missing
from mdjax.predict.arriving import ArrivingPairs
from mdjax.predict.boxes import DetectionPredictions, DetectionWriter
from mdjax.predict.follow import StopRule, follow_pairs
from mdjax.predict.followed import FollowedPairs
from mdjax.predict.inputs import SimulateCamera
from mdjax.predict.labels import LabelPredictions, LabelWriter
from mdjax.predict.pairs import find_pairs, raise_problems
from mdjax.predict.prediction import PredictionWriter, predict_pairs
from mdjax.predict.thresholds import choose_task
from mdjax.predict.video import VideoPredictions, predict_video
from mdjax.predict.video_output import BoxFrames, FrameOutput, LabelFrames
from mdjax.predict.video_pair import find_videos
from mdjax.runs.trained_network import TrainedNetwork
from mdjax.tasks.detection import DetectionTask


def predict_files(
    loaded: TrainedNetwork,
    images: Path,
    thermal: Path | None = None,
    *,
    out_dir: Path,
    score_threshold: float | None = None,
    simulate: SimulateCamera = "auto",
    batch_size: int = 4,
    overwrite: bool = False,
    show_progress: bool = False,
    missing: Missing = "none",
    view: CommonView | None = None,
) -> LabelPredictions | DetectionPredictions | VideoPredictions:
    """Predict image files or a video with a network, and write the results.

    Args:
        loaded: From `load_network` or `load_exported`.
        images: Visible image, four-channel PNG (RGB + thermal), or a folder of either; or a folder
            of pairs, in any layout that `mdjax prepare rgbt-folder` reads; or a video.
        thermal: Thermal image, the folder with one for each visible image, see `find_pairs`, or
            the video of the thermal camera.
        out_dir: Folder for NAME_labels.png, NAME_overlay.png and classes.json; or, for detectors,
            NAME_detections.png and detections.json. A name has the folders of the image before it.
            Of a video: NAME_overlay.mp4, NAME_labels.json and NAME_labels/NUMBER.png; or, for
            detectors, NAME_detections.mp4 and detections.json.
        score_threshold: For detectors: lowest score that is drawn and written; 0.3 by default.
        simulate: Whether thermal images pass through the camera the network was trained with.
        batch_size: Images per batch.
        overwrite: Replace files of an earlier call.
        show_progress: Draw progress bars on standard error.
        missing: Image that the network has to do without. If that is the visible one and there is
            no `thermal`, `images` are the thermal ones.
        view: What is cut out of both images of each pair, as for the data set of the training, see
            `mdjax.make_common_view`.

    Returns:
        The results, image by image; of a video, in sums.

    Raises:
        MdjaxError: As `predict_pairs` and `predict_video`, or a score threshold for a network that
            labels pixels.

    Example:
        >>> from pathlib import Path
        >>> import mdjax
        >>> network = mdjax.load_network(Path("runs/distilled"))
        >>> written = mdjax.predict_files(
        ...     network, Path("visible"), Path("thermal"), out_dir=Path("predictions")
        ... )
        >>> [image.labels.name for image in written.images]
        ['a_labels.png', 'b_labels.png']
    """
    options: dict[str, Any] = {
        "simulate": simulate,
        "batch_size": batch_size,
        "overwrite": overwrite,
        "show_progress": show_progress,
        "missing": missing,
        "view": view,
    }
    videos = find_videos(images, thermal, missing=missing)
    if videos is not None:
        output = _create_frame_output(loaded, out_dir, images.stem, score_threshold)
        return predict_video(loaded, videos, output, **options)
    pairs = find_pairs(images, thermal, missing=missing)
    _check_out_dir(out_dir, [path for path in (images, thermal) if path is not None])
    writer = _create_writer(loaded, out_dir, score_threshold)
    return predict_pairs(loaded, pairs, writer, **options)


def follow_files(
    loaded: TrainedNetwork,
    images: Path,
    thermal: Path | None = None,
    *,
    out_dir: Path,
    tell: Callable[[str], None],
    stop: StopRule | None = None,
    score_threshold: float | None = None,
    simulate: SimulateCamera = "auto",
    overwrite: bool = False,
    missing: Missing = "none",
    view: CommonView | None = None,
) -> FollowedPairs:
    """Predict the image files of folders that are being filled, as they come.

    Args:
        loaded: From `load_network` or `load_exported`.
        images: Folder of visible images, or of images that stand alone, see `ArrivingPairs`.
        thermal: Folder of thermal images; may be the same one.
        out_dir: Folder for the files of `predict_files` and predictions.jsonl, a line for each
            pair, in place of detections.json. What an earlier call has left there is continued.
        tell: Gets a line for each pair that is skipped, and how fast it goes.
        stop: When to end besides Ctrl-C.
        score_threshold: For detectors: lowest score that is drawn and written; 0.3 by default.
        simulate: Whether thermal images pass through the camera the network was trained with.
        overwrite: Begin anew, and replace what an earlier call has written.
        missing: Image that the network has to do without.
        view: What is cut out of both images of each pair, see `make_common_view`.

    Raises:
        MdjaxError: As `follow_pairs` and `ArrivingPairs`.
    """
    arriving = ArrivingPairs(images, thermal, missing=missing)
    _check_out_dir(out_dir, [path for path in (images, thermal) if path is not None])
    writer = _create_writer(loaded, out_dir, score_threshold)
    return follow_pairs(
        loaded,
        arriving,
        writer,
        stop=stop or StopRule(),
        tell=tell,
        simulate=simulate,
        overwrite=overwrite,
        missing=missing,
        view=view,
    )


def check_inputs(
    images: Path, thermal: Path | None = None, *, missing: Missing = "none", follow: bool = False
) -> None:
    """Check the paths that `predict_files` or `follow_files` takes, before a network is loaded.

    Raises:
        MdjaxError: Nothing can be predicted from them.
    """
    if follow:
        ArrivingPairs(images, thermal, missing=missing)
    elif find_videos(images, thermal, missing=missing) is None:
        find_pairs(images, thermal, missing=missing)


def _check_out_dir(out_dir: Path, inputs: Sequence[Path]) -> None:
    """Refuse a folder from which predictions would be read as images next time."""
    for folder in inputs:
        if folder.is_dir() and out_dir.resolve().is_relative_to(folder.resolve()):
            problem = (
                f"{out_dir}: is in the folder of the images, {folder}; write the predictions to "
                "another one, or they will be read as images next time."
            )
            raise_problems([problem])


def _create_writer(
    loaded: TrainedNetwork, out_dir: Path, score_threshold: float | None
) -> PredictionWriter[Any, Any]:
    task = choose_task(loaded, score_threshold)
    if isinstance(task, DetectionTask):
        size_hw = loaded.config.pipeline.image_size_hw
        threshold = task.nms.score_threshold
        return DetectionWriter(out_dir, loaded.class_names, size_hw, task, threshold)
    return LabelWriter(out_dir, loaded.class_names, task)


def _create_frame_output(
    loaded: TrainedNetwork, out_dir: Path, name: str, score_threshold: float | None
) -> FrameOutput:
    task = choose_task(loaded, score_threshold)
    if isinstance(task, DetectionTask):
        size_hw = loaded.config.pipeline.image_size_hw
        return BoxFrames(out_dir, name, loaded.class_names, size_hw, task)
    return LabelFrames(out_dir, name, loaded.class_names, task)
