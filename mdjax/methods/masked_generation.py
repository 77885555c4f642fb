"""Masked generative distillation (MGD; Yang et al., ECCV 2022)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from mdjax.losses.ratio import Ratio
from mdjax.methods.adapter import ChannelAdapter, get_adapted_pair
from mdjax.methods.features import require_same_shape
from mdjax.methods.image_keys import make_image_keys
from mdjax.methods.method import Method, check_weight
from mdjax.ops.resize import get_size_hw
from mdjax.train.terms import LossTerm, TermInputs
from mdjax.types import Array, MdjaxError, NetworkOutput


@dataclass(frozen=True)
class MaskedGeneration(Method):
    """L = L_task + α L_mgd (Yang et al. 2022, eq. 6).

    Attributes:
        weight: α; 2·10⁻⁵, as the authors' settings for segmentation and for detectors of one stage.
        masked_share: λ, how likely a position is masked; the authors take 0.75 for segmentation and
            0.65 for detectors of one stage.
        level: Features that are generated; their widths may differ, their height and width not.
    """

    weight: float = 2e-5
    masked_share: float = 0.75
    level: Literal["c2", "c3", "c4", "c5"] = "c5"

    def __post_init__(self):
        check_weight("weight", self.weight)
        if not 0 <= self.masked_share < 1:
            raise MdjaxError(f"masked_share is {self.masked_share}; give 0 up to below 1.")

    def make_terms(self) -> tuple[LossTerm, ...]:
        """List the one loss term."""
        return (LossTerm("masked_generation", self.weight, self._compute),) if self.weight else ()

    def create_module(self) -> "MaskedGenerator":
        """Build adapter and generator."""
        return MaskedGenerator(self.level, self.masked_share)

    def _compute(self, inputs: TermInputs) -> Ratio:
        return masked_generation_loss(*get_adapted_pair(inputs, self.level))


class MaskedGenerator(nn.Module):
    """Generate the teacher's features from the student's at some positions (eq. 2 to 4).

    G(M · r(f_S)) with G(x) = W₂ ReLU(W₁ x), 3×3 convolutions W to the teacher's width, the adapter
    r, and a mask M that is 0 at a position with the probability λ.

    The mask belongs to the step and to the image: it is the same however a batch is split.

    Attributes:
        level: Name of the features.
        masked_share: λ.
    """

    level: str
    masked_share: float

    @nn.compact
    def __call__(
        self,
        output: NetworkOutput,
        teachers: Mapping[str, NetworkOutput],
        batch: Any,
        *,
        train: bool,
    ) -> Float[Array, "b h w c"]:
        """Return the generated features; outside training nothing is masked.

        Raises:
            MdjaxError: One of the networks has no features of this level.
        """
        x = ChannelAdapter(self.level, name="adapter")(output, teachers, batch, train=train)
        if train:
            keys = make_image_keys(self.make_rng("step"), batch)
            x = x * draw_mask(keys, get_size_hw(x), self.masked_share).astype(x.dtype)
        channels = x.shape[-1]
        x = nn.relu(nn.Conv(channels, (3, 3), dtype=x.dtype, name="conv1")(x))
        return nn.Conv(channels, (3, 3), dtype=x.dtype, name="conv2")(x)


def draw_mask(
    image_keys: Array, size_hw: tuple[int, int], masked_share: float
) -> Float[Array, "b h w 1"]:
    """Draw which positions stay (Yang et al. 2022, eq. 2): M = 0 where R < λ, 1 elsewhere.

    Args:
        image_keys: A random key for each image, [b].
        size_hw: Height and width of the mask.
        masked_share: λ in [0, 1), R being uniform in [0, 1).

    Returns:
        Values 0 and 1, float32.
    """
    uniform = jax.vmap(lambda key: jax.random.uniform(key, (*size_hw, 1)))(image_keys)
    return (uniform >= masked_share).astype(jnp.float32)


def masked_generation_loss(
    generated_features: Float[Array, "b h w c"], teacher_features: Float[Array, "b h w c"]
) -> Ratio:
    """Compare generated features with the teacher's at all positions (Yang et al. 2022, eq. 5).

    L_mgd = mean over b of Σ_hwc (f_T − G)².

    Args:
        generated_features: G.
        teacher_features: f_T, of the same shape, a constant.

    Returns:
        A ratio with a value ≥ 0.

    Raises:
        MdjaxError: The features have different shapes.
    """
    require_same_shape(generated_features, teacher_features)
    teacher = jax.lax.stop_gradient(teacher_features.astype(jnp.float32))
    difference = teacher - generated_features.astype(jnp.float32)
    return Ratio(jnp.sum(jnp.square(difference)), jnp.float32(difference.shape[0]))
