"""Generated RGB-thermal street scenes, any number and size."""

from data_builders.synthetic.builder import Synthetic, SyntheticConfig
from data_builders.synthetic.prepare import PrepareSynthetic
