"""Figures 2 to 4: what distillation improves and worsens, and where its losses look; and CSK-Net.

Images are chosen by a rule, never by hand, see `mdjax/figures/image_choice.py`. A figure takes the
networks of seed 0 and needs their weights: small, two to three runs of 5 to 20 minutes of one core
each, if tables have not trained them here.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.tables.csk_rows import CSKNET, LOW_SCALES
from experiments.tables.settings import FROM_IMAGENET, LABELS, PERSONS
from mdjax.figures.branches import draw_branches
from mdjax.figures.figure import Figure
from mdjax.figures.improvements import draw_box_improvements, draw_label_improvements
from mdjax.figures.masks import draw_masks
from mdjax.runs.loading import LoadedNetwork
from mdjax.studies.rows import DISTILLED, NATIVE, TEACHER

FOCAL = "distilled-focal"


def _draw_boxes(
    networks: Mapping[str, LoadedNetwork], path: Path, shows_visible: bool
) -> Mapping[str, Any]:
    return asdict(
        draw_box_improvements(
            networks[NATIVE], networks[DISTILLED], path, shows_visible=shows_visible
        )
    )


def _draw_labels(
    networks: Mapping[str, LoadedNetwork], path: Path, shows_visible: bool
) -> Mapping[str, Any]:
    return asdict(
        draw_label_improvements(
            networks[NATIVE], networks[DISTILLED], path, shows_visible=shows_visible
        )
    )


def _draw_masks(
    networks: Mapping[str, LoadedNetwork], path: Path, shows_visible: bool
) -> Mapping[str, Any]:
    images = draw_masks(networks[TEACHER], networks[FOCAL], path, shows_visible=shows_visible)
    return {"images": [asdict(image) for image in images]}


def _draw_branches(
    networks: Mapping[str, LoadedNetwork], path: Path, shows_visible: bool
) -> Mapping[str, Any]:
    (network,) = networks.values()
    return asdict(draw_branches(network, path, shows_visible=shows_visible))


FIG2 = Figure(
    "fig2",
    "Figure 2: persons that native and distilled students find",
    (NATIVE, DISTILLED),
    _draw_boxes,
    PERSONS,
)
FIG3 = Figure(
    "fig3",
    "Figure 3: labels of native and distilled students",
    (NATIVE, DISTILLED),
    _draw_labels,
    LABELS,
)
FIG4_LABELS = Figure(
    "fig4-labels",
    "Figure 4: masks of F-MSE and of attention, labels, from ImageNet weights",
    (TEACHER, FOCAL),
    _draw_masks,
    FROM_IMAGENET,
)
FIG4_PERSONS = Figure(
    "fig4-persons",
    "Figure 4: masks of F-MSE and of attention, persons",
    (TEACHER, FOCAL),
    _draw_masks,
    PERSONS,
)
CSK_BRANCHES = Figure(
    "csk-branches",
    "What the branches of CSK-Net say, exchange and fuse, labels",
    (CSKNET,),
    _draw_branches,
    LABELS,
)
CSK_EXCHANGE = Figure(
    "csk-exchange",
    "The same with scales that start at 0.25, where channels are exchanged",
    (LOW_SCALES,),
    _draw_branches,
    LABELS,
)
FIGURES = (FIG2, FIG3, FIG4_LABELS, FIG4_PERSONS, CSK_BRANCHES, CSK_EXCHANGE)
