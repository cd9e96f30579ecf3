"""Pictures of a collection in groups, each named by the picture that stands in its middle.

n pictures, D width.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.errors import RequestError
from core.projection.components import unit_vectors
from core.wording import counted

ALONE = -1
"""The label of a picture that belongs to no group."""
SAMPLED = 20_000
"""Vectors that k-means finds its centres on; the others join the nearest."""
ISLANDERS = 10_000
"""Places that HDBSCAN is given; the others belong where the nearest of these does. 50,000 would take 15 s."""
SMALLEST = 5
"""Fewest pictures that make an island, unless asked otherwise."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """`labels` [n] int64, 0 the largest group, ALONE for none; `medoids` [count] int64, the picture that names each."""

    labels: np.ndarray
    medoids: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """Pictures in each group, [count]."""
        return np.bincount(self.labels[self.labels != ALONE], minlength=len(self.medoids))


def check_seed(seed: int) -> None:
    """RequestError for a seed that NumPy's generators do not take."""
    if not 0 <= seed < 2**32:
        raise RequestError(f"seed is {seed}; choose 0 to {2**32 - 1:,}.")


def kmeans(vectors: Tensor | np.ndarray, count: int = 8, seed: int = 0) -> Clusters:
    """The vectors [n, D] in `count` groups by direction; every picture belongs to one.

    Fewer groups where fewer different vectors are there. The same seed gives the same groups.
    """
    units = unit_vectors(vectors)
    if not 1 <= count <= len(units):
        raise RequestError(f"count is {count}; choose 1 to {len(units)}, the number of pictures.")
    check_seed(seed)
    from sklearn.cluster import KMeans  # a second to import, wanted only here

    generator = torch.Generator().manual_seed(seed)
    sample = units[torch.randperm(len(units), generator=generator)[:SAMPLED].sort().values]
    count = min(count, len(torch.unique(sample, dim=0))) if len(sample) < SAMPLED else count
    found = KMeans(count, n_init=4 if len(units) <= SAMPLED else 1, random_state=seed).fit(sample.numpy())
    centres = torch.from_numpy(found.cluster_centers_).float()
    return _clusters(units, torch.cdist(units, centres).argmin(dim=1).numpy())


def islands(coordinates: np.ndarray, vectors: Tensor | np.ndarray, smallest: int = SMALLEST) -> Clusters:
    """The islands that one sees on a map [n, 2]: dense places with emptier ones between them (HDBSCAN).

    Their number is found, not given; pictures between islands are ALONE. `vectors` [n, D] decide the medoids.
    Campello, Moulavi & Sander 2013.
    """
    units = unit_vectors(vectors)
    if coordinates.shape != (len(units), 2) or not np.isfinite(coordinates).all():
        raise RequestError(
            f"A map of {coordinates.shape} came for {counted(len(units), 'picture')}; give finite places [n, 2]."
        )
    if smallest < 2:
        raise RequestError(f"smallest is {smallest}; an island has 2 pictures at least.")
    if len(units) < smallest:
        return _clusters(units, np.full(len(units), ALONE))
    from scipy.spatial import cKDTree
    from sklearn.cluster import HDBSCAN  # a second to import, wanted only here

    places = coordinates.astype(np.float64)
    chosen = np.sort(np.random.default_rng(0).permutation(len(places))[:ISLANDERS])
    fewest = max(2, round(smallest * len(chosen) / len(places)))
    found = HDBSCAN(min_cluster_size=fewest, copy=True).fit_predict(places[chosen])
    return _clusters(units, found[cKDTree(places[chosen]).query(places)[1]])


def medoid(units: Tensor) -> int:
    """Number of the vector [n, D], all of length 1, whose mean cosine with all of them is the greatest.

    >>> medoid(torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]]))
    1
    """
    return int((units @ units.sum(dim=0)).argmax())


def _clusters(units: Tensor, labels: np.ndarray) -> Clusters:
    """Groups numbered by size, the largest first; equal ones by their first picture."""
    names, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    ranked = sorted(
        (-size, place, name) for name, place, size in zip(names, first, sizes, strict=True) if name != ALONE
    )
    numbered = np.full(len(labels), ALONE, dtype=np.int64)
    medoids = []
    for number, (_, _, name) in enumerate(ranked):
        members = np.flatnonzero(labels == name)
        numbered[members] = number
        medoids.append(members[medoid(units[members])])
    return Clusters(numbered, np.array(medoids, dtype=np.int64))
