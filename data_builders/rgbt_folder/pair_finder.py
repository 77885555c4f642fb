"""Which pair a line of a list means, in any of the ways that lists name images."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePath

from mdjax.io.image_files import IMAGE_SUFFIXES, compose_name
from mdjax.io.pair_names import remove_former_ending, split_camera_word
from mdjax.io.read_file import read_text
from mdjax.types import MdjaxError

# In order of preference, what becomes of a name before it is compared.
_CLEANERS: tuple[Callable[[str], str], ...] = (
    str,
    remove_former_ending,
    lambda stem: split_camera_word(remove_former_ending(stem)).name,
)


class PairFinder:
    r"""Finds pairs by their name, by the paths of their images, and by what these have in common.

    A line may have an ending, folders before the name that the pair has not (`visible/train/a.png`,
    or those of another computer), `\\` for `/`, a word for a camera or a hash; and more columns,
    such as the label's file, behind a tab, a comma or a space.
    """

    def __init__(self, raw_dir: Path, pairs: Mapping[str, Iterable[Path]]):
        """Take the pairs.

        Args:
            raw_dir: Folder of the data set.
            pairs: Images by name; also one alone, whose partner is missing.
        """
        self._raw_dir = raw_dir
        self._pairs = pairs
        # Many data sets have no list, and most lists need the first of them alone.
        self._names_of_key: list[dict[str, set[str]]] = []

    @property
    def is_empty(self) -> bool:
        """Whether there are no pairs."""
        return not self._pairs

    @property
    def names(self) -> frozenset[str]:
        """Names of all pairs."""
        return frozenset(self._pairs)

    def find(self, line: str) -> str | None:
        """Find the name of the pair that a line means; None where there is none.

        Raises:
            MdjaxError: It may be one of several.
        """
        for text in _split_columns(line):
            for number, clean in enumerate(_CLEANERS):
                names = self._get_names(number)
                key = _clean(text, clean)
                parts = key.split("/")
                ends = ["/".join(parts[start:]) for start in range(len(parts))]
                for end in ends if len(parts) > 1 else [key, f"/{key}"]:
                    if end in names:
                        return _choose(names[end])
        return None

    def _get_names(self, number: int) -> Mapping[str, set[str]]:
        """Names by what becomes of them and of paths by one of the cleaners."""
        while len(self._names_of_key) <= number:
            clean = _CLEANERS[len(self._names_of_key)]
            names: dict[str, set[str]] = {}
            for name, paths in self._pairs.items():
                files = [_remove_ending(_relate(path, self._raw_dir)) for path in paths]
                folder = "".join(name.rpartition("/")[:2])
                files += [f"{folder}{path.rpartition('/')[2]}" for path in files]
                for key in {_clean(path, clean) for path in (name, *files)}:
                    names.setdefault(key, set()).add(name)
                    # A list may omit the folder; a leading / tells this from a folder's own files.
                    names.setdefault(f"/{key.rpartition('/')[2]}", set()).add(name)
            self._names_of_key.append(names)
        return self._names_of_key[number]


def read_lines(path: Path) -> list[str]:
    """Read the lines of a list in order, without blank ones; names in them are composed.

    Raises:
        MdjaxError: The list is missing, cannot be read or is not UTF-8 text.
    """
    lines = (compose_name(line.strip()) for line in read_text(path, path.name).splitlines())
    return [_remove_ending(line) for line in lines if line]


def _relate(path: Path, raw_dir: Path) -> str:
    return compose_name(path.relative_to(raw_dir).as_posix())


def _remove_ending(path: str) -> str:
    is_image = path.lower().endswith(IMAGE_SUFFIXES)
    return path[: -len(PurePath(path).suffix)] if is_image else path


def _clean(path: str, clean: Callable[[str], str]) -> str:
    folder, separator, stem = path.rpartition("/")
    return f"{folder}{separator}{clean(stem)}"


def _split_columns(line: str) -> Iterator[str]:
    """The whole line as one name, which may contain spaces, and its first column."""
    for separator in (None, "\t", ",", " "):
        text = line if separator is None else line.partition(separator)[0]
        yield _remove_ending(text.strip().replace("\\", "/").removeprefix("./"))


def _choose(names: set[str]) -> str:
    if len(names) > 1:
        first, second, *_ = sorted(names)
        raise MdjaxError(
            f"is the name of {len(names)} pairs ({first}, {second}...); write the folder before it."
        )
    return next(iter(names))
