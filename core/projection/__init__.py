"""Feature vectors of a collection as points on a map, and in groups."""
