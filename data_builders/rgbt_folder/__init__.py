"""RGB-thermal pairs of your own, with boxes or label maps."""

from data_builders.rgbt_folder.builder import RgbtFolder
from data_builders.rgbt_folder.layout import check_raw_rgbt_folder
from data_builders.rgbt_folder.prepare import PrepareRgbtFolder
