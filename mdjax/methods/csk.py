"""CSK-Net's training: spectral distillation, contrast of pixels, penalty on exchange (2023).

Source: Sikdar, Teotia and Sundaram 2023. Its code and full text are not public: where the paper is
silent, the attributes below say what we do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Float, Int, UInt8

from mdjax.losses.contrast import mean_cosines, pixel_contrast_loss
from mdjax.losses.distillation import mse_loss
from mdjax.losses.ratio import Ratio
from mdjax.methods.image_keys import make_image_keys
from mdjax.methods.logits import compute_logit_loss
from mdjax.methods.method import Method, check_weight
from mdjax.models.config import NetworkConfig, VisibleOnlyConfig
from mdjax.models.csknet import FUSED, CskOutput, find_penalised_scales
from mdjax.models.modalities import THERMAL, VISIBLE
from mdjax.train.terms import Diagnostics, LossTerm, TermInputs
from mdjax.types import IGNORED_LABEL, Array, MdjaxError, Objects


@dataclass(frozen=True)
class CskDistillation(Method):
    """L = L_task + λ_kd (L_kl + L_2) + λ_c L_con + λ_γ Σ|γ|, for CSK-Net and a visible teacher.

    Attributes:
        distillation_weight: λ_kd, of the two terms by which a frozen visible network teaches the
            visible branch: the divergence of its predictions and the squared error of its C2.
        temperature: T of the divergence; the presets of detectors use 1.
        contrast_weight: λ_c, of the contrast between pixels of both branches and the fused map.
        contrast_temperature: T of the contrast.
        hard_share: Share of the farthest pixels of a class, and of the nearest of others. 1, all of
            them: with less, all projections become one, see `pixel_contrast_loss`.
        pixels_per_image: Positions of each image that are compared, on all three maps, drawn evenly
            from its classes in each step. So a class has at most as many anchors in a batch as
            three times this number and the batch size; the paper's group takes at most 256.
        projected_channels: Of the projections that are compared.
        exchange_weight: λ_γ, of an L1 penalty on the scales that decide what is exchanged: of the
            visible branch on the first half of the channels, of the thermal one on the second, so
            that the branches give up different channels.
    """

    distillation_weight: float = 1.0
    temperature: float = 2.0
    contrast_weight: float = 0.1
    contrast_temperature: float = 0.1
    hard_share: float = 1.0
    pixels_per_image: int = 64
    projected_channels: int = 128
    exchange_weight: float = 2e-4

    teacher_network: ClassVar[type[NetworkConfig]] = VisibleOnlyConfig

    def __post_init__(self):
        for name in ("distillation_weight", "contrast_weight", "exchange_weight"):
            check_weight(name, getattr(self, name))
        for name in ("temperature", "contrast_temperature"):
            if not getattr(self, name) > 0:
                raise MdjaxError(f"{name} is {getattr(self, name)}; give a number above 0.")
        for name in ("pixels_per_image", "projected_channels"):
            if getattr(self, name) < 1:
                raise MdjaxError(f"{name} is {getattr(self, name)}; give 1 or more.")
        if not 0 < self.hard_share <= 1:
            raise MdjaxError(f"hard_share is {self.hard_share}; give a number above 0 up to 1.")

    def make_terms(self) -> tuple[LossTerm, ...]:
        """List the terms that have a weight."""
        terms = (
            LossTerm("spectral_logits", self.distillation_weight, self._compare_logits),
            LossTerm("spectral_features", self.distillation_weight, compare_shallow_features),
            LossTerm("contrast", self.contrast_weight, self._contrast),
            LossTerm("exchange", self.exchange_weight, penalise_scales),
        )
        return tuple(term for term in terms if term.weight)

    def make_diagnostics(self) -> Diagnostics:
        """Log how similar the compared pixels are, within classes and between them."""
        if not self.contrast_weight:
            return {}
        return {
            "cosine_within_classes": lambda inputs: _measure_cosines(inputs)[0],
            "cosine_between_classes": lambda inputs: _measure_cosines(inputs)[1],
        }

    def create_module(self) -> "PixelProjector | None":
        """Build the projections of the contrast, if it has a weight."""
        if not self.contrast_weight:
            return None
        return PixelProjector(self.projected_channels, self.pixels_per_image)

    def _compare_logits(self, inputs: TermInputs) -> Ratio:
        # A detector's anchors are those that the fused prediction is assigned, which decides.
        student = _require_csk(inputs.output).branch_predictions[VISIBLE]
        return compute_logit_loss(student, inputs, self.temperature)

    def _contrast(self, inputs: TermInputs) -> Ratio:
        pixels: ProjectedPixels = inputs.method
        return pixel_contrast_loss(
            pixels.vectors, pixels.labels, self.contrast_temperature, self.hard_share
        )


def _measure_cosines(inputs: TermInputs) -> tuple[Ratio, Ratio]:
    pixels: ProjectedPixels = inputs.method
    return mean_cosines(pixels.vectors, pixels.labels)


def compare_shallow_features(inputs: TermInputs) -> Ratio:
    """Pull C2 of the visible branch towards the teacher's: the mean squared error."""
    student = _require_csk(inputs.output).features[f"{VISIBLE}_c2"]
    return mse_loss(student, inputs.get_teacher().features["c2"])


def penalise_scales(inputs: TermInputs) -> Ratio:
    """Sum |γ| over the half of the channels that a branch may give up, for each branch and block.

    Blocks of frozen stages, and networks that exchange nothing, have none to pay for. The same for
    each image, so that parts of a batch add up.
    """
    total = jnp.float32(0)
    for scales in find_penalised_scales(_require_csk(inputs.output)):
        half = scales[VISIBLE].shape[0] // 2
        total += jnp.sum(jnp.abs(scales[VISIBLE][:half])) + jnp.sum(jnp.abs(scales[THERMAL][half:]))
    num_images = jnp.float32(jax.tree.leaves(inputs.output.prediction)[0].shape[0])
    return Ratio(total * num_images, num_images)


@struct.dataclass
class ProjectedPixels:
    """Pixels drawn from both branches and the fused map of each image.

    Attributes:
        vectors: Their projections.
        labels: Their classes; `IGNORED_LABEL` where an image has fewer pixels with a label.
    """

    vectors: Float[Array, "b n d"]
    labels: UInt8[Array, "b n"]


class PixelProjector(nn.Module):
    """Project C5 of both branches and of their fusion by a 1×1 convolution each, and draw pixels.

    Which pixels are drawn belongs to the step and to the image: it is the same however a batch is
    split. The same positions are drawn from all three maps.

    Attributes:
        channels: Of a projection.
        pixels_per_image: Of each map of an image.
    """

    channels: int
    pixels_per_image: int

    @nn.compact
    def __call__(
        self, output: CskOutput, teachers: Mapping[str, Any], batch: Any, *, train: bool
    ) -> ProjectedPixels:
        """Return the pixels that are compared; outside training always the same.

        Raises:
            MdjaxError: The network is not CSK-Net.
        """
        del teachers
        maps = {
            VISIBLE: _require_csk(output).features[f"{VISIBLE}_c5"],
            THERMAL: output.features[f"{THERMAL}_c5"],
            FUSED: output.features["c5"],
        }
        if isinstance(batch.truth, Objects):
            raise MdjaxError(
                "CSK-Net's contrast compares pixels by their labels, which a task that finds "
                "objects has not; set contrast_weight to 0."
            )
        b, h, w, _ = maps[FUSED].shape
        labels = take_centres(batch.label_maps, (h, w)).reshape(b, h * w)
        key = self.make_rng("step") if train else jax.random.key(0)
        num_classes = output.prediction.shape[-1]
        positions, drawn = jax.vmap(
            lambda key, labels: draw_pixels(key, labels, num_classes, self.pixels_per_image)
        )(make_image_keys(key, batch), labels)
        vectors = []
        for name, features in maps.items():
            projected = nn.Conv(self.channels, (1, 1), dtype=features.dtype, name=name)(features)
            flat = projected.reshape(b, h * w, self.channels)
            vectors.append(jnp.take_along_axis(flat, positions[..., None], axis=1))
        return ProjectedPixels(
            jnp.concatenate(vectors, axis=1), jnp.concatenate([drawn] * len(maps), axis=1)
        )


def draw_pixels(
    key: Array, labels: UInt8[Array, " n"], num_classes: int, num_drawn: int
) -> tuple[Int[Array, " m"], UInt8[Array, " m"]]:
    """Draw different pixels, as evenly from the classes that there are as their numbers allow.

    Args:
        key: Of the image.
        labels: Class ids or `IGNORED_LABEL`.
        num_classes: Number of classes k.
        num_drawn: Pixels to draw; all of them where there are fewer.

    Returns:
        Positions and classes of m pixels; `IGNORED_LABEL` where there are fewer with a label.
    """
    shuffled = jax.random.permutation(key, labels.shape[0])
    is_class = labels[shuffled, None] == jnp.arange(num_classes, dtype=labels.dtype)
    # How many of its class come before a pixel: the first of each class are drawn first.
    ranks = jnp.sum(jnp.where(is_class, jnp.cumsum(is_class, axis=0), 0), axis=-1)
    ranks = jnp.where(jnp.any(is_class, axis=-1), ranks, labels.shape[0] + 1)
    drawn = shuffled[jnp.argsort(ranks, stable=True)[:num_drawn]]
    return drawn, jnp.where(labels[drawn] < num_classes, labels[drawn], jnp.uint8(IGNORED_LABEL))


def take_centres(
    label_maps: UInt8[Array, "b hl wl"], size_hw: tuple[int, int]
) -> UInt8[Array, "b h w"]:
    """Take the label at the centre of each cell of a coarser grid."""
    rows, columns = (
        ((jnp.arange(cells) + 0.5) * pixels / cells).astype(int)
        for cells, pixels in zip(size_hw, label_maps.shape[1:], strict=True)
    )
    return label_maps[:, rows[:, None], columns]


def _require_csk(output: Any) -> CskOutput:
    if not isinstance(output, CskOutput):
        raise MdjaxError(
            "CSK-Net's distillation reads the branches of CSK-Net, which this network has not; "
            "take the network csknet."
        )
    return output
