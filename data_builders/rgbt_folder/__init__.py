"""RGB-thermal pairs of one's own, with boxes or label maps."""

from data_builders.rgbt_folder.builder import RgbtFolder
from data_builders.rgbt_folder.prepare import prepare_rgbt_folder
