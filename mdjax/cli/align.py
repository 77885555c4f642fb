"""`mdjax align`: find the homography between the two cameras of a rig."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mdjax.align.common_view import CommonView, PartXyxy, find_common_part
from mdjax.align.estimate import MIN_PAIRS, GreyPairs, estimate_from_edges, reduce_image
from mdjax.align.homography import CameraHomography, write_homography
from mdjax.align.points import estimate_from_points, read_points
from mdjax.cli.options import parse_options
from mdjax.cli.output import print_json, show_on_stderr
from mdjax.config import config_to_dict
from mdjax.io.findings import Findings, group_problems
from mdjax.io.folder_tree import scan_folders
from mdjax.io.image_folders import find_image_folders, match_image_folders
from mdjax.io.images import decode_thermal_counts, decode_visible
from mdjax.io.read_file import read_bytes
from mdjax.types import MdjaxError, format_count
from mdjax.viz.alignment import AlignmentRow, save_alignment

_NUM_SHOWN_PAIRS = 4
_MAX_SHOWN_SIZES = 3


@dataclass(frozen=True)
class Align:
    """Find where each point of a thermal image lies in the visible image, for one pair of cameras.

    All pairs of a rig whose cameras are fixed to each other have the same homography. It is
    estimated from the edges of some pairs; or, with --points, from points that you have clicked.
    Then `mdjax prepare rgbt-folder --homography FILE` and `mdjax predict --homography FILE` cut
    both images to what both cameras see.

    Attributes:
        raw: Folder with pairs, as `mdjax prepare rgbt-folder` reads it; it needs no splits and no
            annotations.
        out: JSON file to write; a picture of some pairs, before and after, goes to a PNG file of
            the same name: look at it.
        points: CSV file with the columns visible_x_px, visible_y_px, thermal_x_px, thermal_y_px:
            one thing in both images a line, at least 6 lines, of any pairs.
        num_pairs: How many pairs are used, evenly spread over all.
        overwrite: Replace files of an earlier call.
        json: Print one JSON object instead of the summary.
    """

    raw: Path
    out: Path = Path("homography.json")
    points: Path | None = None
    num_pairs: int = 24
    overwrite: bool = False
    json: bool = False


class _Pairs(NamedTuple):
    """Pairs that are aligned, and how some of them look."""

    grey: GreyPairs
    shown: list[tuple[str, np.ndarray, np.ndarray]]
    """Name, visible and thermal image."""


def run_align(arguments: Sequence[str]) -> int:
    """Run `mdjax align --raw DIR [options]`."""
    command: Align = parse_options(Align, arguments, prog="mdjax align")
    if command.num_pairs < MIN_PAIRS:
        raise MdjaxError(f"--num-pairs {command.num_pairs}: give {MIN_PAIRS} or more.")
    picture = _check_output(command)
    pairs = _read_pairs(command)
    homography = _estimate(command, pairs)
    part = find_common_part(homography)
    write_homography(homography, command.out)
    _draw(pairs, homography, part, picture)
    if command.json:
        print_json(_to_plain(command, homography, part, picture))
    else:
        print(_format_summary(command, homography, part, picture))
    return 0


def _check_output(command: Align) -> Path:
    """The picture's file, after nothing stands in the way of both."""
    if command.out.suffix != ".json":
        raise MdjaxError(f"{command.out}: give the file a name that ends in .json.")
    picture = command.out.with_suffix(".png")
    for path in (command.out, picture):
        if path.exists() and not command.overwrite:
            raise MdjaxError(f"{path}: already exists; replace it with --overwrite.")
    if not command.out.parent.is_dir():
        raise MdjaxError(f"{command.out.parent}: there is no such folder.")
    return picture


def _read_pairs(command: Align) -> _Pairs:
    """Read pairs that are spread evenly over the folder.

    Raises:
        MdjaxError: There are none, images are damaged, or those of one camera differ in size.
    """
    raw_dir, findings = command.raw.resolve(), Findings()
    if not raw_dir.is_dir():
        raise MdjaxError(f"{raw_dir}: there is no such folder.")
    try:
        # Of two splits with equal names, the pair of one is enough.
        layout = find_image_folders(raw_dir, scan_folders(raw_dir))
        files = match_image_folders(layout.pairs, findings).pairs
    except MdjaxError as error:
        raise MdjaxError(f"{raw_dir}: {error}") from error
    if not files:
        raise MdjaxError(_describe(raw_dir, "no pairs were found", findings.problems))
    names = _spread(sorted(files), command.num_pairs)
    shown_names = _spread(names, _NUM_SHOWN_PAIRS)
    rig = _Rig()
    problems: list[str] = []
    shown: list[tuple[str, np.ndarray, np.ndarray]] = []
    for name in names:
        try:
            visible_u8, thermal = _decode(*files[name])
        except MdjaxError as error:
            problems.append(str(error))
            continue
        rig.add(name, visible_u8, thermal)
        if name in shown_names:
            shown.append((name, visible_u8, thermal))
    problems += rig.find_differing_sizes()
    if problems:
        raise MdjaxError(_describe(raw_dir, "its pairs cannot be aligned", problems))
    return _Pairs(rig.finish(), shown)


def _spread(names: Sequence[str], count: int) -> list[str]:
    """Names that are spread evenly over all; all if there are no more."""
    last = len(names) - 1
    return [names[int(k)] for k in np.linspace(0, last, min(count, last + 1)).round()]


def _decode(visible: Path, thermal: Path) -> tuple[np.ndarray, np.ndarray]:
    return (
        decode_visible(read_bytes(visible, str(visible)), str(visible)),
        decode_thermal_counts(read_bytes(thermal, str(thermal)), str(thermal)),
    )


class _Rig:
    """Images of two cameras, one pair after the other."""

    def __init__(self):
        self._visible: list[np.ndarray] = []
        self._thermal: list[np.ndarray] = []
        self._sizes_wh: tuple[dict[tuple[int, int], str], ...] = ({}, {})

    def add(self, name: str, visible_u8: np.ndarray, thermal: np.ndarray) -> None:
        """Take a pair; all that is kept of it is small."""
        for sizes_wh, image in zip(self._sizes_wh, (visible_u8, thermal), strict=True):
            sizes_wh.setdefault((image.shape[1], image.shape[0]), name)
        self._visible.append(reduce_image(visible_u8))
        self._thermal.append(reduce_image(thermal))

    def find_differing_sizes(self) -> list[str]:
        """Find cameras whose images differ in size."""
        return [
            f"{camera} images: are of {', '.join(f'{w}x{h} ({x})' for (w, h), x in some)} pixels; "
            "give pairs of one rig alone."
            for camera, sizes_wh in zip(("visible", "thermal"), self._sizes_wh, strict=True)
            if len(some := [*sizes_wh.items()][:_MAX_SHOWN_SIZES]) > 1
        ]

    def finish(self) -> GreyPairs:
        """All pairs, if their sizes do not differ."""
        visible_size_wh_px, thermal_size_wh_px = (next(iter(sizes)) for sizes in self._sizes_wh)
        return GreyPairs(self._visible, self._thermal, visible_size_wh_px, thermal_size_wh_px)


def _describe(place: Path, what: str, problems: Sequence[str]) -> str:
    return f"{place}: {what}." + "".join(f"\n  {line}" for line in group_problems(problems).lines)


def _estimate(command: Align, pairs: _Pairs) -> CameraHomography:
    sizes = (pairs.grey.visible_size_wh_px, pairs.grey.thermal_size_wh_px)
    try:
        if command.points is not None:
            return estimate_from_points(read_points(command.points, *sizes), *sizes)
        show_on_stderr(
            f"Aligning {format_count(len(pairs.grey.visible), 'pair')}; this takes a minute."
        )
        return estimate_from_edges(pairs.grey)
    except MdjaxError as error:
        place = command.raw if command.points is None else command.points
        text = str(error) if str(error).startswith(str(place)) else f"{place}: {error}"
        raise MdjaxError(f"{text} Nothing was written.") from error


def _draw(pairs: _Pairs, homography: CameraHomography, part: PartXyxy, picture: Path) -> None:
    """Draw some pairs before and after."""
    width, height = homography.visible_size_wh_px
    whole = CommonView((0, 0, width, height), homography)
    rows = [
        AlignmentRow(name, visible_u8, thermal, whole.warp_thermal(thermal, name))
        for name, visible_u8, thermal in pairs.shown
    ]
    size = np.array([width, height])
    save_alignment(rows, homography.map_edges() / size, part / np.tile(size, 2), picture)


def _format_summary(
    command: Align, homography: CameraHomography, part: PartXyxy, picture: Path
) -> str:
    evidence = homography.evidence
    assert evidence is not None
    left, top, right, bottom = part
    width, height = homography.visible_size_wh_px
    how = (
        f"From {evidence.num_pairs} pairs; alignments of two halves of them differ by "
        f"{evidence.residual_px:.1f} pixels at most."
    )
    if evidence.method == "points":
        how = (
            f"From {format_count(evidence.num_pairs, 'point')} that fit; they are "
            f"{evidence.residual_px:.1f} pixels off (root mean square)."
        )
    options = shlex.join(["--raw", str(command.raw), "--homography", str(command.out)])
    return "\n".join(
        [
            how,
            f"Both cameras see {right - left}x{bottom - top} pixels at ({left}, {top}) of visible "
            f"images of {width}x{height}.",
            f"Look at it before you use it: {picture}",
            "Use it, with the options for splits and annotations that your folder needs:",
            f"  mdjax prepare rgbt-folder {options}",
        ]
    )


def _to_plain(
    command: Align, homography: CameraHomography, part: PartXyxy, picture: Path
) -> dict[str, Any]:
    return {
        **{name: getattr(command, name) for name in ("raw", "out", "points")},
        "picture": picture,
        "homography": config_to_dict(homography),
        "part_xyxy_px": part,
    }
