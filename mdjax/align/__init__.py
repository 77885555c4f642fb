"""Which place of a visible image a place of its thermal image shows, for one pair of cameras."""
