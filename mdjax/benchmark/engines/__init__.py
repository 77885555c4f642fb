"""Programs that run one network with one library, each in a process of its own."""
