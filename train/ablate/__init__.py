"""What each part of the method is worth: grids of runs, their scores, and the tables and curves of them."""
