"""TFDS builder of MFNet from its official download."""

import tensorflow_datasets as tfds

from data_builders.mfnet.layout import FLIPS_CONFIG, ORIGINAL_CONFIG
from data_builders.pair_builder import AnnotatedPairs


class MFNet(AnnotatedPairs):
    """MFNet: one four-channel PNG as it is, and its label map."""

    name = "mfnet"
    BUILDER_CONFIGS = [  # noqa: RUF012, TFDS declares it so
        tfds.core.BuilderConfig(name=ORIGINAL_CONFIG, description="The images as they were taken."),
        tfds.core.BuilderConfig(
            name=FLIPS_CONFIG,
            description="Also the mirror images that the official train.txt lists.",
        ),
    ]
    homepage = "https://www.mi.t.u-tokyo.ac.jp/static/projects/mil_multispectral/"
    description = """
MFNet: pairs of visible and thermal images of urban streets, day and night, registered, with one of
nine class ids for each pixel.
"""
    citation = """
@inproceedings{ha2017mfnet,
  title     = {MFNet: Towards real-time semantic segmentation for autonomous vehicles with
               multi-spectral scenes},
  author    = {Ha, Qishen and Watanabe, Kohei and Karasawa, Takumi and Ushiku, Yoshitaka and
               Harada, Tatsuya},
  booktitle = {IROS},
  year      = {2017}
}
"""
