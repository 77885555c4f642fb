"""Whole runs: train, distil, evaluate, load again. The command line and scripts only call these."""
