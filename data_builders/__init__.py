"""TFDS builders, one per folder; none of them needs TensorFlow."""
