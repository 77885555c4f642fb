"""Lists of image names, one a line."""

from pathlib import Path, PurePath

from mdjax.io.image_files import IMAGE_SUFFIXES, compose_name
from mdjax.io.read_file import read_text


def read_names(path: Path) -> list[str]:
    """Names of a list in their order, without blank lines; an image's ending may be there.

    Raises:
        MdjaxError: The list is missing, cannot be read or is no text in UTF-8.
    """
    lines = [compose_name(line.strip()) for line in read_text(path, path.name).splitlines()]
    return [
        PurePath(line).stem if line.lower().endswith(IMAGE_SUFFIXES) else line
        for line in lines
        if line
    ]
