"""TFDS builder of MSRS from its folders."""

from data_builders.pair_builder import AnnotatedPairs


class Msrs(AnnotatedPairs):
    """MSRS: both images as they are, boxes, and label maps where the folder has them."""

    name = "msrs"
    homepage = "https://github.com/Linfeng-Tang/MSRS"
    description = """
Pairs of visible and thermal images of urban streets, day and night, registered, from MFNet, with
enhanced thermal contrast and boxes.
"""
    citation = """
@article{tang2022piafusion,
  title   = {PIAFusion: A progressive infrared and visible image fusion network based on
             illumination aware},
  author  = {Tang, Linfeng and Yuan, Jiteng and Zhang, Hao and Jiang, Xingyu and Ma, Jiayi},
  journal = {Information Fusion},
  year    = {2022}
}
"""
