"""Which file names belong together, though tools and cameras add something to them.

a.png               a.png                  equal
a_rgb.png           a_t.png                with a word for the camera, at the end or in front
a_jpg.rf.0f3c.jpg   a_jpg.rf.77e1.jpg      with a hash of the tool that exported them
"""

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

VISIBLE_WORDS = ("visible", "visual", "vis", "vi", "rgb", "color", "colour", "co", "eo", "v", "w")
"""In lower case, the words that say in a file's name that its image is visible; v and w are those
of drones, for visible and wide."""

THERMAL_WORDS = ("thermal", "infrared", "ir", "tir", "lwir", "fir", "th", "t", "previewdata")

_HASH = re.compile(r"\.rf\.[0-9A-Za-z]+$")
_FORMER_ENDING = re.compile(r"[_.](?:png|jpe?g|bmp|tiff?|webp)$", re.IGNORECASE)


_ALL_WORDS = tuple(dict.fromkeys((*VISIBLE_WORDS, *THERMAL_WORDS)))


@functools.cache
def _make_pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    anyone = "|".join(words)
    return re.compile(rf"[_.\- ](?:{anyone})$|^(?:{anyone})[_.\- ]", re.IGNORECASE)


class SplitName(NamedTuple):
    """A name, and the word for a camera that was in it."""

    name: str
    word: str
    """As it is in the name, with its separator; empty where there is none."""


def split_camera_word(stem: str, words: tuple[str, ...] = _ALL_WORDS) -> SplitName:
    """Take the word for a camera out of a name: `a_rgb` and `rgb_a` are both `a`.

    Args:
        stem: Name without ending.
        words: `VISIBLE_WORDS`, `THERMAL_WORDS`, or by default those of both.
    """
    match = _make_pattern(words).search(stem)
    if match is None or len(match[0]) == len(stem):
        return SplitName(stem, "")
    return SplitName(stem[: match.start()] + stem[match.end() :], match[0])


def remove_hash(stem: str) -> str:
    """Take out what Roboflow adds to a name: `a_jpg.rf.0f3c` is `a_jpg`."""
    return _HASH.sub("", stem)


def remove_former_ending(stem: str) -> str:
    """Take out what Roboflow makes of a name and its ending: `a_jpg.rf.0f3c` is `a`."""
    without = remove_hash(stem)
    return stem if without == stem else _FORMER_ENDING.sub("", without)


def _keep(stem: str) -> str:
    return stem


class _Rule(NamedTuple):
    """What becomes of names, so that those of a pair are equal."""

    clean: Callable[[str], str]
    has_words: bool
    """Whether words for cameras are taken out."""


# In order of preference: the first that gives the most pairs counts.
_RULES = (
    _Rule(remove_hash, has_words=False),
    _Rule(remove_former_ending, has_words=False),
    _Rule(_keep, has_words=True),
    _Rule(remove_hash, has_words=True),
    _Rule(remove_former_ending, has_words=True),
)


class NamedFiles(NamedTuple):
    """Visible and thermal files, each by the name of its pair."""

    visible: dict[str, Path]
    thermal: dict[str, Path]

    def count_pairs(self) -> int:
        """Count the names that both have."""
        return len(self.visible.keys() & self.thermal.keys())


def match_names(files: NamedFiles) -> NamedFiles:
    """Give both images of a pair the same name.

    One rule holds for all files; if no other gives more pairs, names stay as they are. Words for a
    camera count where most files of its folder have one. Where two files would get one name, the
    second keeps its own.

    Args:
        files: By name without ending.
    """
    best = files
    if files.visible.keys() == files.thermal.keys():
        return files
    for rule in _RULES:
        renamed = NamedFiles(
            _rename(files.visible, VISIBLE_WORDS, rule), _rename(files.thermal, THERMAL_WORDS, rule)
        )
        if renamed.count_pairs() > best.count_pairs():
            best = renamed
    return best


def _rename(files: Mapping[str, Path], words: tuple[str, ...], rule: _Rule) -> dict[str, Path]:
    names = [rule.clean(stem) for stem in files]
    if rule.has_words:
        split = [split_camera_word(name, words) for name in names]
        if 2 * sum(bool(word) for _, word in split) > len(split):
            names = [name for name, _ in split]
    renamed: dict[str, Path] = {}
    for (stem, path), name in zip(files.items(), names, strict=True):
        renamed[stem if name in renamed else name] = path
    return renamed


def match_cameras(files: Mapping[str, Path]) -> NamedFiles:
    """Sort the images of one folder by the words for cameras in their names.

    A visible image may have none, if its thermal image has one: `a` and `a_ir`. Names without word
    that belong to no thermal image count as visible.

    Args:
        files: By name without ending.
    """
    thermal: dict[str, Path] = {}
    others: dict[str, Path] = {}
    for stem, path in files.items():
        name, word = split_camera_word(remove_former_ending(stem), THERMAL_WORDS)
        part, key = (thermal, name) if word else (others, stem)
        part[stem if key in part else key] = path
    return match_names(NamedFiles(others, thermal))


class CameraWords(NamedTuple):
    """The words that tell the two images of a pair, in lower case."""

    visible: str
    """Empty where the visible image has none."""
    thermal: str


def find_camera_words(stems: Iterable[str]) -> set[CameraWords]:
    """Find all words that tell two images of one name: of `a_rgb` and `a_ir`, `rgb` and `ir`.

    Args:
        stems: Names without ending, of one folder.
    """
    names = {remove_former_ending(stem) for stem in stems}
    visible, thermal = (_group_words(names, words) for words in (VISIBLE_WORDS, THERMAL_WORDS))
    return {
        CameraWords(visible_word, thermal_word)
        for name, thermal_words in thermal.items()
        for visible_word in visible.get(name, [""] if name in names else [])
        for thermal_word in thermal_words
    }


def _group_words(names: Iterable[str], words: tuple[str, ...]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for stem in names:
        name, word = split_camera_word(stem, words)
        if word:
            groups.setdefault(name, []).append(word.strip("_.- ").lower())
    return groups
