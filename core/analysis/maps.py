"""Checks that all analyses make of the feature maps they are given."""

from collections.abc import Sequence

import torch
from torch import Tensor

from core.errors import RequestError
from core.features import FeatureMap, Origin

LARGEST = 1e12
"""Greatest magnitude of a feature: sums of products of these still fit in float32, and real ones stay far below."""


def as_list(maps: FeatureMap | Sequence[FeatureMap]) -> list[FeatureMap]:
    """The maps as a list of at least one, none empty, all finite, of one model and layer; else RequestError.

    Maps of pictures taken at different sizes may be mixed: they live in the same space.
    """
    listed = [maps] if isinstance(maps, FeatureMap) else list(maps)
    if not listed:
        raise RequestError("No feature map was given; extract at least one picture's features first.")
    for number, feature_map in enumerate(listed):
        shape = tuple(feature_map.patches.shape)
        if len(shape) != 3 or not all(shape):
            raise RequestError(f"Feature map {number} has shape {shape}; it must be [h, w, D], none of them 0.")
    widths = {feature_map.patches.shape[-1] for feature_map in listed}
    if len(widths) > 1:
        raise RequestError(f"Feature maps of widths {sorted(widths)} cannot be mixed; use one model for all pictures.")
    first = listed[0].origin
    for number, feature_map in enumerate(listed):
        if same_space(feature_map.origin) != same_space(first):
            raise RequestError(
                f"Feature map {number} was made with {described(feature_map.origin)}, the first with {described(first)}; "
                "use one model and layer for all pictures."
            )
        low, high = feature_map.patches.aminmax()  # NaN where there is one, and then no comparison holds
        if not (low >= -LARGEST and high <= LARGEST):
            raise RequestError(
                f"Feature map {number} holds NaN, infinity or values beyond {LARGEST:.0e}; recompute it in float32."
            )
    return listed


def same_space(origin: Origin) -> tuple[str, int]:
    """The values that comparable features share; the size of the picture, or the model's nickname, may differ."""
    return origin.weights or origin.model, origin.layer


def described(origin: Origin) -> str:
    """An origin in words, for messages."""
    weights = f" ({origin.weights[:8]})" if origin.weights else ""
    return f"{origin.model or 'an unnamed model'}{weights}, layer {origin.layer}"


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
