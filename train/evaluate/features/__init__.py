"""Frozen features: computed once by all processes, kept on disk for every task, sampled at positions, and their health."""
