"""Distillation methods, one file each: which outputs are compared, and how hard."""
