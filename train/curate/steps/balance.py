"""The balance of images over clusters. n images, K clusters."""

from typing import NamedTuple

import numpy as np


class Balance(NamedTuple):
    """Of some images over all clusters."""

    images: int
    occupied: int
    """Clusters that hold any."""
    effective: float
    """e to the entropy of the shares: the number of equally full clusters that would be as varied."""
    largest: float
    """Share of the fullest cluster."""
    gini: float
    """0 where all clusters hold as many, near 1 where one holds all."""


def balance(labels: np.ndarray, clusters: int) -> Balance:
    """Of the clusters [n] int64 of some images.

    >>> balance(np.array([0, 0, 1, 1]), 4)
    Balance(images=4, occupied=2, effective=2.0, largest=0.5, gini=0.5)
    """
    counts = np.sort(np.bincount(labels, minlength=clusters))
    total = int(counts.sum())
    if not total:
        return Balance(0, 0, 0.0, 0.0, 0.0)
    shares = counts[counts > 0] / total
    entropy = -(shares * np.log(shares)).sum()
    ranks = np.arange(1, clusters + 1)
    gini = (2 * (ranks * counts).sum() / (clusters * total)) - (clusters + 1) / clusters
    return Balance(total, len(shares), round(float(np.exp(entropy)), 3), float(shares.max()), round(float(gini), 4))
