"""Feature maps with known answers."""

import torch
from torch import Tensor

from core.features import FeatureMap, Geometry, Origin

ORIGIN = Origin("toy", "0" * 64, -1, 518)


def as_map(patches: Tensor, origin: Origin = ORIGIN, norms: Tensor | None = None) -> FeatureMap:
    """A map of patches [h, w, D] on a picture of 10 pixels to the patch."""
    rows, columns, width = patches.shape
    geometry = Geometry(10 * rows, 10 * columns, rows, columns, 14)
    return FeatureMap(patches.float(), torch.zeros(width), geometry, norms=norms, origin=origin)


def blob_map(seed: int, rows: int = 15, columns: int = 17, noise: float = 0.1) -> FeatureMap:
    """A disc of three bands on an even ground, [h, w, 12]: the same features in every map, at other places."""
    generator = torch.Generator().manual_seed(seed)
    centre = torch.tensor([rows / 2, columns / 2]) + torch.rand(2, generator=generator) - 0.5
    down, across = torch.meshgrid(torch.arange(rows) + 0.5, torch.arange(columns) + 0.5, indexing="ij")
    disc = (down - centre[0]) ** 2 + (across - centre[1]) ** 2 < 4.5**2
    patches = torch.zeros(rows, columns, 12)
    patches[~disc, 0] = 1.0
    band = ((down - centre[0]) / 3 + 1.5).long().clamp(0, 2)
    patches[..., 1] += disc * 2.0
    patches[..., 2] += disc * (band - 1.0)
    patches[..., 3] += disc * (band == 1) * 1.0
    return as_map(patches + noise * torch.randn(rows, columns, 12, generator=generator))


def disc_of(one: FeatureMap) -> Tensor:
    """[h, w] bool: where a `blob_map` has its disc."""
    return one.patches[..., 1] > 1.0
