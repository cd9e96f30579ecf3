"""Ablations: grids of runs, their scores, and the tables and curves of them."""
