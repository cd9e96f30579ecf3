"""Cells in fewer dimensions: the directions along which a collection's patches vary most.

D width of the model, K kept dimensions of a patch.
"""

import numpy as np
import torch

from core.analysis.pca import leading_eigenvectors
from core.collection.vectors import STEP, Snapshot

KEPT = (64, 96, 128)
"""Dimensions kept of a cell: the fewest with which cosines are off by ACCURACY at most, or the last."""
ACCURACY = 0.02
SAMPLED = 20_000


def fitted(snapshot: Snapshot) -> torch.Tensor:
    """[D, K]: the directions that keep the cells' inner products best (Eckart and Young 1936)."""
    chosen = np.linspace(0, len(snapshot.cells) - 1, min(SAMPLED, len(snapshot.cells))).astype(int)
    sample = torch.from_numpy(snapshot.cells[chosen]).float() / STEP
    vectors = leading_eigenvectors(sample.T @ sample, KEPT[-1])[1]
    few = sample[torch.linspace(0, len(sample) - 1, 512).long()]
    exact = few @ few.T
    for kept in KEPT:
        reduced = few @ vectors[:, :kept]
        if (reduced @ reduced.T - exact).abs().flatten().quantile(0.95) <= ACCURACY:
            break
    return vectors[:, :kept].contiguous()
