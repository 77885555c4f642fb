"""What a thermal camera of fewer pixels costs in accuracy, and which one is enough."""
