"""A trained network on image pairs of one's own."""
