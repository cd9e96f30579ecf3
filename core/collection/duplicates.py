"""Pictures that are nearly the same, in groups.

n pictures, D width of the model.
"""

from collections.abc import Callable

import numpy as np
import torch

from core.collection.vectors import Snapshot
from core.errors import RequestError

NEIGHBOURS = 64
"""Neighbours of a picture that are looked at, as when DINOv2's data were curated (Oquab et al. 2023, section 3)."""
BLOCK_VALUES = 16_000_000


def near_duplicates(
    snapshot: Snapshot,
    threshold: float,
    progress: Callable[[int, int], None],
    cancelled: Callable[[], bool],
) -> list[list[int]]:
    """Ids of pictures that hang together by cosines of their cls of at least `threshold`: the largest group first.

    Connected components of the graph of each picture's NEIGHBOURS nearest; within a group, the picture that was
    added first comes first. Every pair is compared: n²·D multiplications. None is returned once it is cancelled.
    """
    if not 0 < threshold <= 1:
        raise RequestError(f"threshold is {threshold}; choose a cosine above 0, up to 1.")
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows = snapshot.whole(np.flatnonzero(snapshot.alive), "cls")
    vectors = torch.from_numpy(snapshot.cls[rows]) if len(rows) else torch.empty(0, 1)
    pairs: list[np.ndarray] = [np.empty((2, 0), np.int64)]
    step = max(1, BLOCK_VALUES // max(1, len(rows)))
    for start in range(0, len(rows), step):
        if cancelled():
            return []
        block = vectors[start : start + step].float()
        scores = torch.cat([block @ part.float().T for part in vectors.split(100_000)], dim=1)
        values, near = scores.topk(min(NEIGHBOURS, len(rows)), dim=1)
        one, place = (values >= threshold - 1e-4).nonzero(as_tuple=True)  # float16 keeps four digits
        pairs.append(np.stack([one.numpy() + start, near[one, place].numpy()]))
        progress(min(len(rows), start + step), len(rows))
    first, second = np.concatenate(pairs, axis=1)
    graph = coo_array((np.ones(len(first), bool), (first, second)), shape=(len(rows), len(rows)))
    labels = connected_components(graph, directed=False)[1] if len(rows) else np.empty(0, int)
    ids = snapshot.ids[rows]
    order = np.argsort(labels, kind="stable")
    groups = np.split(ids[order], np.flatnonzero(np.diff(labels[order])) + 1)
    return sorted((group.tolist() for group in groups if len(group) > 1), key=lambda group: (-len(group), group[0]))
