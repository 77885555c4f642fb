"""What differences between trainings are worth; no files, no JAX."""
