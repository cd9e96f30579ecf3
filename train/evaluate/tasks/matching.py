"""Whether a key point's most similar patch in another picture lies where its counterpart is: PCK.

A point is found where the distance is at most a share of the longer side of the object's box (Min et al. 2019).
h w patch grid, D width, k points, n pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from core import VisionTransformer
from core.bounds import Bounds
from core.model.precision import Precision
from train.dist import World
from train.evaluate.bootstrap import Estimate, of_mean, of_ratio
from train.evaluate.datasets.layouts.spair import Pair, read_pairs
from train.evaluate.datasets.truth import load_with_places
from train.evaluate.features.positions import sampled
from train.evaluate.features.token_maps import TokenMap, token_maps
from train.evaluate.left_out import LeftOut
from train.evaluate.task import Estimates, PictureTask

RADII = (0.01, 0.05, 0.1)
REMEMBERED = 64
"""Pictures whose maps are kept, since a picture is in many pairs."""


@dataclass(frozen=True, kw_only=True)
class Matching(PictureTask):
    """The share of key points whose most similar patch in another picture lies where they are there (PCK)."""

    data: Path
    """SPair-71k, or a folder with images/ and pairs/*.json of its form."""
    part: str = "test"
    """Of SPair-71k: trn, val or test."""
    radii: Annotated[tuple[float, ...], Bounds(0, 10, above=True)] = RADII
    """Shares of the longer side of the object's box."""

    def estimates(self, model: VisionTransformer, size: int, world: World) -> Estimates | None:
        if not world.leads:
            return None
        pairs = read_pairs(self.data, self.part)
        generator = np.random.default_rng(self.seed)
        found = measure_matching(model, pairs, size, generator, self.radii, self.precision)
        rows = [
            (f"PCK@{one.radius:g} by {how}", getattr(one, f"by_{how}")) for one in found for how in ("point", "pair")
        ]
        more = {
            "pairs": len(pairs) - found[0].left_out,
            "left_out": found[0].left_out,
            "chance": {f"{one.radius:g}": one.chance for one in found},
            "by_category": {f"{one.radius:g}": one.by_category for one in found},
        }
        return Estimates(rows, more)


class Matched(NamedTuple):
    """At one radius: the share of all points that were found, the mean over pairs of each pair's share, the first for
    each category, and what would be found by chance."""

    radius: float
    by_point: Estimate
    by_pair: Estimate
    by_category: dict[str, float]
    chance: float
    left_out: int = 0
    """Pairs of which a picture could not be read."""


def matched_points(source: TokenMap, target: TokenMap, points: Tensor) -> Tensor:
    """The match in the target of each of `points` [k, 2] of the source, [k, 2] (x, y): centres of patches."""
    queries = F.normalize(sampled(source.patches, source.geometry, points), dim=1)
    best = (queries @ F.normalize(target.patches.flatten(0, 1), dim=1).T).argmax(dim=1)
    centres = patch_centres(target)
    return centres[best]


def patch_centres(one: TokenMap) -> Tensor:
    """(x, y) of each patch's middle, row by row, [h·w, 2]."""
    geometry = one.geometry
    centres = [geometry.center(row, column) for row in range(geometry.rows) for column in range(geometry.columns)]
    return torch.tensor(centres, dtype=torch.float32)


def measure_matching(
    model: VisionTransformer,
    pairs: Sequence[Pair],
    size: int,
    generator: np.random.Generator,
    radii: Sequence[float] = RADII,
    precision: Precision = "auto",
) -> list[Matched]:
    """For each radius; pictures at `size` pixels along their longer side. Pairs of which a picture cannot be read are left
    out."""
    remembered: dict = {}

    def seen(path) -> TokenMap:
        if path not in remembered:
            if len(remembered) >= REMEMBERED:
                remembered.pop(next(iter(remembered)))
            (remembered[path],) = token_maps(model, [load_with_places(path)], size, 1, precision)
        return remembered[path]

    hits, lucky, tries, lost, categories = [], [], [], LeftOut(), []
    both = lost.readable(tqdm(pairs, desc="matching", unit="pair"), lambda one: (seen(one.source), seen(one.target)))
    for pair, (source, target) in both:
        truth = torch.from_numpy(pair.target_points)
        found = matched_points(source, target, torch.from_numpy(pair.source_points))
        distances = (found - truth).norm(dim=1)
        every = torch.cdist(truth, patch_centres(target))
        hits.append([float((distances <= radius * pair.extent).sum()) for radius in radii])
        lucky.append([float((every <= radius * pair.extent).float().mean(dim=1).sum()) for radius in radii])
        tries.append(len(truth))
        categories.append(pair.category)
    left_out = lost.tell(len(tries), "pairs")
    found_at = scored(np.array(hits), np.array(lucky), np.array(tries), categories, radii, generator)
    return [one._replace(left_out=left_out) for one in found_at]


def scored(
    hits: np.ndarray,
    lucky: np.ndarray,
    tries: np.ndarray,
    categories: Sequence[str],
    radii: Sequence[float],
    generator: np.random.Generator,
) -> list[Matched]:
    """From points found, and found by chance, in each pair [n, radii], and points in all [n]."""
    members = np.array(categories)
    scores = []
    for place, radius in enumerate(radii):
        shares = {
            name: float(hits[members == name, place].sum() / tries[members == name].sum())
            for name in sorted(set(categories))
        }
        by_point = of_ratio(hits[:, place], tries, generator)
        by_pair = of_mean(hits[:, place] / tries, generator)
        scores.append(Matched(radius, by_point, by_pair, shares, float(lucky[:, place].sum() / tries.sum())))
    return scores
