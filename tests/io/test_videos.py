"""Videos are read frame by frame, and written whole or not at all."""

from pathlib import Path

import numpy as np
import pytest

from mdjax.io import videos
from mdjax.io.videos import VideoReader, is_video, write_video
from mdjax.types import MdjaxError
from tests.predict.video_files import read_frames, write_frames

SIZE_HW = (32, 48)


def make_frames(num_frames: int, size_hw: tuple[int, int] = SIZE_HW) -> list[np.ndarray]:
    """Each of one colour, brighter and brighter."""
    return [np.full((*size_hw, 3), 20 * number, np.uint8) for number in range(num_frames)]


def write_frames_with_mdjax(
    path: Path, frames: list[np.ndarray], error: type[BaseException] | None = None
) -> None:
    with write_video(path, 10) as write:
        for frame in frames:
            write(frame)
        if error is not None:
            raise error


def list_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("name", "fourcc"), [("a.mp4", "mp4v"), ("a.avi", "MJPG"), ("a.mkv", "FFV1"), ("a.MOV", "mp4v")]
)
def test_frames_come_in_order(tmp_path: Path, name: str, fourcc: str) -> None:
    path = write_frames(tmp_path / name, make_frames(8), 12.5, fourcc)
    assert is_video(path)
    with VideoReader(path) as video:
        assert video.num_frames == 8
        assert video.frames_per_second == pytest.approx(12.5)
        for number in range(8):
            frame = video.read()
            assert frame is not None
            assert frame.shape == (*SIZE_HW, 3)
            assert abs(frame.mean() - 20 * number) < 4  # lossy
        assert video.read() is None


def test_counts_of_16_bits_are_kept_where_wanted(tmp_path: Path) -> None:
    counts = np.random.default_rng(0).integers(0, 65_536, SIZE_HW, np.uint16)
    path = write_frames(tmp_path / "a.mkv", [counts])
    with VideoReader(path, keeps_counts=True) as video:
        np.testing.assert_array_equal(video.read(), counts)


@pytest.mark.parametrize("content", [b"", b"no video" * 50, None])
def test_damaged_video_is_one_message(
    tmp_path: Path, content: bytes | None, capfd: pytest.CaptureFixture[str]
) -> None:
    """The third one is cut off before the list of its frames; FFmpeg's own lines are not shown."""
    path = write_frames(tmp_path / "a.mp4", make_frames(4), fourcc="mp4v")
    path.write_bytes(path.read_bytes()[:-400] if content is None else content)
    with pytest.raises(MdjaxError, match=r"a\.mp4: cannot be decoded as a video; get it again"):
        VideoReader(path)
    assert capfd.readouterr().err == ""


def test_written_video_is_what_was_given(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with write_video(path, 12.5) as write:
        for frame in make_frames(5):
            frame[:, :16, 0] = 250
            write(frame)
            assert list_files(tmp_path) == [".out.incomplete.mp4"]
    assert list_files(tmp_path) == ["out.mp4"]
    frames = read_frames(path)
    assert len(frames) == 5
    red, rest = frames[2][:, :16], frames[2][:, 16:]
    assert red[..., 0].mean() - red[..., 2].mean() > 150
    assert abs(rest.mean() - 40) < 12


@pytest.mark.parametrize("size_hw", [(33, 49), (9, 16)])
def test_odd_sizes_lose_a_row_and_a_column(tmp_path: Path, size_hw: tuple[int, int]) -> None:
    with write_video(tmp_path / "a.mp4", 30000 / 1001) as write:
        write(np.zeros((*size_hw, 3), np.uint8))
    (frame,) = read_frames(tmp_path / "a.mp4")
    assert frame.shape[:2] == (size_hw[0] // 2 * 2, size_hw[1] // 2 * 2)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_fails_leaves_the_old_video(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("old")
    with pytest.raises(error):
        write_frames_with_mdjax(path, make_frames(1), error)
    assert path.read_text() == "old"
    assert list_files(tmp_path) == ["a.mp4"]


def test_video_that_lacks_frames_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk, of which the encoder tells nothing."""

    class FullDisk(VideoReader):
        def __init__(self, path: Path):
            super().__init__(path)
            self.num_frames = 1

    monkeypatch.setattr(videos, "VideoReader", FullDisk)
    with pytest.raises(MdjaxError, match=r"a\.mp4: the video is incomplete, 1 of 3 frames"):
        write_frames_with_mdjax(tmp_path / "a.mp4", make_frames(3))
    assert list_files(tmp_path) == []


def test_folder_that_is_not_there_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(MdjaxError, match=r"a\.mp4: the video cannot be written, 48x32 pixels"):
        write_frames_with_mdjax(tmp_path / "absent" / "a.mp4", make_frames(1))
