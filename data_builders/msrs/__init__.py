"""MSRS: MFNet's images with enhanced thermal contrast, boxes, and label maps where they are."""

from data_builders.msrs.builder import Msrs
from data_builders.msrs.layout import check_raw_msrs
from data_builders.msrs.prepare import PrepareMsrs
