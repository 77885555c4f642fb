"""Losses, one function an equation; all of them compute in float32."""
