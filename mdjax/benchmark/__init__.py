"""What networks cost in each program that can run them."""
