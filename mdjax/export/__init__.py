"""Trained networks for other programs: simplified exactly, written in other formats."""
