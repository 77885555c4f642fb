"""Fusion of the features of two streams."""
