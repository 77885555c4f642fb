"""TFDS builder of the user's own image pairs."""

from data_builders.pair_builder import AnnotatedPairs


class RgbtFolder(AnnotatedPairs):
    """A user's own pairs: both images as they are, with boxes or a label map."""

    name = "rgbt_folder"
    description = """
Pairs of visible and thermal images with boxes or label maps, from a folder of your own.
"""
