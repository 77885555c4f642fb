"""A study: teacher, visible-only, native and distilled student over several seeds.

Every network gets the same data, augmentation, schedule and number of steps; each seed has a
teacher of its own, so that the error bars include the teacher's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from mdjax.config import config_to_dict
from mdjax.io.run_directory import RunDirectory
from mdjax.models.config import (
    FeatureLevelConfig,
    ImageLevelConfig,
    MdStudentConfig,
    NetworkConfig,
    VisibleOnlyConfig,
)
from mdjax.runs.config import DistillConfig, RunConfig, TrainConfig
from mdjax.runs.results import RunResult, read_result
from mdjax.runs.training import MAY_DIFFER_ON_RESUME, train

Config = TypeVar("Config", bound=TrainConfig)

TEACHER, VISIBLE, NATIVE, DISTILLED = "teacher", "visible-only", "native", "distilled"

NATIVE_NETWORKS: Mapping[str, type[NetworkConfig]] = {
    TEACHER: FeatureLevelConfig,
    VISIBLE: VisibleOnlyConfig,
    NATIVE: ImageLevelConfig,
}


class Recipe(Protocol):
    """Configures data, schedule and size for a network, such as `presets.configure_mfnet`."""

    def __call__(self, base: Config, network: type[NetworkConfig]) -> Config:
        """Return `base` with everything that the recipe decides replaced."""
        ...


def run_study(
    recipe: Recipe,
    study_dir: Path,
    *,
    seeds: Sequence[int],
    adjust: Callable[[Any], Any] = lambda config: config,
    show: Callable[[str], None] = print,
) -> dict[str, list[RunResult]]:
    """Train every network for every seed, one after the other.

    Call it again after an interruption: finished runs are read, the one in progress is resumed;
    runs of another configuration are refused.

    Args:
        recipe: What all networks share.
        study_dir: Holds the runs, `seed0/teacher` and so on.
        seeds: One training of each network a seed.
        adjust: Last changes to each configuration, such as another data folder.
        show: Takes lines that a person should read.

    Returns:
        Results by network, one a seed, in the order of the table.
    """
    results: dict[str, list[RunResult]] = {name: [] for name in (*NATIVE_NETWORKS, DISTILLED)}
    for seed in seeds:
        seed_dir = study_dir / f"seed{seed}"
        for name, network in NATIVE_NETWORKS.items():
            config = adjust(recipe(TrainConfig(), network))
            results[name].append(
                train_or_read_result(replace(config, seed=seed), seed_dir / name, show)
            )
        distilled = adjust(recipe(DistillConfig(teacher=seed_dir / TEACHER), MdStudentConfig))
        results[DISTILLED].append(
            train_or_read_result(replace(distilled, seed=seed), seed_dir / DISTILLED, show)
        )
    return results


def train_or_read_result(
    config: TrainConfig, run_dir: Path, show: Callable[[str], None] = print
) -> RunResult:
    """Train or resume, unless the run is finished: then read its result.

    Raises:
        MdjaxError: The run in the directory has another configuration.
    """
    finished = read_result(run_dir)
    if finished is not None:
        # Numbers of other settings must not pass for these.
        values = config_to_dict(config, RunConfig)
        RunDirectory.reopen(run_dir, values, may_differ=MAY_DIFFER_ON_RESUME)
        show(f"{run_dir}: finished before")
        return finished
    show(f"{run_dir}: {config.loop.num_steps} steps")
    return train(config, run_dir, resume=run_dir.exists(), show=show)
