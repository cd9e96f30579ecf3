"""A few pictures that stand for many: each new one is the farthest from those chosen before.

n pictures, D width of the model.
"""

import numpy as np
import torch


def farthest_points(vectors: np.ndarray, count: int) -> tuple[list[int], float]:
    """The rows of up to `count` of the unit vectors [n, D], and the radius, 1 − cosine, within which they cover all.

    The first is the one nearest to the mean of all, which depends on no order; equal ones are not chosen twice.
    Source: Gonzalez 1985, "Clustering to minimize the maximum intercluster distance": at most twice the least radius.

    >>> farthest_points(np.eye(4, dtype=np.float32)[[0, 0, 1, 0]], 3)
    ([0, 2], 0.0)
    """
    if not len(vectors):
        return [], 0.0
    given = torch.from_numpy(np.ascontiguousarray(vectors))
    mean = given.float().mean(dim=0)
    chosen = [int((given.float() @ mean).argmax())]
    nearest = torch.full([len(given)], -1.0)  # cosine with the closest that was chosen
    while True:
        nearest = torch.maximum(nearest, given.float() @ given[chosen[-1]].float())
        farthest = int(nearest.argmin())
        radius = max(0.0, 1 - float(nearest[farthest]))
        if len(chosen) >= count or radius < 1e-3:  # float16 keeps four digits
            return chosen, 0.0 if radius < 1e-3 else radius
        chosen.append(farthest)
