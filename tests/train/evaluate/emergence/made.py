"""Known pictures made by hand, with a truth that needs no rendering."""

import numpy as np

from train.evaluate.emergence.world_set import Known

GRID, SIZE = 8, 112


def known(**given) -> Known:
    """An empty picture of a cat on 8 × 8 patches of 14 pixels, but for what is given."""
    empty = {
        "image": np.zeros((SIZE, SIZE, 3), np.uint8),
        "category": "cat",
        "family": "four-legged",
        "domain": "photo",
        "objects": np.zeros((GRID, GRID), np.float32),
        "parts": np.zeros((GRID, GRID), np.int64),
        "log_depth": np.zeros((GRID, GRID), np.float32),
        "names": (),
        "points": np.zeros((0, 2), np.float32),
        "extent": 0.0,
    }
    return Known(**empty | given)
