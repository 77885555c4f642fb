"""Generated RGB-thermal street scenes, any number and size."""

from data_builders.prepared import PreparedSummary, make_summary_table
from data_builders.synthetic.builder import Synthetic, SyntheticConfig
from data_builders.synthetic.prepare import prepare_synthetic
