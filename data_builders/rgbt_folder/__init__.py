"""RGB-thermal pairs of one's own, with boxes or label maps."""

from data_builders.rgbt_folder.prepare import prepare_rgbt_folder
from data_builders.rgbt_folder.rgbt_folder import RgbtFolder
