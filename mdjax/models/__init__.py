"""Networks (flax linen, NHWC)."""
