"""Features of mean 0 and variance 1, by what has been seen of them so far. M rows of all ranks, D width."""

import torch
from torch import Tensor, nn

from train import dist

LEAST = 1e-6
"""Added to the variance, as batch normalisation does."""


class Standardiser(nn.Module):
    """Remembers how many rows it has seen on all ranks, their sum and that of their squares; part of a checkpoint.

    For features that do not change, so that what is remembered settles, however long ago it was seen.
    """

    sums: Tensor
    rows: Tensor

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("sums", torch.zeros(2, width, dtype=torch.float64))
        self.register_buffer("rows", torch.zeros((), dtype=torch.float64))

    @torch.no_grad()
    def forward(self, features: Tensor) -> Tensor:
        """Features [..., D] float32, scaled by all that was seen, these included."""
        flat = features.flatten(0, -2).double()
        seen = dist.total(torch.cat([flat.sum(dim=0), flat.square().sum(dim=0), flat.new_tensor([len(flat)])]))
        self.sums += seen[:-1].view_as(self.sums)
        self.rows += seen[-1]
        mean, square = self.sums / self.rows
        scale = (square - mean.square()).clamp(min=0).add(LEAST).rsqrt()
        return (features.float() - mean.float()) * scale.float()
