"""Thresholds that cut a distribution in two."""

from typing import NamedTuple

import torch
from torch import Tensor

BINS = 128


class Otsu(NamedTuple):
    """A threshold with the histogram it was found in: `counts` [BINS] int64, `edges` [BINS + 1]."""

    threshold: float
    counts: Tensor
    edges: Tensor


def otsu(values: Tensor, bins: int = BINS) -> Otsu:
    """The threshold that leaves the least variance within its two sides (Otsu 1979).

    Where several do equally well, as between two far-off clusters, the middle of them. Values that are all
    equal give that value.

    >>> round(otsu(torch.tensor([0.0, 0.1, 0.9, 1.0])).threshold, 2)
    0.5
    """
    flat = values.flatten().float()
    low, high = flat.aminmax()
    edges = torch.linspace(low.item(), high.item(), bins + 1)
    if high <= low:
        counts = torch.zeros(bins, dtype=torch.int64)
        counts[0] = len(flat)
        return Otsu(low.item(), counts, edges)
    counts = torch.histc(flat, bins, low.item(), high.item()).long()
    middles = ((edges[:-1] + edges[1:]) / 2).double()
    below = counts.cumsum(0).double()[:-1]
    above = len(flat) - below
    sums = (counts * middles).cumsum(0)
    difference = sums[:-1] / below.clamp(min=1) - (sums[-1] - sums[:-1]) / above.clamp(min=1)
    between = below * above * difference.square()
    best = (between >= between.max() * (1 - 1e-9)).nonzero().flatten()
    return Otsu(edges[1:-1][best].mean().item(), counts, edges)
