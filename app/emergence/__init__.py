"""The Emergence tab: the same pictures at every step of a training run."""
