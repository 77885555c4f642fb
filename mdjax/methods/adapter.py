"""The adapter of all methods that compare features of student and teacher channel by channel."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
from jaxtyping import Float

from mdjax.methods.features import get_feature_pair
from mdjax.models.layers import conv
from mdjax.train.terms import TermInputs
from mdjax.types import Array, NetworkOutput


class ChannelAdapter(nn.Module):
    """Bring the student's features to the teacher's width: a 1×1 convolution where they differ."""

    level: str

    @nn.compact
    def __call__(
        self,
        output: NetworkOutput,
        teachers: Mapping[str, NetworkOutput],
        batch: Any,
        *,
        train: bool,
    ) -> Float[Array, "b h w c"]:
        """Return the student's features with the teacher's number of channels.

        Raises:
            MdjaxError: One of the networks has no features of this level.
        """
        del train
        inputs = TermInputs(output, targets=None, batch=batch, teachers=teachers)
        student, teacher = get_feature_pair(inputs, self.level)
        if student.shape[-1] == teacher.shape[-1]:
            return student
        return conv(teacher.shape[-1], 1, dtype=student.dtype, name="conv")(student)


def get_adapted_pair(inputs: TermInputs, level: str) -> tuple[Array, Array]:
    """Return what the method's module made of the student's features, and the teacher's features.

    Raises:
        MdjaxError: One of the networks has no features of this level.
    """
    _, teacher_features = get_feature_pair(inputs, level)
    return inputs.method, teacher_features
