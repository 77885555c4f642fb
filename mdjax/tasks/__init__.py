"""What distinguishes one task from another: loss terms, evaluator, names."""
