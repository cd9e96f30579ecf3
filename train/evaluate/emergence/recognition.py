"""Whether cls tokens say what a picture shows, and whether two pictures are one.

n pictures, q queries, D width, R resamples.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from train.evaluate.accuracy import ranks
from train.evaluate.bootstrap import bootstrap, of_mean
from train.evaluate.emergence.measure import Measure, Measured
from train.evaluate.emergence.world_set import Known
from train.evaluate.probes.knn import TEMPERATURE, knn_votes

NEIGHBOURS = 10
PRECISION = 0.95
BLOCK = 2**22
"""Numbers that resampled precisions take at once: 32 MB."""

_MOST_FREQUENT = "the most frequent label"
CATEGORY = Measure(
    "knn_category",
    "k-NN category",
    f"share of photos whose category their {NEIGHBOURS} nearest photos vote for, cls",
    _MOST_FREQUENT,
)
FAMILY = Measure("knn_family", "k-NN family", "the same for the family", _MOST_FREQUENT)
RETRIEVAL = Measure(
    "retrieval_map",
    "retrieval mAP",
    "mean average precision of the category when all pictures, drawings too, are sorted by cls cosine to a photo",
    "a random order",
)
DUPLICATES = Measure(
    "duplicate_recall",
    "near-duplicates found",
    "share of near-duplicates above the cls cosine at which 95 % of the pairs above it are near-duplicates",
    "no threshold reaches that precision",
)


def measure_recognition(cls: Tensor, pictures: Sequence[Known], generator: np.random.Generator) -> list[Measured]:
    """Of cls tokens [n, D]; k-NN leaves the test photo out, retrieval the query."""
    unit = F.normalize(cls.float(), dim=1)
    photos = torch.tensor([place for place, picture in enumerate(pictures) if picture.domain == "photo"])
    cosines = unit[photos] @ unit.T
    among_photos = cosines[:, photos]
    found = []
    for measure, names in ((CATEGORY, [one.category for one in pictures]), (FAMILY, [one.family for one in pictures])):
        labels = numbered(names)[photos]
        hits = nearest_hits(among_photos, labels)
        chance = labels.bincount().max().item() / len(labels)
        found.append(Measured(measure, of_mean(hits, generator), chance, count=len(hits)))
    labels = numbered([one.category for one in pictures])
    rows = [average_precision(cosines[row], labels == labels[place], place) for row, place in enumerate(photos)]
    precisions, chances = np.array(rows).T
    found.append(Measured(RETRIEVAL, of_mean(precisions, generator), float(chances.mean()), count=len(precisions)))
    return found


def numbered(names: Sequence[str]) -> Tensor:
    """int64 [n]: each name's place among the sorted different ones."""
    places = {name: place for place, name in enumerate(sorted(set(names)))}
    return torch.tensor([places[name] for name in names])


def nearest_hits(cosines: Tensor, labels: Tensor, k: int = NEIGHBOURS) -> np.ndarray:
    """Whether each picture's k nearest others vote for its label, float64 [n], from cosines [n, n]."""
    others = cosines.clone().fill_diagonal_(-torch.inf)
    (voted,) = knn_votes(others, labels, [min(k, len(labels) - 1)], TEMPERATURE, int(labels.max()) + 1)
    return (ranks(voted, labels) < 1).double().numpy()


def average_precision(cosines: Tensor, relevant: Tensor, itself: int) -> tuple[float, float]:
    """Of one query among n pictures, `itself` left out: reached, and expected of a random order.

    cosines [n], relevant bool [n]. Of a random order of M pictures, R of them relevant, place k is a hit with a
    share of (1 + (k − 1)(R − 1) / (M − 1)) / k hits up to it; summed over places with probability R / M each.
    """
    kept = torch.ones(len(cosines), dtype=torch.bool)
    kept[itself] = False
    order = cosines[kept].argsort(descending=True, stable=True)
    hits = relevant[kept][order].double().numpy()
    total, wanted = len(hits), hits.sum()
    if not wanted:
        return float("nan"), float("nan")
    reached = (hits.cumsum() / np.arange(1, total + 1) * hits).sum() / wanted
    harmonic = (1 / np.arange(1, total + 1)).sum()
    expected = (harmonic + (total - harmonic) * (wanted - 1) / max(total - 1, 1)) / total
    return float(reached), float(expected)


def measure_duplicates(cls: Tensor, copies: Tensor, copied: Tensor, generator: np.random.Generator) -> list[Measured]:
    """Of cls tokens [n, D] and those of q near-duplicates [q, D] of the pictures `copied` [q].

    Pairs are each near-duplicate with every picture; one of them is right.
    """
    if not len(copies):
        return []
    cosines = (F.normalize(copies.float(), dim=1) @ F.normalize(cls.float(), dim=1).T).double().numpy()
    own = copied.numpy()

    def statistic(drawn: np.ndarray) -> np.ndarray:
        return recall_at_precision(cosines, own, drawn)

    return [Measured(DUPLICATES, bootstrap(statistic, len(own), generator), 0.0, count=len(own))]


def recall_at_precision(
    cosines: np.ndarray, own: np.ndarray, drawn: np.ndarray, precision: float = PRECISION
) -> np.ndarray:
    """Highest share of right pairs above a threshold at which pairs are right with that precision, [R]; 0 for none.

    cosines [q, n]; the right pair of query i is (i, own[i]); `drawn` [R, q] says how often each query counts.
    """
    pictures = cosines.shape[1]
    right = np.arange(pictures) == own[:, None]
    floor = cosines[right].min()
    query, picture = np.nonzero(cosines >= floor)  # below the last right pair no threshold gains anything
    order = np.argsort(-cosines[query, picture], kind="stable")
    query, picture = query[order], picture[order]
    values, hit = cosines[query, picture], right[query, picture]
    last_of_equals = np.append(values[1:] < values[:-1], True)
    recalls = []
    for part in np.array_split(drawn, max(1, len(drawn) * len(query) // BLOCK)):
        weights = part[:, query]
        hits, pairs = (weights * hit).cumsum(axis=1), weights.cumsum(axis=1)
        allowed = last_of_equals & (hits >= precision * pairs)
        recalls.append(np.where(allowed, hits, 0).max(axis=1) / part.sum(axis=1))
    return np.concatenate(recalls)
