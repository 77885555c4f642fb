"""A trained network on the user's own image pairs."""
