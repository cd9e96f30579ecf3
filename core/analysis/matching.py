"""Matching of the parts of two pictures: patches that choose each other, checked and spread evenly.

a, b two maps with grids h w and h' w'; N, N' their patches, D width, M matches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from core.analysis.foreground import foreground as find_foreground
from core.analysis.maps import as_list
from core.errors import RequestError
from core.features import FeatureMap

RATIO = 0.97
"""Lowe (2004) keeps what is 0.8 times as far as the runner-up, for sparse key points. Dense features change slowly
from patch to patch and from picture to picture, so that little more than a plain tie is thrown out."""
NEAR = 2
"""Patches this close to the best match are the same place, not its rivals."""
LARGEST_PAIRS = 2**25
"""Products N·N' that are held at once, four times in float32: two grids of 76 × 76, 0.5 GB."""
WIDEST = 3
"""Neighbours at each side that smoothing may look at; beyond, parts differ in shape."""


@dataclass(frozen=True, eq=False)
class Matches:
    """Patches of a with theirs in b, the best first.

    `points_a`, `points_b` [M, 2] float32: their middles as (x, y) in pixels of the original pictures. `patches_a`,
    `patches_b` [M, 2] int64: (row, column). `scores` [M] in −1..1: the cosine, over the neighbourhood where smoothed.
    """

    points_a: Tensor
    points_b: Tensor
    scores: Tensor
    patches_a: Tensor
    patches_b: Tensor

    def __len__(self) -> int:
        return len(self.scores)


class MatchedPoint(NamedTuple):
    """A position (x, y) in pixels of the original, and how alike what is there is, in −1..1."""

    x: float
    y: float
    score: float


def match(
    a: FeatureMap,
    b: FeatureMap,
    *,
    density: float = 0.5,
    mutual: bool = True,
    ratio: float = RATIO,
    smoothing: int = 1,
    foreground: Sequence[Tensor] | Literal["auto"] | None = None,
) -> Matches:
    """The patches of a with their matches in b. The maps may differ in grid and picture size, not in model and layer.

    A patch's match is the most similar patch of b. With `mutual` each must be the other's; `ratio`: its distance
    must be below that share of the distance to the best patch elsewhere in b (1 lets all but ties pass).
    `density` in 0..1: matches per patch along a line, so 0.25 keeps the best of each 4 × 4. `smoothing`: how many
    neighbours at each side must be alike too, upright or mirrored. `foreground`: masks [h, w] bool of a and b to
    stay inside, or "auto". Deterministic. Raises RequestError on values out of range and grids too fine to compare.

    >>> from core.features import Geometry
    >>> g = Geometry(14, 42, 1, 3, 14)
    >>> a, b = (FeatureMap(torch.eye(3)[order].unsqueeze(0), torch.zeros(3), g) for order in ([0, 1, 2], [2, 0, 1]))
    >>> found = match(a, b, density=1, smoothing=0)
    >>> found.points_a[:, 0].tolist(), found.points_b[:, 0].tolist()
    ([7.0, 21.0, 35.0], [21.0, 35.0, 7.0])
    """
    _check(density, ratio, smoothing)
    maps = as_list([a, b])
    inside = _masks(maps, foreground)
    cosines = _similarity(_units(a), _units(b), smoothing).flatten(2).flatten(0, 1)  # [N, N']
    cosines.masked_fill_(~inside[1].flatten(), -torch.inf)
    scores, chosen = cosines.max(dim=1)
    kept = inside[0].flatten() & scores.isfinite()
    if mutual:
        back = cosines.masked_fill(~inside[0].flatten().unsqueeze(1), -torch.inf).argmax(dim=0)
        kept &= back[chosen] == torch.arange(len(chosen))
    places = kept.nonzero().flatten()
    places = places[_distinct(cosines[places], chosen[places], b.grid, ratio)]
    places = _spread(places, scores, a.grid, round(1 / density))
    theirs = chosen[places]
    return Matches(
        _centres(a, places),
        _centres(b, theirs),
        scores[places].clamp(-1, 1),
        _rows_and_columns(places, a.grid[1]),
        _rows_and_columns(theirs, b.grid[1]),
    )


def transfer_point(
    source: FeatureMap, targets: Sequence[FeatureMap], point: tuple[float, float], smoothing: int = 1
) -> list[MatchedPoint]:
    """The match, in each of the targets, of the patch under (x, y) of the source; RequestError outside the picture."""
    _check(smoothing=smoothing)
    as_list([source, *targets])
    geometry = source.geometry
    if not (0 <= point[0] <= geometry.width and 0 <= point[1] <= geometry.height):
        raise RequestError(f"{point} lies outside the picture of {geometry.width}×{geometry.height} pixels.")
    row, column = geometry.patch_at(*point)
    top, left = max(row - smoothing, 0), max(column - smoothing, 0)
    window = _units(source)[top : row + smoothing + 1, left : column + smoothing + 1]
    places = []
    for target in targets:
        cosines = _similarity(window, _units(target), smoothing)[row - top, column - left]
        best = int(cosines.argmax())
        x, y = target.geometry.center(*divmod(best, target.grid[1]))
        places.append(MatchedPoint(x, y, min(float(cosines.flatten()[best]), 1.0)))
    return places


def transfer_region(
    source: FeatureMap, targets: Sequence[FeatureMap], region: Tensor, smoothing: int = 1
) -> list[Tensor]:
    """Each target patch's similarity to the region, less that to the rest of the source: [h', w'] each.

    The highest cosine with a patch of `region` [h, w] bool minus the highest with any other: above 0, its most
    similar patch lies inside. Raises RequestError where the region is empty or leaves nothing out.
    """
    _check(smoothing=smoothing)
    as_list([source, *targets])
    if tuple(region.shape) != source.grid or region.dtype != torch.bool:
        raise RequestError(f"A region is a mask {list(source.grid)} of bool, this is {list(region.shape)}.")
    if region.all() or not region.any():
        raise RequestError("A region must hold a part of the picture: neither none of its patches nor all of them.")
    margins = []
    for target in targets:
        cosines = _similarity(_units(source), _units(target), smoothing)
        margins.append(cosines[region].amax(dim=0) - cosines[~region].amax(dim=0))
    return margins


def region_of(feature_map: FeatureMap, outline: Sequence[tuple[float, float]]) -> Tensor:
    """Which patches have their middle inside an outline of (x, y) in pixels, [h, w] bool; at least the one under it.

    Even-odd rule, closed by itself. RequestError for fewer than three points or what is no number.
    """
    corners = np.asarray(outline, dtype=np.float64)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3 or not np.isfinite(corners).all():
        raise RequestError("An outline is at least three points (x, y) in pixels; draw around the part.")
    rows, columns = feature_map.grid
    geometry = feature_map.geometry
    x = np.array([geometry.center(0, column)[0] for column in range(columns)])[None, :]
    y = np.array([geometry.center(row, 0)[1] for row in range(rows)])[:, None]
    inside = np.zeros((rows, columns), dtype=bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 != y1:
            inside ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    if not inside.any():
        inside[geometry.patch_at(*corners.mean(axis=0).tolist())] = True
    return torch.from_numpy(inside)


def object_masks(maps: FeatureMap | Sequence[FeatureMap]) -> list[Tensor]:
    """Which patches are the object's, [h, w] bool for each map; all of them where no object is found."""
    found = find_foreground(maps)
    masks = [scores > found.threshold for scores in found]
    return [mask if mask.any() else ~mask for mask in masks]


def _check(density: float = 1.0, ratio: float = 1.0, smoothing: int = 0) -> None:
    if not 0 < density <= 1:
        raise RequestError(f"density is {density}; choose above 0 (few) up to 1 (a match for each patch).")
    if not 0 < ratio <= 1:
        raise RequestError(f"ratio is {ratio}; choose above 0 (strict) up to 1 (only ties are left out).")
    if smoothing not in range(WIDEST + 1):
        raise RequestError(f"smoothing is {smoothing}; choose 0 to {WIDEST} neighbours at each side.")


def _masks(maps: list[FeatureMap], foreground: Sequence[Tensor] | Literal["auto"] | None) -> list[Tensor]:
    """The patches that may match, [h, w] bool for each map."""
    if foreground is None:
        return [torch.ones(one.grid, dtype=torch.bool) for one in maps]
    if isinstance(foreground, str):
        if foreground != "auto":
            raise RequestError(f"foreground is {foreground!r}; give a mask for each map, 'auto' or None.")
        return object_masks(maps)
    masks = list(foreground)
    if [(tuple(mask.shape), mask.dtype) for mask in masks] != [(one.grid, torch.bool) for one in maps]:
        raise RequestError("foreground must hold one mask [h, w] of bool for each map, of the same grid.")
    return masks


def _units(feature_map: FeatureMap) -> Tensor:
    return F.normalize(feature_map.patches.float(), dim=-1)


def _similarity(a: Tensor, b: Tensor, smoothing: int) -> Tensor:
    """Cosines [h, w, h', w'] of unit features; smoothed, their mean over the patches around both.

    The neighbours are compared as they lie and mirrored left to right, and the better counts: animals look either way.
    """
    pairs = a.shape[0] * a.shape[1] * b.shape[0] * b.shape[1]
    if pairs > LARGEST_PAIRS:
        raise RequestError(
            f"Grids of {a.shape[0]}×{a.shape[1]} and {b.shape[0]}×{b.shape[1]} patches make {pairs:,} pairs, "
            f"{LARGEST_PAIRS:,} are compared at most; extract the features at a smaller size."
        )
    cosines = torch.einsum("hwd,ijd->hwij", a, b)
    if smoothing == 0:
        return cosines
    down, rows = _along(cosines, 0, 2, smoothing, 1)
    upright, columns = _along(down, 1, 3, smoothing, 1)
    mirrored, mirrored_columns = _along(down, 1, 3, smoothing, -1)
    upright /= columns[:, None, :]
    mirrored /= mirrored_columns[:, None, :]
    return torch.maximum(upright, mirrored) / rows[:, None, :, None]


def _along(values: Tensor, first: int, second: int, radius: int, sign: int) -> tuple[Tensor, Tensor]:
    """Sums over steps of at most `radius` along two dims at once, and how many terms each has, [n, n']."""
    total = values.clone()
    lengths = values.shape[first], values.shape[second]
    terms = values.new_ones(lengths)
    for step in (step for step in range(-radius, radius + 1) if step):
        to, source = zip(*map(_shifted, lengths, (step, sign * step)), strict=True)
        if any(part.start >= part.stop for part in to):
            continue
        terms[to] += 1
        whole = [slice(None)] * values.ndim
        into, out_of = list(whole), list(whole)
        into[first], into[second] = to
        out_of[first], out_of[second] = source
        total[tuple(into)] += values[tuple(out_of)]
    return total, terms


def _shifted(length: int, step: int) -> tuple[slice, slice]:
    """Indices that have a neighbour so many steps on, and those neighbours."""
    return slice(max(-step, 0), length - max(step, 0)), slice(max(step, 0), length - max(-step, 0))


def _distinct(cosines: Tensor, chosen: Tensor, grid: tuple[int, int], ratio: float) -> Tensor:
    """Which rows' best match [K] is clearly nearer than any patch elsewhere, [K] bool."""
    rows, columns = grid
    row, column = chosen // columns, chosen % columns
    near_rows = (torch.arange(rows) - row.unsqueeze(1)).abs() <= NEAR
    near_columns = (torch.arange(columns) - column.unsqueeze(1)).abs() <= NEAR
    near = (near_rows.unsqueeze(2) & near_columns.unsqueeze(1)).flatten(1)
    rival = cosines.masked_fill(near, -torch.inf).amax(dim=1)
    best = cosines.gather(1, chosen.unsqueeze(1)).squeeze(1)
    # distances of unit vectors; double, since 1 − cosine is mostly rounding where patches are nearly equal
    nearest, runner_up = ((2 - 2 * value.double()).clamp(min=0).sqrt() for value in (best, rival))
    return nearest < ratio * runner_up


def _spread(places: Tensor, scores: Tensor, grid: tuple[int, int], apart: int) -> Tensor:
    """The places in order of their scores, without those closer than `apart` patches to a better one."""
    order = places[scores[places].argsort(descending=True, stable=True)]
    taken = np.zeros(grid, dtype=bool)
    kept = []
    for place in order.tolist():
        row, column = divmod(place, grid[1])
        if not taken[row, column]:
            kept.append(place)
            taken[max(row - apart + 1, 0) : row + apart, max(column - apart + 1, 0) : column + apart] = True
    return torch.tensor(kept, dtype=torch.int64)


def _rows_and_columns(places: Tensor, columns: int) -> Tensor:
    return torch.stack([places // columns, places % columns], dim=1)


def _centres(feature_map: FeatureMap, places: Tensor) -> Tensor:
    columns = feature_map.grid[1]
    centres = [feature_map.geometry.center(*divmod(place, columns)) for place in places.tolist()]
    return torch.tensor(centres, dtype=torch.float32).reshape(-1, 2)
