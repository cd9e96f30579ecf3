"""Datasets in the folders they are published in → what a task asks of them."""
