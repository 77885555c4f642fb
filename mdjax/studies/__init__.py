"""Many runs: their rows, their kept results, and tables."""
