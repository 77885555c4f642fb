"""TFDS builder of KAIST from its images, lists and annotation files."""

from data_builders.pair_builder import AnnotatedPairs


class Kaist(AnnotatedPairs):
    """KAIST: both images as they are, boxes of persons, in the paired case in both images."""

    name = "kaist"
    homepage = "https://soonminhwang.github.io/rgbt-ped-detection/"
    description = """
Pairs of visible and thermal images of streets, day and night, registered by a beam splitter, with
boxes of pedestrians.
"""
    citation = """
@inproceedings{hwang2015kaist,
  title     = {Multispectral pedestrian detection: Benchmark dataset and baseline},
  author    = {Hwang, Soonmin and Park, Jaesik and Kim, Namil and Choi, Yukyung and
               Kweon, In So},
  booktitle = {CVPR},
  year      = {2015}
}
"""
