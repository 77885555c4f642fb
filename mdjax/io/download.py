"""One file from the web, checked and kept: torchvision's ResNet-18."""

import contextlib
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs

from mdjax.io.read_file import hash_file
from mdjax.types import MdjaxError

RESNET18_URL = "https://download.pytorch.org/models/resnet18-f37072fd.pth"
"""IMAGENET1K_V1 as torchvision publishes it; its name carries the first digits of its SHA-256."""
RESNET18_SHA256_START = "f37072fd"
RESNET18_MEGABYTES = 45

_CHUNK_BYTES = 1 << 20
_TIMEOUT_SECONDS = 30


def fetch_resnet18(
    *,
    url: str = RESNET18_URL,
    sha256_start: str = RESNET18_SHA256_START,
    cache_dir: Path | None = None,
    show: Callable[[str], None] = lambda line: None,
) -> Path:
    """Return the path of torchvision's ResNet-18 file, which is downloaded once.

    A file that is in the cache is used without a network.

    Args:
        url: Where it is published.
        sha256_start: First digits of its SHA-256.
        cache_dir: Where it is kept; `mdjax` in the user's cache by default.
        show: Takes a line before the download.

    Raises:
        MdjaxError: There is no network, the server refuses, the answer was truncated, or the file
            is another one than was published. The cache is then as it was.
    """
    folder = cache_dir or Path(platformdirs.user_cache_dir("mdjax"))
    path = folder / url.rpartition("/")[2]
    if path.is_file() and hash_file(path).startswith(sha256_start):
        return path
    show(f"Downloading {url} (about {RESNET18_MEGABYTES} MB) to {path}")
    remedy = f"Download it by other means and give the file: --pretrained {path.name}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _open_temporary(folder) as temporary:
            _download(url, temporary)
            digest = hash_file(temporary)
            if not digest.startswith(sha256_start):
                raise MdjaxError(
                    f"{url}: what was downloaded is not the published file: its SHA-256 begins "
                    f"with {digest[: len(sha256_start)]}, not {sha256_start}. Try again. {remedy}"
                )
            temporary.replace(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise MdjaxError(f"{url}: cannot be downloaded: {reason}. {remedy}") from error
    return path


def _download(url: str, path: Path) -> None:
    with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer, path.open("wb") as file:
        expected, received = answer.headers["Content-Length"], 0
        while chunk := answer.read(_CHUNK_BYTES):
            received += len(chunk)
            file.write(chunk)
    if expected is not None and received != int(expected):
        raise OSError(f"the answer was truncated after {received} of {expected} bytes")


@contextlib.contextmanager
def _open_temporary(folder: Path) -> Iterator[Path]:
    """A new file that is gone afterwards, unless it was moved; two processes do not share it."""
    handle, name = tempfile.mkstemp(dir=folder, suffix=".part")
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
