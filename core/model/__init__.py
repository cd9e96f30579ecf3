"""The Vision Transformer: its shape, its parts, and the number format it computes in."""
