"""What cannot be written is named by the path that the user gave, with reason and remedy."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mdjax.io.json_file import write_text
from mdjax.io.whole_folder import write_whole_folder
from mdjax.io.write_failure import explain_write_failure, make_folder
from mdjax.types import MdjaxError


def fill_folder(path: Path) -> None:
    with write_whole_folder(path) as folder:
        (folder / "a").touch()


@pytest.mark.parametrize("make", [make_folder, fill_folder])
@pytest.mark.parametrize("name", ["v.mp4/sub", "v.mp4/sub/below"])
def test_file_in_the_way_is_named(make: Callable[[Path], None], name: str, tmp_path: Path) -> None:
    (tmp_path / "v.mp4").touch()
    with pytest.raises(MdjaxError) as refusal:
        make(tmp_path / name)
    what = "created" if make is make_folder else "written"
    reason = f"{tmp_path}/v.mp4 is not a folder; give another folder."
    assert str(refusal.value) == f"{tmp_path / name}: cannot be {what}: {reason}"
    assert [path.name for path in tmp_path.iterdir()] == ["v.mp4"]


def test_file_of_the_same_name_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").touch()
    with pytest.raises(MdjaxError, match=r"v.mp4: cannot be created: .*v.mp4 is not a folder; "):
        make_folder(tmp_path / "v.mp4")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc, which takes no files")
@pytest.mark.parametrize("make", [make_folder, fill_folder, lambda path: write_text(path, "")])
def test_folder_that_takes_nothing_is_named(make: Callable[[Path], None]) -> None:
    with pytest.raises(MdjaxError) as refusal:
        make(Path("/proc/x"))
    assert str(refusal.value).startswith("/proc/x: cannot be ")
    assert str(refusal.value).endswith(
        ": /proc takes no new files or folders; give another folder."
    )


def test_disk_that_is_full_while_a_folder_is_filled(tmp_path: Path) -> None:
    def fill() -> None:
        with write_whole_folder(tmp_path / "out") as folder:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder / "model.onnx"))

    with pytest.raises(MdjaxError) as refusal:
        fill()
    reason = "No space left on device; free some space there, or give another folder."
    assert str(refusal.value) == f"{tmp_path}/out: cannot be written: {reason}"
    assert list(tmp_path.iterdir()) == []


def test_errors_of_other_files_pass_through_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), write_whole_folder(tmp_path / "out"):
        (tmp_path / "absent").read_bytes()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOENT, "there is no folder none; create it, or give another one."),
        (errno.EISDIR, "it is a folder; give another name."),
        (
            errno.EACCES,
            r"Permission denied; give another folder, or get the right to write there.",
        ),
        (errno.ENAMETOOLONG, "the name is too long; give a shorter one."),
        (errno.EIO, "Input/output error."),
    ],
)
def test_each_reason_has_its_remedy(number: int, said: str) -> None:
    error = OSError(number, os.strerror(number))
    assert explain_write_failure(Path("none/a"), error) == said
