"""Near-duplicates as connected components of a graph, read edge by edge: n rows, e edges at a time."""

import functools

import numpy as np

from train.world.compiled import compiled


class Components:
    """Disjoint sets of n rows that grow as edges are added, with the strongest edge of each row.

    The outcome does not depend on the order of the edges: a set is called by its smallest row, and of equally strong
    edges the one to the smaller row counts.
    """

    def __init__(self, rows: int):
        self.parents = np.arange(rows, dtype=np.int64)
        self.linked = np.full(rows, -1, dtype=np.int64)
        """The row at the other end of the strongest edge, [n]; −1 where a row has none."""
        self.strength = np.full(rows, -np.inf, dtype=np.float32)

    def add(self, first: np.ndarray, second: np.ndarray, cosines: np.ndarray) -> None:
        """Edges between rows `first` and `second`, [e] each."""
        _add()(
            self.parents,
            self.linked,
            self.strength,
            np.ascontiguousarray(first, np.int64),
            np.ascontiguousarray(second, np.int64),
            np.ascontiguousarray(cosines, np.float32),
        )

    @property
    def roots(self) -> np.ndarray:
        """The smallest row of the set that each row is in, [n]."""
        roots = self.parents
        while True:
            higher = roots[roots]
            if np.array_equal(higher, roots):
                return roots
            roots = higher


def _add_edges(parents, linked, strength, first, second, cosines):
    for edge in range(len(first)):
        a, b, cosine = first[edge], second[edge], cosines[edge]
        if cosine > strength[a] or (cosine == strength[a] and b < linked[a]):
            strength[a], linked[a] = cosine, b
        if cosine > strength[b] or (cosine == strength[b] and a < linked[b]):
            strength[b], linked[b] = cosine, a
        while parents[a] != a:
            parents[a] = parents[parents[a]]
            a = parents[a]
        while parents[b] != b:
            parents[b] = parents[parents[b]]
            b = parents[b]
        parents[max(a, b)] = min(a, b)


@functools.cache
def _add():
    return compiled(_add_edges)


def representatives(roots: np.ndarray, pixels: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each set of two rows or more the row that is kept, and why.

    The one of most `pixels` [n]; among those of the largest `size` in bytes [n]; among those the first. Returns
    the rows [n] that stand for each row (itself where it is alone), and for each row in a set what decided:
    0 alone, 1 pixels, 2 bytes, 3 the order.

    >>> representatives(np.array([0, 0, 2]), np.array([4, 9, 1]), np.array([1, 1, 1]))
    (array([1, 1, 2]), array([1, 1, 0], dtype=int8))
    """
    members = np.bincount(roots, minlength=len(roots))
    together = np.flatnonzero(members[roots] > 1)
    kept, why = np.arange(len(roots)), np.zeros(len(roots), np.int8)
    if not len(together):
        return kept, why
    order = together[np.lexsort((together, -size[together], -pixels[together], roots[together]))]
    firsts = np.flatnonzero(np.diff(roots[order], prepend=-1))
    best, second = order[firsts], order[firsts + 1]
    decided = np.where(pixels[best] > pixels[second], 1, np.where(size[best] > size[second], 2, 3)).astype(np.int8)
    counts = np.diff(np.append(firsts, len(order)))
    kept[order], why[order] = np.repeat(best, counts), np.repeat(decided, counts)
    return kept, why
