"""Colours that keep their meaning from one moment of training to the next.

N patches, K components.
"""

from collections.abc import Sequence

import numpy as np

from core.analysis.pca import CLIP
from core.errors import RequestError


def steadied(colours: Sequence[np.ndarray], anchor: int = -1) -> list[np.ndarray]:
    """The colours [N, K] of the same patches at successive moments, in 0..1, each turned towards its neighbour.

    Those of the moment `anchor` stay as they are; the others follow from there in both directions, each as like as a
    rotation can make it to the one nearer the anchor. What changes between two moments is then what the network
    has learned, not which eigenvector came first or which way it pointed.
    """
    shapes = {one.shape for one in colours}
    if len(shapes) > 1:
        raise RequestError(f"Colours of shapes {sorted(shapes)} are not of the same patches; look at equal pictures.")
    if not colours:
        return []
    steady = [np.asarray(one, dtype=np.float64) for one in colours]
    first = anchor % len(steady)
    for place in range(first + 1, len(steady)):
        steady[place] = turned(steady[place], steady[place - 1])
    for place in range(first - 1, -1, -1):
        steady[place] = turned(steady[place], steady[place + 1])
    return steady


def turned(colours: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Colours [N, K], rotated or mirrored as a whole to be most like those `towards`, in 0..1 again.

    Both are standardised, the rotation is that of the orthogonal Procrustes problem (Schönemann 1966), and the
    percentiles CLIP become 0 and 1. A component that does not vary has no part in it.

    >>> turned(np.array([[0.0, 0.2], [1.0, 0.2]]), np.array([[0.2, 1.0], [0.2, 0.0]])).tolist()
    [[0.5, 1.0], [0.5, 0.0]]
    """
    unit, other = _standardised(colours), _standardised(towards)
    left, _, right = np.linalg.svd(unit.T @ other)
    values = unit @ left @ right
    low, high = np.percentile(values, CLIP, axis=0)
    span = high - low
    return np.where(span > 0, ((values - low) / np.where(span > 0, span, 1)).clip(0, 1), 0.5)


def _standardised(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=0)
    deviation = centred.std(axis=0)
    return centred / np.where(deviation > 0, deviation, np.inf)
