"""Generated RGB-thermal street scenes, any number and size."""

from data_builders.prepared import PreparedSummary, make_summary_table
from data_builders.synthetic.prepare import prepare_synthetic
from data_builders.synthetic.synthetic import Synthetic, SyntheticConfig
