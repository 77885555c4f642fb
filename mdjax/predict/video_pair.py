"""Two videos of one scene, a pair of frames at a time."""

import contextlib
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from mdjax.io.images import ThermalImage, take_grey
from mdjax.io.videos import VIDEO_SUFFIXES, VideoReader, is_video
from mdjax.models.modalities import VISIBLE, Missing
from mdjax.types import MdjaxError, format_count

# Of two frame rates: headers round them, and recorders write the mean of what they got.
_RATE_TOLERANCE = 0.005


class VideoFiles(NamedTuple):
    """The files of a video pair; at least one is there."""

    visible: Path | None
    thermal: Path | None

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that are there."""
        return tuple(path for path in self if path is not None)


class Frame(NamedTuple):
    """What one frame of each video is, as it was decoded; None where there is no such video."""

    number: int
    """From 0."""
    visible_bgr_u8: UInt8[np.ndarray, "h w 3"] | None
    thermal: np.ndarray | None


def find_videos(
    visible: Path, thermal: Path | None = None, *, missing: Missing = "none"
) -> VideoFiles | None:
    """Find the files of a video pair or of one video; None where the paths name no video.

    Args:
        visible: Video of the visible camera.
        thermal: Video of the thermal camera.
        missing: Image that the network does without. If that is the visible one and `thermal` is
            None, `visible` names the thermal video.

    Raises:
        MdjaxError: A file is missing, or only one of the two is a video.
    """
    paths = [visible] if thermal is None else [visible, thermal]
    if not any(is_video(path) and not path.is_dir() for path in paths):
        return None
    for path in paths:
        if not path.exists():
            raise MdjaxError(f"{path}: there is no such file or folder. Nothing was written.")
        if path.is_dir() or not is_video(path):
            endings = ", ".join(f"*{suffix}" for suffix in VIDEO_SUFFIXES)
            raise MdjaxError(
                f"{path}: is no video ({endings}), but the other one is; give two videos, or two "
                "folders of images. Nothing was written."
            )
    if missing == VISIBLE and thermal is None:
        return VideoFiles(None, visible)
    return VideoFiles(visible, thermal)


class VideoPair:
    """Reads two videos in step, or one alone.

    Attributes:
        num_frames: Pairs of frames, as the headers tell; None where they do not.
        frames_per_second: Of the first video whose header tells; None where none does.
    """

    def __init__(self, files: VideoFiles, *, keeps_counts: bool = False):
        """Open the videos.

        Args:
            files: From `find_videos`.
            keeps_counts: Read a thermal video of 16-bit grey with all of its bits.

        Raises:
            MdjaxError: One cannot be decoded.
        """
        self._num_read = 0
        self._ended: list[VideoReader] = []
        with contextlib.ExitStack() as stack:
            self._readers = [
                None
                if path is None
                else stack.enter_context(VideoReader(path, keeps_counts=is_counts))
                for path, is_counts in zip(files, (False, keeps_counts), strict=True)
            ]
            self._stack = stack.pop_all()
        self._videos = [reader for reader in self._readers if reader is not None]
        counts = [video.num_frames for video in self._videos if video.num_frames is not None]
        rates = [video.frames_per_second for video in self._videos if video.frames_per_second]
        self.num_frames = min(counts, default=None)
        self.frames_per_second = rates[0] if rates else None

    def __enter__(self) -> "VideoPair":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def name(self) -> str:
        """What messages call it."""
        return ", ".join(str(video.path) for video in self._videos)

    def find_problems(self) -> list[str]:
        """Tell whether the headers say that frames of one number are of different moments."""
        if len(self._videos) < 2:
            return []
        first, second = self._videos
        counts = [video.num_frames for video in self._videos if video.num_frames is not None]
        rates = [video.frames_per_second for video in self._videos if video.frames_per_second]
        # Of a number that a header does not tell, the end will show whether it is the same.
        tolerance = max(first.count_tolerance, second.count_tolerance)
        is_longer = len(counts) == 2 and max(counts) - min(counts) > tolerance
        is_faster = len(rates) == 2 and max(rates) / min(rates) - 1 > _RATE_TOLERANCE
        if not is_longer and not is_faster:
            return []
        return [
            f"{self.name}: do not run in step, {_describe(first)} and {_describe(second)}; cut "
            "both to the same moments, at one frame rate (ffmpeg -ss START -i INPUT -t SECONDS -r "
            "RATE OUTPUT.mp4)."
        ]

    def read(self) -> Frame | None:
        """Read the next frame of each video; None where one of them ends."""
        frames = [None if reader is None else reader.read() for reader in self._readers]
        self._ended = [
            reader
            for reader, frame in zip(self._readers, frames, strict=True)
            if reader is not None and frame is None
        ]
        if self._ended:
            return None
        self._num_read += 1
        return Frame(self._num_read - 1, *frames)

    def take_images(
        self, frame: Frame
    ) -> tuple[UInt8[np.ndarray, "h w 3"] | None, ThermalImage | None]:
        """Turn frames into a visible image and a thermal one, of grey levels or counts.

        Raises:
            MdjaxError: The thermal one has colours.
        """
        visible_u8, thermal = None, frame.thermal
        if frame.visible_bgr_u8 is not None:
            visible_u8 = cv2.cvtColor(frame.visible_bgr_u8, cv2.COLOR_BGR2RGB)
        if thermal is not None:
            video = self._readers[1]
            assert video is not None
            thermal = take_grey(thermal, str(video.path))
        return visible_u8, thermal

    def describe_end(self) -> list[str]:
        """Tell, once `read` has returned None, what the headers had not told."""
        is_pair = len(self._videos) == 2
        lines = [
            f"{video.path}: {format_count(self._num_read, 'frame')} could be read, though its "
            f"header tells of {video.num_frames:,}; it is damaged or cut off, or its header is "
            f"wrong{', so check whether later frames are of the same moments' if is_pair else ''}"
            for video in self._ended
            if video.num_frames is not None
            and abs(video.num_frames - self._num_read) > video.count_tolerance
        ]
        if len(self._ended) < len(self._videos):
            (ended,) = self._ended
            (other,) = (video for video in self._videos if video is not ended)
            lines.append(
                f"{ended.path}: ends after {format_count(self._num_read, 'frame')}, but "
                f"{other.path} goes on; the rest was left out, so check whether frames are of the "
                "same moments"
            )
        return lines


def _describe(video: VideoReader) -> str:
    count, rate = video.num_frames, video.frames_per_second
    length = "an unknown number of frames" if count is None else format_count(count, "frame")
    return f"{length} at {'an unknown rate' if rate is None else f'{rate:g} per second'}"
