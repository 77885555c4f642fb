"""Declarations of studies and scripts behind the numbers in README and docs, with their results."""
