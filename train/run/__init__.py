"""A run from its configuration to its last step: phases, steps, optimisers, what is kept and reported."""
