"""How well `mdjax prepare` tells shifted thermal images: real pairs, and generated scenes.

    python experiments/thermal_shifts.py FOLDER [--num-draws 20]

The folder has msrs/train, mfnet and kaist in their published layouts. Thermal images are shifted by
a known number of pixels, for images of 640 columns, and pairs are drawn at random. Of each set,
shift and number of pairs, the table has the share of the draws that are warned of, and the largest
error of the shift that the warning gives. In the rows `unrelated` the thermal images are those of
other pairs: there is no shift to be found.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data_builders.checks.registration import PairEdges, compute_pair_edges, find_shift
from mdjax.io.images import decode_thermal_counts, decode_visible, decode_visible_thermal
from mdjax.io.json_file import write_json
from mdjax.scenes import render_scene

_WIDTH = 640
_SHIFTS_PX = ((0, 0), (6, 0), (9, 0), (0, 9), (13, 0), (25, -12), (40, 0), (64, 0))
_NUM_PAIRS = (5, 10, 20, 40)
_MAX_PAIRS = 60
_NUM_SCENES = 40
_RESULTS = Path(__file__).parent / "results" / "thermal_shifts.json"

_Pair = tuple[np.ndarray, np.ndarray]


def main() -> None:
    """Measure all sets, print a table, and write the numbers."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--num-draws", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=_RESULTS)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    print("| set | shift | pairs | warned | largest error |\n|---|---|---|---|---|")
    rows: list[dict[str, object]] = []
    for title, pairs in _list_sets(options.folder):
        for row in _measure(pairs, options.num_draws, rng):
            rows.append({"set": title, **row})
            print(f"| {' | '.join(map(str, rows[-1].values()))} |", flush=True)
    write_json(options.out, {"num_draws": options.num_draws, "seed": options.seed, "rows": rows})


def _list_sets(folder: Path) -> Iterator[tuple[str, list[_Pair]]]:
    for time, letter in (("day", "D"), ("night", "N")):
        paths = sorted((folder / "msrs" / "train" / "vi").glob(f"*{letter}.jpg"))
        yield f"MSRS {time}", [_read(path, path.parent.parent / "ir") for path in _spread(paths)]
        paths = sorted((folder / "mfnet" / "images").glob(f"*{letter}.png"))
        yield (
            f"MFNet {time}",
            [decode_visible_thermal(path.read_bytes(), path.name) for path in _spread(paths)],
        )
    paths = sorted((folder / "kaist" / "images").rglob("visible/*"))
    yield "KAIST", [_read(path, path.parent.parent / "lwir") for path in _spread(paths)]
    scenes = [render_scene(0, number, (240, 320)) for number in range(_NUM_SCENES)]
    yield "generated scenes", [(scene.visible_u8, scene.thermal_u8) for scene in scenes]


def _spread(paths: list[Path]) -> list[Path]:
    return paths[:: -(-len(paths) // _MAX_PAIRS)]


def _read(visible: Path, thermal_folder: Path) -> _Pair:
    (thermal,) = thermal_folder.glob(f"{visible.stem}.*")
    return (
        decode_visible(visible.read_bytes(), visible.name),
        decode_thermal_counts(thermal.read_bytes(), thermal.name),
    )


def _measure(
    pairs: list[_Pair], num_draws: int, rng: np.random.Generator
) -> Iterator[dict[str, object]]:
    sizes = sorted({min(count, len(pairs)) for count in _NUM_PAIRS})
    draws = {size: [rng.permutation(len(pairs))[:size] for _ in range(num_draws)] for size in sizes}
    for shift_px in _SHIFTS_PX:
        edges = [_compute_edges(pair, shift_px) for pair in pairs]
        for chosen in draws.values():
            yield _describe([[edges[k] for k in draw] for draw in chosen], pairs, shift_px)
    edges = [_compute_edges(pair, (0, 0)) for pair in pairs]
    for chosen in draws.values():
        partners = [(draw + len(pairs) // 2) % len(pairs) for draw in chosen]
        mixed = [
            [PairEdges(edges[k].visible, edges[j].thermal) for k, j in zip(*both, strict=True)]
            for both in zip(chosen, partners, strict=True)
        ]
        yield _describe(mixed, pairs, None)


def _compute_edges(pair: _Pair, shift_px: tuple[int, int]) -> PairEdges:
    visible_u8, thermal = pair
    right, down = (round(pixels * thermal.shape[1] / _WIDTH) for pixels in shift_px)
    return compute_pair_edges(visible_u8, np.roll(thermal, (down, right), (0, 1)))


def _describe(
    draws: list[list[PairEdges]], pairs: list[_Pair], shift_px: tuple[int, int] | None
) -> dict[str, object]:
    height, width = pairs[0][0].shape[:2]
    found = [find_shift(draw, (height, width)) for draw in draws]
    found_px = np.array(
        [(s.right * _WIDTH, s.down * _WIDTH * height / width) for s in found if s is not None]
    ).reshape(-1, 2)
    error_px = None
    if shift_px is not None and len(found_px):
        error_px = round(float(np.linalg.norm(found_px - shift_px, axis=1).max()), 1)
    return {
        "shift_px": "unrelated" if shift_px is None else list(shift_px),
        "num_pairs": len(draws[0]),
        "share_warned": len(found_px) / len(draws),
        "max_error_px": error_px,
    }


if __name__ == "__main__":
    main()
