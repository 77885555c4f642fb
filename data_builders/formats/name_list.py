"""Lists of image names, one per line."""

from pathlib import Path, PurePath

from mdjax.io.image_files import IMAGE_SUFFIXES, compose_name
from mdjax.io.read_file import read_text

LIST_FOLDERS = (".", "ImageSets/Main", "ImageSets/Layout", "ImageSets/Segmentation")
"""Where lists are, inside the folder of a data set: there itself, or as Pascal VOC has them."""


def read_names(path: Path) -> list[str]:
    """Read the names of a list in order, without blank lines; file extensions are allowed.

    Raises:
        MdjaxError: The list is missing, cannot be read or is not UTF-8 text.
    """
    lines = [compose_name(line.strip()) for line in read_text(path, path.name).splitlines()]
    return [
        PurePath(line).stem if line.lower().endswith(IMAGE_SUFFIXES) else line
        for line in lines
        if line
    ]
