"""Many runs: their rows, what their differences are worth, tables and pictures."""
