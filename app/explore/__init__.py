"""The Explore tab's views, and what each of them is made of."""
