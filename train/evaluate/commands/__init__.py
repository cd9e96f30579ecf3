"""The tasks of `python -m train.evaluate`: a frozen dataclass each, whose fields are its flags.

`run(world)` is called by every process. The one that leads writes the results and returns what is printed; the
others help to compute features and return nothing.
"""
