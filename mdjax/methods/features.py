"""Feature maps of student and teacher that belong together."""

from mdjax.train.terms import TermInputs
from mdjax.types import Array, MdjaxError, NetworkOutput


def get_feature_pair(
    inputs: TermInputs, name: str, *, teacher: str = "teacher"
) -> tuple[Array, Array]:
    """Return the student's and a teacher's feature map of one name.

    Raises:
        MdjaxError: One of the networks has no such feature map; those it has are listed.
    """
    return (
        _get_features(inputs.output, name, "student"),
        _get_features(inputs.get_teacher(teacher), name, teacher),
    )


def require_same_shape(student_features: Array, teacher_features: Array) -> None:
    """Refuse features that cannot be compared position by position and channel by channel.

    Raises:
        MdjaxError: The features have different shapes.
    """
    if student_features.shape != teacher_features.shape:
        raise MdjaxError(
            "The distillation method compares features position by position, but those of the "
            f"teacher have shape {tuple(teacher_features.shape)} and those of the student "
            f"{tuple(student_features.shape)}. Give both the same stem stride and output stride."
        )


def _get_features(output: NetworkOutput, name: str, who: str) -> Array:
    if name not in output.features:
        known = ", ".join(output.features) or "none"
        raise MdjaxError(
            f"The distillation method compares features called {name!r}, but the {who} returns "
            f"{known}; take another network or another level."
        )
    return output.features[name]
