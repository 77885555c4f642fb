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


def _get_features(output: NetworkOutput, name: str, who: str) -> Array:
    if name not in output.features:
        known = ", ".join(output.features) or "none"
        raise MdjaxError(
            f"The distillation method compares features called {name!r}, but the {who} returns "
            f"{known}; take another network or another level."
        )
    return output.features[name]
