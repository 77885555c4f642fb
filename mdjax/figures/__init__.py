"""Pictures of test images: what networks make of them, and where their losses look."""
