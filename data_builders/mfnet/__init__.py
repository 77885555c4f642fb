"""MFNet: 1,569 RGB-thermal pairs of street scenes with one class id per pixel."""

from data_builders.mfnet.builder import MFNet
from data_builders.mfnet.layout import check_raw_mfnet
from data_builders.mfnet.prepare import PrepareMfnet
