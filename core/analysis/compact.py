"""Feature maps small enough to send or to keep, such that cosines can still be computed from them.

h w patch grid, D width, k kept dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.features import FeatureMap

ACCURACY = 0.02
"""The largest error of a cosine, at the 95th percentile: one step of what a heat map can show."""
LARGEST_BYTES = 6 * 2**20
"""No further dimensions are added beyond this: eight pictures of 74×74 patches in 128 dimensions are 5.3 MiB."""
SAMPLED = 512
SPARE, ITERATIONS = 16, 4
"""Of the subspace iteration: the cosines are then as good as with the exact eigenvectors, to 0.0005."""


@dataclass(frozen=True)
class CompactFeatures:
    """Unit feature vectors of several pictures in one space of k dimensions.

    The cosine of two different patches is `((a * scales) * (b * scales)).sum()`; of a patch with itself it is 1,
    which the numbers reach only as far as k dimensions hold the whole vector.
    """

    grids: list[Tensor]
    """[h, w, k] int8 per picture."""
    scales: Tensor
    """[k] float32."""
    error: float
    """95th percentile of the cosines' absolute errors, measured on pairs of SAMPLED patches."""


def compact(maps: Sequence[FeatureMap], dims: int = 64) -> CompactFeatures:
    """The maps' features, as `reduced` to `dims` directions or more.

    `dims` is doubled while cosines are off by more than ACCURACY and there is room.
    """
    width = maps[0].patches.shape[-1]
    patches = sum(m.patches.shape[0] * m.patches.shape[1] for m in maps)
    dims = min(dims, width)
    while True:
        small = reduced(maps, dims)
        if small.error <= ACCURACY or dims == width or patches * min(2 * dims, width) > LARGEST_BYTES:
            return small
        dims = min(2 * dims, width)


def reduced(maps: Sequence[FeatureMap], dims: int) -> CompactFeatures:
    """The maps' features, normalised, in the `dims` directions that keep their inner products best, as int8.

    The directions are the leading eigenvectors of the second-moment matrix of the unit vectors (the best low-rank
    Gram matrix, Eckart and Young 1936); features of fewer than `dims` numbers keep all. One scale per dimension: the
    first holds the vectors' common part and is far longer than the rest.
    """
    units = torch.nn.functional.normalize(torch.cat([m.patches.flatten(0, 1) for m in maps]).float(), dim=-1)
    projected = units @ leading_directions(units.T @ units, min(dims, units.shape[1]))
    scales = (projected.abs().amax(dim=0) / 127).clamp_min(1e-12)
    numbers = (projected / scales).round().to(torch.int8)
    pieces = numbers.split([m.patches.shape[0] * m.patches.shape[1] for m in maps])
    grids = [piece.unflatten(0, m.grid) for piece, m in zip(pieces, maps, strict=True)]
    return CompactFeatures(grids, scales, _error(units, numbers.float() * scales))


def leading_directions(moments: Tensor, count: int) -> Tensor:
    """The first `count` eigenvectors of a symmetric, positive [D, D] matrix, [D, count], by subspace iteration.

    A full decomposition takes seconds for D = 1536, of which nearly all is thrown away. What is found is orthonormal
    always, and close to the eigenvectors where the eigenvalues fall off.
    """
    width = len(moments)
    spare = min(count + SPARE, width)
    basis = torch.randn(width, spare, generator=torch.Generator().manual_seed(0), dtype=moments.dtype)
    for _ in range(ITERATIONS):
        basis = torch.linalg.qr(moments @ basis).Q
    turned = torch.linalg.eigh(basis.T @ moments @ basis).eigenvectors.flip(1)
    return basis @ turned[:, :count]


def _error(units: Tensor, approximate: Tensor) -> float:
    chosen = torch.linspace(0, len(units) - 1, min(SAMPLED, len(units))).long()
    difference = units[chosen] @ units[chosen].T - approximate[chosen] @ approximate[chosen].T
    difference.fill_diagonal_(0)  # known without the numbers
    return float(difference.abs().flatten().quantile(0.95))
