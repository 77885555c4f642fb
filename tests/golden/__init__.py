"""Golden values of an independent PyTorch twin, and the numbers that both sides start from."""
