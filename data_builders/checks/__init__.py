"""The check of a data set's files before it is prepared."""
