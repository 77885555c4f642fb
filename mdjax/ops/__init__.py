"""Array operations without parameters."""
