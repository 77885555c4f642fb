"""Data sets as they are downloaded or kept in folders, and their check before they are prepared."""
