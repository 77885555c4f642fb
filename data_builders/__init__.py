"""TFDS builders, one a folder; none of them needs TensorFlow."""
