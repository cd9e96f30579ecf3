"""Datasets in the folders they are published in → the pictures and truth that tasks need."""
