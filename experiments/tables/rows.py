"""All rows that tables choose from, each as its difference from another.

Two rows of equal configuration are one run: `distilled` of a recipe that uses the MSE is
`distilled-mse` too.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from experiments.tables.csk_rows import create_csk_rows
from mdjax.models.config import ImageLevelConfig
from mdjax.presets import METHODS
from mdjax.runs.config import DistillConfig, FuseConfig
from mdjax.studies.jobs import Row, SeedRuns
from mdjax.studies.rows import (
    DISTILLED,
    NATIVE,
    TEACHER,
    THERMAL,
    VISIBLE,
    Recipe,
    change_camera,
    change_method,
    create_rows,
)

RESOLUTIONS = ("full", "4x", "64x", "none")
"""Of the student's thermal camera, besides the recipe's own 16x."""
PEERS = tuple(name for name, (_, network, _) in METHODS.items() if network is ImageLevelConfig)
"""Methods that distil the native student."""

Adjust = Callable[[Any], Any]


def create_all_rows(recipe: Recipe, adjust: Adjust = lambda config: config) -> dict[str, Row]:
    """List every row by name; a row can name those before it.

    Args:
        recipe: What all networks share.
        adjust: Last changes to each configuration, such as another data folder.
    """
    rows = create_rows(recipe, adjust)
    for resolution in RESOLUTIONS:
        for name in (NATIVE, DISTILLED):
            rows[f"{name}-{resolution}"] = change_camera(rows[name], resolution=resolution)
    for name in (NATIVE, DISTILLED):
        rows[f"{name}-half-head"] = halve_head(rows[name])
    rows["thermal-only-full"] = change_camera(rows[THERMAL], resolution="full")
    rows["decision-level-full"] = lambda runs: FuseConfig(
        visible=runs[VISIBLE], thermal=runs["thermal-only-full"]
    )
    distilled = rows[DISTILLED]
    rows["distilled-mse"] = change_method(distilled, semantic_loss="mse")
    rows["distilled-focal"] = distil_by_focal_mse(distilled)
    rows["distilled-mse-alone"] = change_method(rows["distilled-mse"], attention_weight=0.0)
    rows["distilled-focal-alone"] = change_method(rows["distilled-focal"], attention_weight=0.0)
    rows["distilled-attention-alone"] = change_method(distilled, semantic_weight=0.0)
    for peer in PEERS:
        rows[f"peer-{peer}"] = distil_by(peer, recipe, adjust)
    return rows | create_csk_rows(rows, recipe, adjust)


def halve_head(row: Row) -> Row:
    """Give the head half of its channels; a teacher keeps all."""

    def configure(runs: SeedRuns) -> Any:
        config: Any = row(runs)
        return replace(config, task=replace(config.task, head_width=0.5))

    return configure


def distil_by_focal_mse(row: Row) -> Row:
    """Distil by F-MSE.

    The mask of a recipe that uses the MSE was never chosen: it takes the bounded one, which does
    not collapse, however far the features of teacher and student are apart.
    """

    def configure(runs: SeedRuns) -> Any:
        config: Any = row(runs)
        if config.method.semantic_loss == "focal_mse":
            return config
        method = replace(config.method, semantic_loss="focal_mse", mask_reduction="bounded")
        return replace(config, method=method)

    return configure


def distil_by(peer: str, recipe: Recipe, adjust: Adjust) -> Row:
    """Distil the native student by another method, with the weight of its paper."""
    method, network, _ = METHODS[peer]
    return lambda runs: adjust(recipe(DistillConfig(teacher=runs[TEACHER], method=method), network))
