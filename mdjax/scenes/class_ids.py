"""The nine classes of MFNet by name, for the scene's things."""

from enum import IntEnum


class ClassId(IntEnum):
    """Label ids, the same as in MFNet's label images."""

    UNLABELLED = 0
    CAR = 1
    PERSON = 2
    BIKE = 3
    CURVE = 4
    CAR_STOP = 5
    GUARDRAIL = 6
    COLOUR_CONE = 7
    BUMP = 8


CLASS_NAMES = tuple(class_id.name.lower() for class_id in ClassId)
"""By class id."""
