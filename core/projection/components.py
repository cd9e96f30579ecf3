"""Feature vectors of a collection as places on a flat map: principal components at once, and what any map needs.

n pictures, D width. Directions count, not lengths, as everywhere cosines are compared. UMAP, which takes longer, is in
`core.projection.umap`.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from core.analysis.maps import LARGEST
from core.analysis.pca import leading_eigenvectors, signs_of
from core.errors import RequestError


@dataclass(frozen=True, eq=False)
class Projection:
    """Places on a map: `coordinates` [n, 2] float32, centred, the farthest at distance 1 (all 0 where nothing varies)."""

    coordinates: np.ndarray
    explained: tuple[float, float]
    """Share of the vectors' variance along x and y."""


def unit_vectors(vectors: Tensor | np.ndarray) -> Tensor:
    """The vectors [n, D] at length 1, float32; those of length 0 stay.

    Raises RequestError unless there is at least one, all finite and of the same width.
    """
    tensor = torch.as_tensor(vectors if isinstance(vectors, Tensor) else np.ascontiguousarray(vectors))
    if tensor.ndim != 2 or not all(tensor.shape):
        raise RequestError(f"Vectors of shape {tuple(tensor.shape)} came for a map; give [n, D], none of them 0.")
    tensor = tensor.float()
    low, high = tensor.aminmax()  # NaN where there is one, and then no comparison holds
    if not (low >= -LARGEST and high <= LARGEST):
        raise RequestError(
            f"The vectors hold NaN, infinity or values beyond {LARGEST:.0e}; recompute the features in float32."
        )
    return F.normalize(tensor, dim=1)


def project(vectors: Tensor | np.ndarray) -> Projection:
    """The map along the two principal components of the vectors [n, D]: 50,000 of width 384 take half a second.

    Which way an axis points is decided as in `joint_pca`, so that a map does not flip when pictures are added.

    >>> project(np.array([[1.0, 0.0], [0.0, 1.0]])).coordinates[:, 1].tolist()
    [0.0, 0.0]
    """
    units = unit_vectors(vectors)
    centred = units - units.mean(dim=0)
    covariance = centred.T @ centred
    width = len(covariance)
    count = min(2, width)
    variances, directions = leading_eigenvectors(covariance, count)
    total = covariance.diagonal().sum()
    # rounding of the mean is all that is left where the vectors are equal, or on a line
    noise = max(1e-6 * float(total), len(units) * width * torch.finfo(torch.float32).eps ** 2)
    kept = (variances > noise).float()
    places = torch.zeros(len(units), 2)
    places[:, :count] = centred @ (directions * signs_of(directions) * kept)
    shares = [float(share) for share in variances * kept / total.clamp(min=1e-30)]
    along_x, along_y = [*shares, 0.0][:2]
    return Projection(scaled(places.numpy()), (along_x, along_y))


def aligned(coordinates: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The places [n, 2] turned and mirrored to lie as near as they can to `reference` [n, 2], centred and scaled.

    Distances keep their ratios. Orthogonal Procrustes (Schönemann 1966): a map of which only distances mean something
    then lies the same way each time, and like the principal components that were shown before it. Points that are NaN in
    the reference are turned with the others.

    >>> aligned(np.array([[0.0, 1.0], [0.0, -1.0]]), np.array([[1.0, 0.0], [-1.0, 0.0]])).round(6).tolist()
    [[1.0, 0.0], [-1.0, 0.0]]
    """
    if coordinates.shape != reference.shape:
        raise RequestError(f"Maps of {coordinates.shape} and {reference.shape} are not of the same pictures.")
    known = np.isfinite(reference[:, 0])
    given, wanted = coordinates[known].astype(np.float64), reference[known].astype(np.float64)
    left, _, right = np.linalg.svd((given - given.mean(axis=0)).T @ (wanted - wanted.mean(axis=0)))
    return scaled(coordinates.astype(np.float64) @ (left @ right))


def scaled(places: np.ndarray) -> np.ndarray:
    """Places [n, 2] centred, float32, the farthest at distance 1."""
    centred = places.astype(np.float64) - places.mean(axis=0, dtype=np.float64)
    farthest = np.sqrt((centred**2).sum(axis=1).max())
    return (centred / farthest if farthest > 0 else centred).astype(np.float32)


def similarity_to(vectors: Tensor | np.ndarray, query: Tensor | np.ndarray) -> np.ndarray:
    """Cosine of every vector [n, D] with a query [D], [n] float32 in −1..1.

    >>> similarity_to(np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([1.0, 0.0])).tolist()
    [1.0, 0.0]
    """
    units, wanted = unit_vectors(vectors), unit_vectors(torch.as_tensor(query).reshape(1, -1))[0]
    if units.shape[1] != len(wanted):
        raise RequestError(f"A query of width {len(wanted)} came for vectors of width {units.shape[1]}; use one model.")
    return (units @ wanted).clamp(-1, 1).numpy()
