"""Cosine similarity of a query to every patch.

h w patch grid, D width.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from core.errors import RequestError
from core.features import FeatureMap


def query_vector(
    feature_map: FeatureMap,
    *,
    patch: tuple[int, int] | None = None,
    point: tuple[float, float] | None = None,
    box: tuple[float, float, float, float] | None = None,
) -> Tensor:
    """The feature [D] of one patch (row, column), of the patch under a point (x, y), or the mean of those in a box.

    Points and boxes (left, top, right, bottom) are in pixels of the original picture. A box takes the patches
    whose centres it holds, or the one under its own centre where it holds none; their features are normalised
    before they are averaged, so that no outlier speaks for all. Raises RequestError outside the picture, or
    unless exactly one of the three is given.
    """
    geometry = feature_map.geometry
    if sum(given is not None for given in (patch, point, box)) != 1:
        raise RequestError("Give exactly one of patch=(row, column), point=(x, y) or box=(left, top, right, bottom).")
    if patch is not None:
        row, column = patch
        if not (0 <= row < geometry.rows and 0 <= column < geometry.columns):
            raise RequestError(
                f"Patch {patch} lies outside the grid of {geometry.rows} rows × {geometry.columns} columns."
            )
        return feature_map.patches[row, column].float()
    if point is not None:
        box = (*point, *point)
    assert box is not None  # one of the three is given
    left, top, right, bottom = box
    if not (0 <= left <= right <= geometry.width and 0 <= top <= bottom <= geometry.height):
        raise RequestError(
            f"{point or box} lies outside the picture of {geometry.width}×{geometry.height} pixels, "
            "or is turned inside out."
        )
    inside = [
        feature_map.patches[row, column]
        for row in range(geometry.rows)
        for column in range(geometry.columns)
        if left <= geometry.center(row, column)[0] < right and top <= geometry.center(row, column)[1] < bottom
    ]
    if not inside:
        row, column = geometry.patch_at((left + right) / 2, (top + bottom) / 2)
        return feature_map.patches[row, column].float()
    return F.normalize(torch.stack(inside).float(), dim=-1).mean(dim=0)


def similarity_map(feature_map: FeatureMap, query: Tensor) -> Tensor:
    """Cosine of every patch with a query [D], as [h, w] in −1..1. A zero vector is similar to nothing: 0.

    >>> from core.features import Geometry
    >>> patches = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])
    >>> similarity_map(FeatureMap(patches, patches[0, 0], Geometry(14, 28, 1, 2, 14)), torch.tensor([3.0, 0.0]))
    tensor([[1., 0.]])
    """
    width = feature_map.patches.shape[-1]
    if query.shape != (width,):
        raise RequestError(f"A query of shape {tuple(query.shape)} came for features of width {width}; give [{width}].")
    if not (query.isfinite().all() and feature_map.patches.isfinite().all()):
        raise RequestError("The query or the feature map holds NaN or infinite values; recompute it in float32.")
    return (F.normalize(feature_map.patches.float(), dim=-1) @ F.normalize(query.float(), dim=0)).clamp(-1, 1)
