"""Metrics, counted in integers over a whole data set."""
