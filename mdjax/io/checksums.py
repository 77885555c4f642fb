"""What a folder held when it was written, and whether it still does.

`checksums.json` names each file's size, and the hash of the small ones. Large files are only
measured: reading them whole would make opening slow, and ArrayRecord hashes every block itself.
"""

from pathlib import Path

from mdjax.io.json_file import read_json, write_json
from mdjax.io.read_file import hash_file, measure_file
from mdjax.types import MdjaxError

CHECKSUMS_NAME = "checksums.json"

_HASHED_SUFFIX = ".json"


def write_checksums(folder: Path) -> None:
    """Note size and hash of the files of a folder, when all of them are there.

    Raises:
        MdjaxError: The folder cannot be written.
    """
    files = {
        path.name: {
            "num_bytes": path.stat().st_size,
            "sha256": hash_file(path) if path.suffix == _HASHED_SUFFIX else None,
        }
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != CHECKSUMS_NAME
    }
    write_json(folder / CHECKSUMS_NAME, files)


def check_files(folder: Path, remedy: str) -> None:
    """Compare a folder with its checksums; one that has none, of an older version, passes.

    Args:
        folder: Where `write_checksums` was called.
        remedy: What to do where a file is damaged, for the message.

    Raises:
        MdjaxError: A file is missing, or of another size or hash.
    """
    path = folder / CHECKSUMS_NAME
    if not path.exists():
        return
    try:
        files = {
            str(name): (int(noted["num_bytes"]), noted["sha256"])
            for name, noted in read_json(path).items()
        }
    except (MdjaxError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise MdjaxError(f"{path}: is damaged; {remedy}.") from error
    for name, (num_bytes, sha256) in files.items():
        _check_file(folder / name, num_bytes, sha256, remedy)


def _check_file(path: Path, num_bytes: int, sha256: str | None, remedy: str) -> None:
    size = measure_file(path)
    if size is None:
        raise MdjaxError(f"{path}: file is missing; {remedy}.")
    if size != num_bytes:
        raise MdjaxError(
            f"{path}: is damaged, it has {size} bytes where {num_bytes} were written; {remedy}."
        )
    if sha256 is not None and hash_file(path) != sha256:
        raise MdjaxError(f"{path}: was changed since it was written; {remedy}.")
