"""The nearest of many vectors, exactly or by an inverted file."""
