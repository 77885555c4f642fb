"""KAIST: RGB-thermal pairs of street scenes with boxes of pedestrians."""

from data_builders.kaist.builder import Kaist
from data_builders.kaist.layout import check_raw_kaist
from data_builders.kaist.prepare import PrepareKaist
