"""The nearest pictures, by comparing with every one of them.

n pictures, D width of the model, K kept dimensions of a cell.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from core.collection.vectors import STEP, Snapshot

CHUNK_VALUES = 8_000_000
"""Numbers converted to float32 at once: 32 MB, which a processor's caches and any machine's memory bear."""
Ranked = tuple[np.ndarray, np.ndarray]
"""Rows [k] int64 and their scores [k] float32, best first."""


def best(scores: np.ndarray, rows: np.ndarray, k: int) -> Ranked:
    """The `k` best of scored rows; equal scores in the order of the rows."""
    if len(scores) > k:
        kept = np.argpartition(-scores, k - 1)[:k]
        scores, rows = scores[kept], rows[kept]
    order = np.lexsort((rows, -scores))
    return rows[order], scores[order]


def nearest(matrix: np.ndarray, query: Tensor, k: int, rows: np.ndarray) -> Ranked:
    """The rows (of those given, ascending) whose vectors [D] have the greatest inner product with a query [D]."""
    found: list[Ranked] = []
    step = max(1, CHUNK_VALUES // matrix.shape[1])
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        scores = (torch.from_numpy(_taken(matrix, part)).float() @ query).numpy()
        found.append(best(scores, part, k))
    return merged(found, k)


def nearest_by_cell(snapshot: Snapshot, query: Tensor, k: int, rows: np.ndarray) -> Ranked:
    """The rows (of those given, ascending) with the cell most like a query [K]: its greatest inner product."""
    found: list[Ranked] = []
    for part in _chunks(snapshot, rows):
        scores = cell_scores(snapshot, query, part)
        found.append(best(scores, part, k))
    return merged(found, k)


def cell_scores(snapshot: Snapshot, query: Tensor, rows: np.ndarray) -> np.ndarray:
    """For each of the rows (at least one), the greatest inner product of its cells with a query [K]."""
    places = np.asarray(snapshot.places[rows])
    lengths = places[:, 1] * places[:, 2]
    if rows[-1] - rows[0] + 1 == len(rows):  # neighbours lie side by side on the disk
        cells = snapshot.cells[places[0, 0] : places[-1, 0] + lengths[-1]]
    else:
        cells = np.concatenate([snapshot.cells[a : a + n] for a, n in zip(places[:, 0], lengths, strict=True)])
    products = (torch.from_numpy(np.array(cells)).float() @ (query / STEP)).numpy()
    return np.maximum.reduceat(products, np.cumsum(lengths) - lengths)


def merged(found: Sequence[Ranked], k: int) -> Ranked:
    """The best of several rankings of different rows."""
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    rows, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return best(scores, rows, k)


def _taken(matrix: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """A copy in memory; neighbouring rows are read in one piece."""
    whole = rows[-1] - rows[0] + 1 == len(rows)
    return np.array(matrix[rows[0] : rows[-1] + 1]) if whole else matrix[rows]


def _chunks(snapshot: Snapshot, rows: np.ndarray) -> list[np.ndarray]:
    """Runs of rows of at most CHUNK_VALUES numbers together, or single rows of more."""
    if not len(rows):
        return []
    ends = np.cumsum(snapshot.places[rows, 1] * snapshot.places[rows, 2]) * snapshot.cells.shape[1]
    groups = (ends - 1) // CHUNK_VALUES
    return np.split(rows, np.flatnonzero(np.diff(groups)) + 1)
