"""Networks that were trained with one camera and see the image of another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdjax.io.checkpoint import has_checkpoint
from mdjax.runs.config import TrainConfig
from mdjax.runs.loading import load_network
from mdjax.runs.results import read_result
from mdjax.runs.resuming import require_same_config
from mdjax.runs.scoring import evaluate_network
from mdjax.statistics.pooling import ImageScore
from mdjax.studies.jobs import Job
from mdjax.studies.per_image import describe_images
from mdjax.tradeoff.rows import KINDS, Tradeoff
from mdjax.tradeoff.sensors import Sensor


@dataclass(frozen=True)
class CrossScores:
    """Scores of the networks of one seed.

    Attributes:
        seed: The seed; None if no weights are there at all.
        trained: Cameras that networks were trained with, by network.
        seen: Cameras whose image they were shown.
        scores: By row and resolution that was seen; a row without weights is missing.
        missing: Rows without weights.
    """

    seed: int | None
    trained: Mapping[str, Sequence[Sensor]]
    seen: Sequence[Sensor]
    scores: Mapping[tuple[str, str], float]
    missing: tuple[str, ...]


def score_crosswise(
    tradeoff: Tradeoff, jobs: Sequence[Job], score: ImageScore[Any, Any], *, data_dir: Path
) -> CrossScores:
    """Score trained networks with every camera, on the test images of their training.

    The seed is that with the most weights in its run directories, the first of several. Nothing is
    trained. A native network without a camera has no input for one, and is not shown any.

    Args:
        tradeoff: What is compared.
        jobs: All runs.
        score: Which score.
        data_dir: Folder of prepared data sets.

    Raises:
        MdjaxError: A run directory has another configuration, or the data are not there.
    """
    names = {
        kind: {tradeoff.name_row(kind, x.resolution): x for x in tradeoff.sensors} for kind in KINDS
    }
    shown = [row for of_kind in names.values() for row in of_kind]
    wanted = [job for job in jobs if job.row in shown and _sees_camera(job)]
    found = [job for job in wanted if _has_weights(job.run_dir)]
    seeds = [job.seed for job in found]
    seed = min(set(seeds), key=lambda x: (-seeds.count(x), x), default=None)
    scores: dict[tuple[str, str], float] = {}
    for job in found:
        if job.seed != seed:
            continue
        require_same_config(job.run_dir, job.config)
        loaded = load_network(job.run_dir)
        for sensor in tradeoff.sensors:
            evaluation = evaluate_network(loaded, data_dir=data_dir, resolution=sensor.resolution)
            scores[job.row, sensor.resolution] = score.compute(describe_images(evaluation))
    rows = dict.fromkeys(job.row for job in wanted)
    return CrossScores(
        seed,
        {
            kind: [sensor for row, sensor in of_kind.items() if row in rows]
            for kind, of_kind in names.items()
        },
        tradeoff.sensors,
        scores,
        tuple(row for row in rows if not any(row == done for done, _ in scores)),
    )


def _sees_camera(job: Job) -> bool:
    return isinstance(job.config, TrainConfig) and job.config.network.sees_camera


def _has_weights(run_dir: Path) -> bool:
    return (
        run_dir.is_dir()
        and read_result(run_dir) is not None
        and has_checkpoint(run_dir / "checkpoints" / "last")
    )
