"""Backbones: an image to features of several strides."""
