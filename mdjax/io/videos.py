"""Videos to frames and frames to videos, one at a time: memory does not depend on their length.

OpenCV's wheels bring FFmpeg along, which decodes H.264, H.265, MJPEG, FFV1 and others, and encodes
MPEG-4. It shows frames as viewers do: rotated, where the video is marked so.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from mdjax.io.opencv_log import QUIET_OPENCV
from mdjax.types import MdjaxError

VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv", ".mov")
"""Endings of the files that are taken for videos, in lower case."""

# Those that do not state a number of frames: FFmpeg computes it from the duration, in milliseconds.
_WITHOUT_COUNT = (".mkv",)
# What FFmpeg tells where it knows none is 0, or a clock's ticks.
_MAX_FRAMES_PER_SECOND = 1000.0
# MPEG-4: without licence fees, in every build of FFmpeg, and read by every player.
_FOURCC = cv2.VideoWriter.fourcc(*"mp4v")
# FFmpeg prints lines of its own about each damaged frame. It reads this when it opens its first
# video; a person's own setting stays.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


def is_video(path: Path) -> bool:
    """Say whether a file is taken for a video, by the ending of its name."""
    return path.suffix.lower() in VIDEO_SUFFIXES


class VideoReader:
    """The frames of a video, in order.

    Attributes:
        path: Its file.
        frames_per_second: As its header tells; None where it does not.
        num_frames: As its header tells; None where it does not.
        count_tolerance: By how many frames this number may be wrong in a video that is whole.
    """

    def __init__(self, path: Path, *, keeps_counts: bool = False):
        """Open a video.

        Args:
            path: Its file.
            keeps_counts: Read frames of 16-bit grey as they are; of a video with fewer bits, frames
                of 8 bits come in the layout of the codec.

        Raises:
            MdjaxError: It is no video, or damaged.
        """
        options = [cv2.CAP_PROP_CONVERT_RGB, 0] if keeps_counts else []
        self.path = path
        try:
            with QUIET_OPENCV:
                self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, options)
        except cv2.error as error:
            raise MdjaxError(_describe_damage(path)) from error
        if not self._capture.isOpened():
            raise MdjaxError(_describe_damage(path))
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.frames_per_second = rate if 0 < rate <= _MAX_FRAMES_PER_SECOND else None
        count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.num_frames = count if count > 0 else None
        self.count_tolerance = 1 if path.suffix.lower() in _WITHOUT_COUNT else 0

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._capture.release()

    def read(self) -> np.ndarray | None:
        """Read the next frame, [h w 3] in OpenCV's channel order; None at the end.

        The end is where nothing more can be decoded, which may be before that of a damaged video.
        """
        try:
            with QUIET_OPENCV:
                is_read, frame = self._capture.read()
        except cv2.error:
            return None
        return frame if is_read else None


@contextlib.contextmanager
def write_video(
    path: Path, frames_per_second: float
) -> Iterator[Callable[[UInt8[np.ndarray, "h w 3"]], None]]:
    """Give a function that appends RGB frames of one size to a video in MPEG-4, an `.mp4` file.

    The file has its name once it is complete: what fails before leaves `path` as it was. Of an odd
    number of rows or columns the last one is left out, as MPEG-4 has colours at half of the
    resolution.

    Args:
        path: File to write, at least one frame.
        frames_per_second: Of the video.

    Raises:
        MdjaxError: It cannot be written.
    """
    temporary = path.with_name(f".{path.stem}.incomplete{path.suffix}")
    writer = cv2.VideoWriter()
    num_frames = 0

    def write(frame_u8: UInt8[np.ndarray, "h w 3"]) -> None:
        nonlocal num_frames
        size_wh = frame_u8.shape[1::-1]
        with QUIET_OPENCV:
            if not num_frames and not writer.open(
                str(temporary), cv2.CAP_FFMPEG, _FOURCC, frames_per_second, size_wh
            ):
                raise MdjaxError(
                    f"{path}: the video cannot be written, {size_wh[0]}x{size_wh[1]} pixels at "
                    f"{frames_per_second:g} frames per second; check the folder and its disk."
                )
            writer.write(cv2.cvtColor(frame_u8, cv2.COLOR_RGB2BGR))
        num_frames += 1

    try:
        yield write
        writer.release()
        _check_written(temporary, path, num_frames)
        temporary.replace(path)
    finally:
        writer.release()
        temporary.unlink(missing_ok=True)


def _check_written(temporary: Path, path: Path, num_frames: int) -> None:
    """OpenCV does not tell that a disk is full: the file tells how many frames are in it."""
    try:
        with VideoReader(temporary) as video:
            num_written = video.num_frames
    except MdjaxError:
        num_written = None
    if num_written != num_frames:
        raise MdjaxError(
            f"{path}: the video is incomplete, {num_written or 0} of {num_frames} frames could be "
            "written; check whether the disk is full."
        )


def _describe_damage(path: Path) -> str:
    return (
        f"{path}: cannot be decoded as a video; get it again, or convert it (ffmpeg -i INPUT "
        "-c:v libx264 OUTPUT.mp4)."
    )
