"""What a collection of pictures is made of: its files, its records, its encoder, its search. See `core.analysis.retrieval`."""
