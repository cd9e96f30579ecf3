"""Values of one patch grid on another grid of the same picture.

h w the grid that is wanted, h' w' the one that is there.
"""

import torch
from torch import Tensor

from core.errors import RequestError
from core.pictures.geometry import Geometry


def resampled(values: Tensor, own: Geometry, wanted: Geometry) -> Tensor:
    """Values [h', w', C] on the grid `own` as means over the patches of `wanted`, [h, w, C] float32.

    Each patch takes the mean of those that it covers, weighted by the area they share on the picture. Where it sticks
    out of the other grid, the outermost patches count as going on. Raises RequestError where the grids lie on pictures of
    different sizes, or the values are not on `own`.

    >>> fine, coarse = Geometry(28, 28, 2, 2, 14), Geometry(28, 28, 1, 1, 14)
    >>> resampled(torch.arange(4.0).reshape(2, 2, 1), fine, coarse).tolist()
    [[[1.5]]]
    """
    if (own.height, own.width) != (wanted.height, wanted.width):
        raise RequestError(
            f"The grids lie on pictures of {own.width}×{own.height} and {wanted.width}×{wanted.height} pixels; compare "
            "grids of one picture."
        )
    if values.ndim != 3 or values.shape[:2] != (own.rows, own.columns):
        raise RequestError(f"Values of shape {tuple(values.shape)} are not on a grid of {own.rows}×{own.columns}.")
    left, top, right, bottom = own.covered
    to_left, to_top, to_right, to_bottom = wanted.covered
    rows = _shared(_edges(top, bottom, own.rows), _edges(to_top, to_bottom, wanted.rows))
    columns = _shared(_edges(left, right, own.columns), _edges(to_left, to_right, wanted.columns))
    return torch.einsum("ra,cb,abk->rck", rows.to(values.device), columns.to(values.device), values.float())


def _edges(first: float, last: float, patches: int) -> Tensor:
    """The lines between patches along one side, [patches + 1] float64."""
    return torch.linspace(first, last, patches + 1, dtype=torch.float64)


def _shared(own: Tensor, wanted: Tensor) -> Tensor:
    """The share of each wanted interval that lies in each of the own ones, [wanted, own], rows that sum to 1."""
    own = own.clone()
    own[0], own[-1] = min(own[0], wanted[0]), max(own[-1], wanted[-1])
    starts, ends = torch.maximum(own[:-1], wanted[:-1, None]), torch.minimum(own[1:], wanted[1:, None])
    shared = (ends - starts).clamp(min=0)
    return (shared / shared.sum(dim=1, keepdim=True)).float()
