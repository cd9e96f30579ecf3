"""Weights by name: shipped, published, of a run or in a file, in any of the layouts they are stored in."""
