"""Where two models disagree about one picture, whatever the widths of their features.

h w patch grid, N = h·w.
"""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from core.analysis.grids import resampled
from core.analysis.maps import as_list
from core.errors import RequestError
from core.features import FeatureMap
from core.pictures.geometry import Geometry
from core.wording import counted

TOGETHER = 2**21
"""Similarities that are held at once: 8 MB for each model."""
FLAT = 1e-6
"""Standard deviation of cosines below which they are rounding noise, and a patch is as like to all others."""


def disagreement(first: FeatureMap, second: FeatureMap) -> tuple[Tensor, Geometry]:
    """1 − correlation of the two models' similarities, per patch [h, w] float32 in [0, 2]; and the grid it is on.

    Features of different models cannot be subtracted, but what a patch is like can be compared: its cosines with all
    other patches of the picture are N − 1 numbers in either model, and Pearson's correlation of the two rows says
    whether both models find the same patches similar. 0: the same ones, in proportion; 1: nothing in common; 2: the
    opposite. This compares rows of the matrices that representational similarity analysis (Kriegeskorte et al. 2008)
    compares as a whole.

    The grid is the one with fewer patches; on the other, unit vectors are averaged over the patches it covers. A patch
    that is equally like to all others in one model correlates with nothing (1), in both it is the same (0). Raises
    RequestError where the maps are of pictures of different sizes, have fewer than three patches or numbers that are not
    finite.
    """
    (first,), (second,) = as_list(first), as_list(second)
    grid = min(first.geometry, second.geometry, key=lambda geometry: geometry.rows * geometry.columns)
    one, other = (_directions(feature_map, grid) for feature_map in (first, second))
    count = len(one)
    if count < 3:
        raise RequestError(
            f"A grid of {counted(count, 'patch', 'patches')} has no similarities to correlate; choose a higher resolution."
        )
    rows = max(TOGETHER // count, 1)
    parts = [_row_disagreement(one, other, start, rows) for start in range(0, count, rows)]
    return torch.cat(parts).reshape(grid.rows, grid.columns), grid


def _directions(feature_map: FeatureMap, grid: Geometry) -> Tensor:
    """Unit vectors of the patches on `grid`, [N, D] float32; 0 where they cancel out."""
    directions = normalize(feature_map.patches.float(), dim=-1)
    if feature_map.geometry != grid:
        directions = normalize(resampled(directions, feature_map.geometry, grid), dim=-1)
    return directions.flatten(0, 1)


def _row_disagreement(one: Tensor, other: Tensor, start: int, rows: int) -> Tensor:
    """Those of the patches `start` to `start` + `rows`, [rows] in [0, 2]."""
    (a, flat_a), (b, flat_b) = (_standardised(vectors, start, rows) for vectors in (one, other))
    apart = (1 - (a * b).sum(dim=1)).clamp(0, 2)
    return torch.where(flat_a & flat_b, 0.0, torch.where(flat_a | flat_b, 1.0, apart))


def _standardised(vectors: Tensor, start: int, rows: int) -> tuple[Tensor, Tensor]:
    """Cosines of some patches with all others, centred and of length 1, [rows, N] with 0 at the patch itself; and
    which of the rows do not vary, [rows] bool."""
    cosines = vectors[start : start + rows] @ vectors.T
    themselves = torch.arange(len(cosines)), torch.arange(start, start + len(cosines))
    cosines[themselves] = 0
    others = len(vectors) - 1
    centred = cosines - cosines.sum(dim=1, keepdim=True) / others
    centred[themselves] = 0
    lengths = centred.norm(dim=1, keepdim=True)
    flat = lengths[:, 0] < FLAT * others**0.5
    return centred / lengths.clamp(min=1e-30), flat
