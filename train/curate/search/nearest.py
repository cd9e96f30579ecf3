"""The nearest of many vectors: all products where that takes minutes, an inverted file of codes beyond.

q queries, n bank, D width, k neighbours.
"""

import math
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from core import RequestError

GIB = 2**30
EXACT_PRODUCTS = {"cpu": 2e12, "cuda": 2e15}
"""Numbers multiplied to compare all pairs, at most: a minute or two on a few cores, or on a card."""
CODE_BITS = 4
QUERIES, BANK, GROUP = 1024, 32_768, 64
"""Rows compared at once, 128 MB of cosines, and how many of the bank the largest is taken of first."""
SAMPLE = 512
"""Queries whose exact neighbours are compared with those found."""


class Neighbours(NamedTuple):
    """For each query its nearest, nearest first: `places` int64 and `cosines` float32, both [q, k].

    Places are rows of the set that was searched; −1, at −infinity, where it holds fewer than k.
    """

    places: np.ndarray
    cosines: np.ndarray


class Search(Protocol):
    """A bank of vectors that can be searched."""

    def nearest(self, queries: np.ndarray, k: int) -> Neighbours:
        """Of queries [q, D] at unit length."""
        ...


class Plan(NamedTuple):
    """The method of a search, and the reason for it."""

    method: str
    """exact or ivfpq."""
    why: str
    lists: int = 0
    """Cells the bank is divided into."""
    subspaces: int = 0
    """Numbers of 4 bits that stand for a vector."""
    training: int = 0
    """Vectors that cells and codes are trained on."""


def plan_search(queries: int, bank: int, width: int, memory: float, device: str = "cpu") -> Plan:
    """Exact search where it takes minutes, IVF-PQ within `memory` GiB beyond.

    Raises RequestError where not even the shortest codes fit.

    >>> plan_search(50_000, 50_000, 384, 4).method, plan_search(10**6, 10**6, 384, 4).method
    ('exact', 'ivfpq')
    """
    if queries * bank * width <= EXACT_PRODUCTS.get(device, EXACT_PRODUCTS["cpu"]):
        return Plan("exact", f"{queries:,} × {bank:,} vectors are compared one by one")
    room = memory * GIB / 2
    lengths = [width // step for step in (2, 4, 8, 16, 32) if width % step == 0]
    fitting = [length for length in lengths if bank * (length * CODE_BITS / 8 + 8) <= room]
    if not fitting:
        need = 2 * bank * (lengths[-1] * CODE_BITS / 8 + 8) / GIB if lengths else math.inf
        raise RequestError(
            f"Codes of {bank:,} vectors of {width} numbers need {need:.1f} GiB of memory, {memory:g} are allowed; "
            "raise --memory, or spread the pool over several curations."
        )
    lists = 2 ** round(math.log2(4 * math.sqrt(bank)))
    training = int(min(bank, 64 * lists, room / (4 * width)))
    why = f"{queries:,} × {bank:,} pairs are too many to compare; codes of {fitting[0] // 2} bytes, {lists:,} cells"
    return Plan("ivfpq", why, lists, fitting[0], training)


class ExactSearch:
    """All products, block by block; the bank is read from the disk as it is needed."""

    def __init__(self, vectors: np.ndarray, rows: np.ndarray, device: torch.device):
        self.vectors, self.rows, self.device = vectors, rows, device

    def nearest(self, queries: np.ndarray, k: int) -> Neighbours:
        parts = [self._nearest(queries[start : start + QUERIES], k) for start in range(0, len(queries), QUERIES)]
        if not parts:
            return Neighbours(np.empty((0, k), np.int64), np.empty((0, k), np.float32))
        return Neighbours(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _nearest(self, queries: np.ndarray, k: int) -> Neighbours:
        vectors = torch.from_numpy(queries.astype(np.float32)).to(self.device)
        best = torch.full((len(vectors), k), -torch.inf, device=self.device)
        places = torch.full((len(vectors), k), -1, dtype=torch.int64, device=self.device)
        for start in range(0, len(self.rows), BANK):
            rows = self.rows[start : start + BANK]
            cosines = vectors @ gather(self.vectors, rows).to(self.device).T
            found, where = largest(cosines, min(k, len(rows)))
            joined = torch.cat([best, found], dim=1)
            ids = torch.cat([places, torch.from_numpy(rows).to(self.device)[where]], dim=1)
            best, order = joined.topk(k, dim=1)
            places = ids.gather(1, order)
        return Neighbours(places.cpu().numpy(), best.cpu().numpy())


def largest(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of each row of [q, n] and their places, descending.

    They lie in the k groups with the largest maxima, so that a full row is read once and never sorted.

    >>> largest(torch.tensor([[0.1, 0.9, 0.5]]), 2)[1].tolist()
    [[1, 2]]
    """
    rows, columns = values.shape
    groups = columns // GROUP
    if groups <= 2 * k:
        return values.topk(k, dim=1)
    whole = values[:, : groups * GROUP].unflatten(1, (groups, GROUP))
    chosen = whole.amax(dim=2).topk(k, dim=1).indices  # [q, k] groups
    members = whole.gather(1, chosen.unsqueeze(2).expand(-1, -1, GROUP)).flatten(1)
    places = (chosen.unsqueeze(2) * GROUP + torch.arange(GROUP, device=values.device)).flatten(1)
    rest = torch.arange(groups * GROUP, columns, device=values.device).expand(rows, -1)
    candidates, places = torch.cat([members, values[:, groups * GROUP :]], 1), torch.cat([places, rest], 1)
    found, order = candidates.topk(k, dim=1)
    return found, places.gather(1, order)


def gather(vectors: np.ndarray, rows: np.ndarray) -> Tensor:
    """These rows of vectors on disk, [m, D] float32."""
    return torch.from_numpy(np.asarray(vectors[rows], dtype=np.float32))


def recall(found: Neighbours, exact: Neighbours, floor: float) -> float:
    """The share of true neighbours above `floor` that were found; 1 where there are none.

    >>> near = Neighbours(np.array([[3, 4]]), np.array([[0.9, 0.8]]))
    >>> recall(Neighbours(np.array([[4, 7]]), np.array([[0.8, 0.1]])), near, 0.5)
    0.5
    """
    wanted = (exact.cosines > floor) & (exact.places >= 0)
    hit = (exact.places[:, :, None] == found.places[:, None, :]).any(axis=2)
    return float(hit[wanted].mean()) if wanted.any() else 1.0


def sample_rows(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Up to `most` of the rows, ascending."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
