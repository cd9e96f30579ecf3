"""What all analyses ask of the feature maps they are given."""

from collections.abc import Sequence

import torch
from torch import Tensor

from core.errors import RequestError
from core.features import FeatureMap


def as_list(maps: FeatureMap | Sequence[FeatureMap]) -> list[FeatureMap]:
    """The maps as a list of at least one, all finite and of one width; RequestError otherwise."""
    listed = [maps] if isinstance(maps, FeatureMap) else list(maps)
    if not listed:
        raise RequestError("No feature map was given; extract at least one picture's features first.")
    widths = {feature_map.patches.shape[-1] for feature_map in listed}
    if len(widths) > 1:
        raise RequestError(f"Feature maps of widths {sorted(widths)} cannot be mixed; use one model for all pictures.")
    for number, feature_map in enumerate(listed):
        if not feature_map.patches.isfinite().all():
            raise RequestError(f"Feature map {number} holds NaN or infinite values; recompute it in float32.")
    return listed


def stack(maps: Sequence[FeatureMap]) -> Tensor:
    """All patches, [N, D] float32, map after map in row-major order."""
    return torch.cat([feature_map.patches.flatten(0, 1) for feature_map in maps]).float()


def unstack(values: Tensor, maps: Sequence[FeatureMap]) -> list[Tensor]:
    """Rows [N, ...] back as one [h, w, ...] for each map."""
    grids = [feature_map.grid for feature_map in maps]
    parts = values.split([rows * columns for rows, columns in grids])
    return [part.unflatten(0, grid) for part, grid in zip(parts, grids, strict=True)]


def border(rows: int, columns: int) -> Tensor:
    """Which patches of a grid lie on its edge, [h, w] bool; the prior for what is background."""
    edge = torch.ones(rows, columns, dtype=torch.bool)
    edge[1:-1, 1:-1] = False
    return edge
