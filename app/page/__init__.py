"""Pieces of the page that every tab uses."""
