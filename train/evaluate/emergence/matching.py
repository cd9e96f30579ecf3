"""Whether a patch is most like the patch that shows the same thing in another picture.

PCK@0.1 as for SPair-71k (Min et al. 2019): a key point is found where the distance is at most a tenth of the longer
side of the object's box in the target. n pictures, h w patch grid, D width, k key points, m targets.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from train.evaluate.bootstrap import of_ratio
from train.evaluate.emergence.measure import Measure, Measured
from train.evaluate.emergence.world_set import Known

RADIUS = 0.1
TARGETS = 4
"""Pictures in which each photo's key points are looked for, drawn at random among those that fit."""
TIED = 1e-6
"""Cosines closer than this to the highest are as high; what matches everywhere is right as often as chance."""

_ASKS = "share of visible key points whose most similar patch in {} lies within a tenth of the object's longer side"
_CHANCE = "any patch is as likely"


class Pairing(NamedTuple):
    """A row of the scale: which pictures are the targets of a photo."""

    measure: Measure
    fits: Callable[[Known, Known], bool]


def _into(domain: str) -> Pairing:
    words = _ASKS.format(f"a {domain} of another scene with the category")
    return Pairing(
        Measure(f"pck_{domain}", f"… photo → {domain}", words, _CHANCE),
        lambda source, target: target.domain == domain and target.category == source.category,
    )


PAIRINGS = (
    Pairing(
        Measure("pck_category", "part matching PCK@0.1", _ASKS.format("another photo of the category"), _CHANCE),
        lambda source, target: target.domain == "photo" and target.category == source.category,
    ),
    Pairing(
        Measure(
            "pck_family", "… across categories", _ASKS.format("a photo of another category of the family"), _CHANCE
        ),
        lambda source, target: (
            target.domain == "photo" and target.family == source.family and target.category != source.category
        ),
    ),
    *map(_into, ("cartoon", "sketch", "night")),
)


def measure_matching(
    patches: Tensor, pictures: Sequence[Known], size: int, generator: np.random.Generator
) -> list[Measured]:
    """Of patches [n, h, w, D]. Names count as they are written: a left eye found at the right one is missed."""
    centres = patch_centres(patches.shape[1], size)
    lengths = patches.flatten(1, 2).norm(dim=2).clamp(min=1e-12)
    found = []
    for measure, fits in PAIRINGS:
        counts = [
            _counted(source, targets, patches, lengths, pictures, centres)
            for source, targets in _pairs(pictures, fits, generator)
        ]
        hits, lucky, reachable, tries = np.array(counts).reshape(-1, 4).T
        if tries.sum() == 0:
            continue
        estimate = of_ratio(hits, tries, generator)
        total = tries.sum()
        found.append(Measured(measure, estimate, lucky.sum() / total, reachable.sum() / total, int((tries > 0).sum())))
    return found


def patch_centres(grid: int, size: int) -> Tensor:
    """(x, y) of each patch's middle in pixels, row by row: [grid², 2]."""
    along = (torch.arange(grid) + 0.5) * size / grid
    rows, columns = torch.meshgrid(along, along, indexing="ij")
    return torch.stack([columns, rows], dim=2).flatten(0, 1)


def features_at(patches: Tensor, points: Tensor, size: float) -> Tensor:
    """Features [k, D] of a map [h, w, D] at positions [k, 2] (x, y) in pixels, bilinear between patch centres."""
    places = (points * 2 / size - 1).view(1, 1, -1, 2)
    sampled = F.grid_sample(patches.permute(2, 0, 1)[None], places, padding_mode="border", align_corners=False)
    return sampled[0, :, 0].T


def _pairs(
    pictures: Sequence[Known], fits: Callable[[Known, Known], bool], generator: np.random.Generator
) -> list[tuple[int, list[int]]]:
    """For each photo with key points the places of up to TARGETS pictures that fit it."""
    usable = [place for place, picture in enumerate(pictures) if len(picture.names) and picture.extent]
    pairs = []
    for source in usable:
        if pictures[source].domain != "photo":
            continue
        fitting = [place for place in usable if place != source and fits(pictures[source], pictures[place])]
        pairs.append((source, generator.permutation(fitting)[:TARGETS].astype(int).tolist()))
    return pairs


def _counted(
    source: int, targets: list[int], patches: Tensor, lengths: Tensor, pictures: Sequence[Known], centres: Tensor
) -> tuple[float, float, float, int]:
    """Of one photo's key points in all its targets: found, found by chance, within reach of a patch centre, in all."""
    picture = pictures[source]
    size = float(centres[-1].max() + centres[0].min())
    queries = features_at(patches[source], torch.from_numpy(picture.points), size)
    queries = F.normalize(queries, dim=1)
    hits = lucky = reachable = 0.0
    tries = 0
    for target in targets:
        other = pictures[target]
        shared = [(picture.names.index(name), place) for place, name in enumerate(other.names) if name in picture.names]
        if not shared:
            continue
        mine, theirs = (list(places) for places in zip(*shared, strict=True))
        cosines = queries[mine] @ patches[target].flatten(0, 1).T / lengths[target]
        best = cosines >= cosines.max(dim=1, keepdim=True).values - TIED
        distances = torch.cdist(torch.from_numpy(other.points[theirs]), centres)
        within = distances <= RADIUS * other.extent
        hits += ((best & within).sum(dim=1) / best.sum(dim=1).clamp(min=1)).sum().item()
        lucky += within.double().mean(dim=1).sum().item()
        reachable += within.any(dim=1).sum().item()
        tries += len(shared)
    return hits, lucky, reachable, tries
