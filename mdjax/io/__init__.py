"""Files: checkpoints, run directories, logs, and weights that others trained."""
