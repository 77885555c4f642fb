"""Heads: features to a prediction."""
