"""The command line `mdjax`."""
