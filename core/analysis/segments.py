"""Patches of all pictures sorted into a few groups: parts and things that look alike, under the same colours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from core.analysis.maps import as_list, stack, unstack
from core.analysis.pca import leading_eigenvectors
from core.errors import RequestError
from core.features import FeatureMap

ITERATIONS = 25
SAMPLE = 2000
"""Patches that the groups are first found on; two passes over all of them then settle the rest."""
SETTLING = 2
SPECTRAL_SAMPLE = 1500
"""Patches whose affinities are decomposed; the others join the nearest group. The cost is this number squared."""


@dataclass(frozen=True, eq=False)
class Segments:
    """`labels` [h, w] int64 for each map, 0 the largest group, −1 outside; `centres` [count, D], normalised."""

    labels: list[Tensor]
    centres: Tensor


def segments(
    maps: FeatureMap | Sequence[FeatureMap],
    count: int = 6,
    method: Literal["kmeans", "spectral"] = "kmeans",
    seed: int = 0,
    *,
    inside: Sequence[Tensor] | None = None,
) -> Segments:
    """The patches of all maps in `count` groups by the direction of their features.

    "kmeans" on normalised features (k-means++ start; spherical, so as to compare by cosine as everything here
    does), "spectral" on their affinities, which follows elongated groups. Groups are numbered by size, so that
    colours stay where a picture is added. The same seed gives the same groups. `inside`: a mask [h, w] bool for
    each map, such as its foreground, whose patches alone are grouped: the parts of objects.

    >>> from core.features import Geometry
    >>> patches = torch.tensor([[[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]])
    >>> segments(FeatureMap(patches, patches[0, 0], Geometry(14, 42, 1, 3, 14)), count=2).labels[0].tolist()
    [[0, 0, 1]]
    """
    listed = as_list(maps)
    if inside is not None and [tuple(mask.shape) for mask in inside] != [one.grid for one in listed]:
        raise RequestError("inside must hold one mask [h, w] for each map, of the same grid.")
    features = F.normalize(stack(listed), dim=1)
    grouped = None if inside is None else torch.cat([mask.flatten() for mask in inside]).bool()
    features = features if grouped is None else features[grouped]
    if not 1 <= count <= len(features):
        raise RequestError(f"count is {count}; choose 1 to {len(features)}, the number of patches.")
    generator = torch.Generator().manual_seed(seed)
    if method == "kmeans":
        labels = _kmeans(features, count, generator)
    elif method == "spectral":
        labels = _spectral(features, count, generator)
    else:
        raise RequestError(f"method is {method!r}; choose 'kmeans' or 'spectral'.")
    order = torch.bincount(labels, minlength=count).argsort(descending=True, stable=True)
    labels = order.argsort()[labels]
    centres = _centres(features, labels, count)
    if grouped is not None:
        labels = torch.full(grouped.shape, -1).masked_scatter(grouped, labels)
    return Segments(unstack(labels, listed), centres)


def _kmeans(features: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Group numbers [N] of normalised rows [N, D]."""
    sample = features
    if len(features) > SAMPLE:
        sample = features[torch.randperm(len(features), generator=generator)[:SAMPLE].sort().values]
    centres = _settle(sample, _spread_start(sample, count, generator), ITERATIONS)[1]
    return _settle(features, centres, SETTLING)[0]


def _settle(features: Tensor, centres: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """Lloyd's alternation from given centres, until nothing moves: group numbers [N], and centres."""
    labels = torch.full((len(features),), -1)
    for _ in range(iterations):
        moved = (features @ centres.T).argmax(dim=1)
        if torch.equal(moved, labels):
            break
        labels, centres = moved, _centres(features, moved, len(centres), centres)
    return labels, centres


def _spread_start(features: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """k-means++: each next centre is drawn in proportion to its squared distance from those there are."""
    chosen = [int(torch.randint(len(features), (1,), generator=generator))]
    distance = features.new_full((len(features),), torch.inf)
    for _ in range(count - 1):
        distance = torch.minimum(distance, (2 - 2 * features @ features[chosen[-1]]).clamp(min=0))
        weights = distance if distance.sum() > 0 else torch.ones_like(distance)
        chosen.append(int(torch.multinomial(weights, 1, generator=generator)))
    return features[chosen]


def _centres(features: Tensor, labels: Tensor, count: int, previous: Tensor | None = None) -> Tensor:
    """Normalised mean of each group, [count, D]; an empty group keeps its previous centre."""
    sums = F.one_hot(labels, count).to(features.dtype).T @ features  # five times as fast as index_add_
    centres = F.normalize(sums, dim=1)
    if previous is not None:
        empty = torch.bincount(labels, minlength=count) == 0
        centres[empty] = previous[empty]
    return centres


def _spectral(features: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Groups of the rows of the leading eigenvectors of the normalised affinities (Ng, Jordan & Weiss 2002)."""
    chosen = torch.randperm(len(features), generator=generator)[:SPECTRAL_SAMPLE].sort().values
    sample = features[chosen]
    affinity = (sample @ sample.T).clamp(min=0).pow(3)  # sharpened, so that weak likenesses do not join everything
    scale = affinity.sum(dim=1).clamp(min=1e-12).rsqrt()
    normalised = affinity * scale * scale.unsqueeze(1)
    embedded = F.normalize(leading_eigenvectors(normalised, count)[1], dim=1)
    of_sample = _kmeans(embedded, count, generator)
    return (features @ _centres(features[chosen], of_sample, count).T).argmax(dim=1)
