"""Points of a map in colours: by label, cluster, date, or similarity to one of them. All can be told apart by any eyes.

n points. A colouring is a number 0..255 for each point, and what the numbers stand for.
"""

import datetime
from collections import Counter
from dataclasses import dataclass

import numpy as np

from app.map.points import Atlas
from core import RequestError
from core.analysis.render import Palette, label_colours
from core.projection.clusters import ALONE, Clusters, islands, kmeans
from core.projection.components import similarity_to

CHOICES = ("cluster", "label", "date", "similarity", "nothing")
MOST_COLOURS = 16
"""Kinds that get a colour of their own: Okabe and Ito's eight and these darker. The rest are grey."""
GREY = (150, 156, 153)
OTHERS = 255
"""The number of points that belong to none of the kinds."""


@dataclass(frozen=True, eq=False)
class Colouring:
    """`levels` [n] uint8; either `entries`, the kinds by number, or `scale`, a palette with its two ends in words."""

    levels: np.ndarray
    entries: tuple["Entry", ...] = ()
    scale: tuple[Palette, str, str] | None = None
    clusters: Clusters | None = None


@dataclass(frozen=True)
class Entry:
    """One kind of points: its colour, its name, how many there are, and the point whose picture names it, if one does."""

    colour: tuple[int, int, int]
    name: str
    count: int
    medoid: int | None = None


def coloured(atlas: Atlas, places: np.ndarray, by: str, groups: int = 0, asked: int | None = None) -> Colouring:
    """The points coloured `by` one of CHOICES. `groups`: clusters by k-means, 0 for the islands of the map.

    `asked`: the point that similarity is to. Raises RequestError where there is nothing to colour by.
    """
    if by == "cluster":
        return by_cluster(atlas, places, groups)
    if by == "label":
        return _by_label(atlas)
    if by == "date":
        return _by_date(atlas)
    if by == "similarity":
        return _by_similarity(atlas, asked)
    if by == "nothing":
        return Colouring(np.zeros(len(atlas), np.uint8), (Entry((0, 114, 178), "points", len(atlas)),))
    raise RequestError(f"Colour by {by!r}: choose from {', '.join(CHOICES)}.")


def by_cluster(atlas: Atlas, places: np.ndarray, groups: int) -> Colouring:
    """Clusters, each named by its medoid's picture; the largest MOST_COLOURS have colours."""
    smallest = max(3, min(len(atlas) // 100, 100))
    found = kmeans(atlas.vectors, min(groups, len(atlas))) if groups else islands(places, atlas.vectors, smallest)
    count = min(len(found.medoids), MOST_COLOURS)
    levels = np.where((found.labels == ALONE) | (found.labels >= count), OTHERS, found.labels).astype(np.uint8)
    kinds = zip(label_colours(count).tolist(), found.sizes.tolist(), found.medoids.tolist(), strict=False)
    entries = [
        Entry(tuple(colour), f"cluster {number}", size, medoid)
        for number, (colour, size, medoid) in enumerate(kinds, start=1)
    ]
    return Colouring(levels, (*entries, *_rest(levels, "in no cluster")), clusters=found)


def _by_label(atlas: Atlas) -> Colouring:
    counts = Counter(label for label in atlas.labels if label)
    if not counts:
        raise RequestError(
            "These pictures have no labels: in a collection, the folder a picture came from is its label."
        )
    kept = [label for label, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_COLOURS]]
    numbers = {label: number for number, label in enumerate(kept)}
    levels = np.array([numbers.get(label, OTHERS) for label in atlas.labels], dtype=np.uint8)
    entries = [
        Entry(tuple(colour), label, counts[label])
        for colour, label in zip(label_colours(len(kept)).tolist(), kept, strict=True)
    ]
    return Colouring(levels, (*entries, *_rest(levels, "others")))


def _by_date(atlas: Atlas) -> Colouring:
    dates = np.asarray(atlas.dates, dtype=np.float64)
    known = np.isfinite(dates)
    if not known.any():
        raise RequestError("These pictures have no dates: in a collection, it is when a picture was added.")
    low, high = dates[known].min(), dates[known].max()
    first, last = (
        datetime.datetime.fromtimestamp(end, datetime.timezone.utc).strftime("%Y-%m-%d") for end in (low, high)
    )
    return Colouring(_spread(np.where(known, dates, low), low, high), scale=("cividis", first, last))


def _by_similarity(atlas: Atlas, asked: int | None) -> Colouring:
    if asked is None or not 0 <= asked < len(atlas):
        raise RequestError("Similarity to what? Click a point first.")
    cosines = similarity_to(atlas.vectors.astype(np.float32), atlas.vectors[asked].astype(np.float32))
    low = float(np.percentile(cosines, 1))
    return Colouring(_spread(cosines, low, 1.0), scale=("viridis", f"cosine {low:.2f}", "1"))


def _spread(values: np.ndarray, low: float, high: float) -> np.ndarray:
    span = high - low
    return np.round(np.clip((values - low) / (span if span > 0 else 1), 0, 1) * 255).astype(np.uint8)


def _rest(levels: np.ndarray, name: str) -> list[Entry]:
    count = int((levels == OTHERS).sum())
    return [Entry(GREY, name, count)] if count else []
