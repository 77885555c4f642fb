"""Figure 4 of the MD paper: where F-MSE looks, and beside it where teacher and student attend."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mdjax.figures.network_checks import require_distillation, require_same_test_images
from mdjax.figures.scenes import (
    choose_fullest_scenes,
    convert_to_u8,
    gather_scenes,
    name_time,
    run_network,
)
from mdjax.losses.distillation import compute_perplexity_share
from mdjax.methods.combined import CombinedDistillation
from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.runs.config import MAIN_TEACHER, MethodConfig
from mdjax.runs.loading import LoadedNetwork
from mdjax.train.terms import TermInputs
from mdjax.types import MdjaxError
from mdjax.viz.masks import Mask, MaskRow, make_mask_figure

NUM_SCENES_SHOWN = 4
"""As in the paper."""


@dataclass(frozen=True)
class MaskedImage:
    """One image of a figure of masks.

    Attributes:
        index: In the test split.
        is_night: Whether it was taken at night.
        perplexity_share: Share of the positions that the F-MSE mask attends to, see
            `compute_perplexity_share`.
    """

    index: int
    is_night: bool
    perplexity_share: float


def draw_masks(
    teacher: LoadedNetwork,
    distilled: LoadedNetwork,
    path: Path,
    *,
    image_indices: Sequence[int] | None = None,
    shows_visible: bool = True,
    data_dir: Path | None = None,
) -> tuple[MaskedImage, ...]:
    """Draw the F-MSE mask over image pairs, and the attention masks of teacher and student.

    The F-MSE mask is δ of MD eq. 4 as the run's `mask_reduction` computes it, brightest at its
    largest weight; each row tells the share of positions that it attends to, and whether the
    student was trained without it. The attention masks are those of MD eq. 3,
    m_T = m_intra^v m_inter^v + m_intra^t m_inter^t of GAFF and m_S, brightest at 1; a network
    without one has no such column.

    Args:
        teacher: The teacher of `distilled`.
        distilled: A student of modality distillation, of any task.
        path: PNG file to write.
        image_indices: In the test split, as those that `draw_label_improvements` has chosen; by
            default the `NUM_SCENES_SHOWN` images with most labelled pixels or area of objects,
            half of them at night.
        shows_visible: Whether masks lie over the visible images; over the thermal ones if not.
        data_dir: Folder of prepared data sets; by default as in training.

    Returns:
        The images that are shown.

    Raises:
        MdjaxError: `distilled` is no modality distillation, the teacher is of different test
            images or features, or there is no such image.
    """
    config = require_distillation(distilled)
    method = _find_modality_distillation(config.method)
    if method is None:
        raise MdjaxError(
            f"{distilled.run_dir}: was not trained by modality distillation, which alone has an "
            "F-MSE mask; give another run."
        )
    require_same_test_images(teacher, distilled)
    if image_indices is None:
        image_indices = choose_fullest_scenes(config, NUM_SCENES_SHOWN, data_dir=data_dir)
    batch = gather_scenes(config, image_indices, data_dir=data_dir)
    of_teacher, of_student = run_network(teacher, batch), run_network(distilled, batch)
    focal_masks = np.asarray(
        method.compute_mask(
            TermInputs(
                output=of_student, targets=None, batch=batch, teachers={MAIN_TEACHER: of_teacher}
            )
        )
    )
    attention_masks = {
        title: np.asarray(mask, np.float32)
        for title, mask in (
            ("teacher's attention", of_teacher.mask),
            ("student's attention", of_student.mask),
        )
        if mask is not None
    }
    images, rows = [], []
    for i, index in enumerate(image_indices):
        share = float(compute_perplexity_share(focal_masks[i : i + 1]).value)
        images.append(MaskedImage(index, bool(batch.is_night[i]), share))
        rows.append(
            MaskRow(
                name=_name_row(images[-1], method),
                visible_u8=convert_to_u8(batch.visible[i]) if shows_visible else None,
                thermal_camera_u8=convert_to_u8(batch.thermal_camera[i, ..., 0]),
                masks={
                    f"F-MSE mask, {method.mask_reduction}": Mask(focal_masks[i, ..., 0]),
                    **{
                        title: Mask(masks[i, ..., 0], largest=1.0)
                        for title, masks in attention_masks.items()
                    },
                },
            )
        )
    make_mask_figure(rows, path)
    return tuple(images)


def _find_modality_distillation(method: MethodConfig) -> ModalityDistillation | None:
    if isinstance(method, CombinedDistillation):
        return method.terms.md if method.terms.md.make_terms() else None
    return method if isinstance(method, ModalityDistillation) else None


def _name_row(image: MaskedImage, method: ModalityDistillation) -> str:
    lines = [
        name_time(image.is_night),
        "F-MSE attends to",
        f"{100 * image.perplexity_share:.1f} % of positions",
    ]
    if method.semantic_loss != "focal_mse" or not method.semantic_weight:
        lines.append("(not in the loss)")
    return "\n".join(lines)
