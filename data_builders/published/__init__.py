"""Published data sets: the facts and the layout of each in one module, over the shared formats."""
