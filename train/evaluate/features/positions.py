"""Values on a patch grid at positions of the picture. h w patch grid, C values each, k positions, H W pixels."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from core import Geometry

SUB = 4
"""Points along a patch's side at which its truth is looked up: the resolution that dense layers learn from."""
STRIP = 1 << 24
"""Values that are sampled together: 64 MB."""


def sampled(values: Tensor, geometry: Geometry, points: Tensor) -> Tensor:
    """[k, C] of values [h, w, C] at `points` [k, 2] (x, y) in pixels, bilinear between patch centres.

    >>> ramp = torch.tensor([[[0.0], [1.0]], [[0.0], [1.0]]])
    >>> sampled(ramp, Geometry(20, 20, 2, 2, 14), torch.tensor([[10.0, 3.0], [5.0, 5.0]]))
    tensor([[0.5000],
            [0.0000]])
    """
    left, top, right, bottom = geometry.covered
    low, size = points.new_tensor([left, top]), points.new_tensor([right - left, bottom - top])
    places = ((points - low) * 2 / size - 1).view(1, 1, -1, 2).to(values)
    found = F.grid_sample(values.permute(2, 0, 1)[None], places, padding_mode="border", align_corners=False)
    return found[0, :, 0].T


def pixel_strips(values: Tensor, geometry: Geometry) -> Iterator[tuple[slice, Tensor]]:
    """Values at every pixel, some rows at a time: the rows, and [rows, W, C]."""
    width = geometry.width
    rows = max(1, STRIP // (width * values.shape[2]))
    along = torch.arange(width) + 0.5
    for start in range(0, geometry.height, rows):
        down = torch.arange(start, min(start + rows, geometry.height)) + 0.5
        y, x = torch.meshgrid(down, along, indexing="ij")
        strip = sampled(values, geometry, torch.stack([x, y], dim=2).flatten(0, 1))
        yield slice(start, start + len(down)), strip.unflatten(0, (len(down), width))


def sub_positions(geometry: Geometry, side: int) -> Tensor:
    """Positions (x, y) in pixels of `side` × `side` points within each patch, [h, w, side², 2]."""
    left, top, right, bottom = geometry.covered
    rows = (torch.arange(geometry.rows * side) + 0.5) / (geometry.rows * side) * (bottom - top) + top
    columns = (torch.arange(geometry.columns * side) + 0.5) / (geometry.columns * side) * (right - left) + left
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    points = torch.stack([x, y], dim=2).view(geometry.rows, side, geometry.columns, side, 2)
    return points.transpose(1, 2).flatten(2, 3)
