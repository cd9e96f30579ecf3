"""A collection of pictures: its files, its records, its encoder, its search. `core.collection.collection` joins them."""
