"""One web page about runs, for people who do not have the run directories."""
