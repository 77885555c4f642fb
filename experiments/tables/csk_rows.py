"""Rows for cameras that may be missing: CSK-Net, its ablation, and modality dropout beside it."""

from collections.abc import Callable, Mapping
from typing import Any

from mdjax.models.modalities import Missing
from mdjax.presets import METHODS
from mdjax.runs.config import DistillConfig, MissingConfig
from mdjax.studies.jobs import Row
from mdjax.studies.rows import (
    DISTILLED,
    NATIVE,
    TEACHER,
    VISIBLE,
    Recipe,
    change_method,
    change_network,
)
from mdjax.studies.table import TableRow

CSKNET = "csknet"
NATIVE_DROPOUT, TEACHER_DROPOUT = "native-dropout", "teacher-dropout"
PRIVATE, NO_EXCHANGE, NO_GATE = "csknet-private", "csknet-no-exchange", "csknet-no-gate"
NO_TEACHER, NO_CONTRAST = "csknet-no-teacher", "csknet-no-contrast"
LOW_SCALES, SWAP = "csknet-low-scales", "csknet-swap"
ABLATION = (PRIVATE, NO_EXCHANGE, LOW_SCALES, SWAP, NO_GATE, NO_TEACHER, NO_CONTRAST)
MODALITY_DROPOUT = 0.21
"""Each image is missing from a fifth of the pairs; not tuned."""


CONDITIONS: dict[Missing, str] = {
    "none": "both",
    "visible": "thermal alone",
    "thermal": "visible alone",
}
"""Images that a network is tested with, by the one that is missing."""


def name_without(row: str, missing: Missing) -> str:
    """Name the row that tests the network of another one without an image."""
    return row if missing == "none" else f"{row}-no-{missing}"


def list_conditions(network: str, row: str) -> list[TableRow]:
    """List the lines of a network: tested with both images, and with each alone."""
    return [
        TableRow((network, images), name_without(row, missing))
        for missing, images in CONDITIONS.items()
    ]


def create_csk_rows(
    rows: Mapping[str, Row], recipe: Recipe, adjust: Callable[[Any], Any]
) -> dict[str, Row]:
    """List these rows by name.

    Args:
        rows: Those before them, with the visible-only network, which teaches.
        recipe: What all networks share.
        adjust: Last changes to each configuration.
    """
    method, network, _ = METHODS["csk"]
    created: dict[str, Row] = {
        NATIVE_DROPOUT: change_network(rows[NATIVE], modality_dropout=MODALITY_DROPOUT),
        TEACHER_DROPOUT: change_network(rows[TEACHER], modality_dropout=MODALITY_DROPOUT),
        CSKNET: lambda runs: adjust(
            recipe(DistillConfig(teacher=runs[VISIBLE], method=method, network=network()), network)
        ),
    }
    whole = created[CSKNET]
    created[PRIVATE] = change_network(whole, shares_kernels=False)
    created[NO_EXCHANGE] = change_method(
        change_network(whole, exchange_below=0.0), exchange_weight=0.0
    )
    created[NO_GATE] = change_network(whole, has_gate=False)
    created[NO_TEACHER] = change_method(whole, distillation_weight=0.0)
    created[NO_CONTRAST] = change_method(whole, contrast_weight=0.0)
    # From scratch, scales start at 1, and no short training brings one of them below 0.02.
    created[LOW_SCALES] = change_network(whole, exchange_scale_init=0.25)
    created[SWAP] = change_network(whole, swap_rate=0.5)
    for row in (NATIVE, TEACHER, DISTILLED, *created):
        for missing in list(CONDITIONS)[1:]:
            created[name_without(row, missing)] = _test_without(row, missing)
    return created


def _test_without(row: str, missing: Missing) -> Row:
    return lambda runs: MissingConfig(runs[row], missing)
