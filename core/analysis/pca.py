"""Patch features as colours: principal components shared by all pictures that are looked at together.

h w patch grid, N patches of all maps together, D width, K components.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from core.analysis.maps import as_list, border, described, same_space, stack, unstack
from core.analysis.threshold import otsu
from core.errors import DamagedError, RequestError
from core.features import FeatureMap, Origin
from core.tensor_files import read_tensors, save_tensors

CLIP = (1.0, 99.0)
"""Percentiles of a component's values that become 0 and 1, so that a few outlier patches do not wash out the rest."""
TIE = 1e-3
"""Difference between border and inside, in standard deviations, below which it orients nothing: rounding's share."""
EMPTY = 1e-6
"""Share of the variance below which a component is float32's rounding noise, which clipping would blow up."""


@dataclass(frozen=True, eq=False)
class PcaBasis:
    """Directions in feature space and the range of values along each: what makes colours comparable.

    `mean` [D], `directions` [K, D] orthonormal (0 where the features vary in fewer than K), `low` and `high` [K],
    `explained` [K] shares of the variance, and the origin of the features they were found in.
    """

    mean: Tensor
    directions: Tensor
    low: Tensor
    high: Tensor
    explained: Tensor
    origin: Origin = Origin()

    def project(self, patches: Tensor) -> Tensor:
        """Coordinates [..., K] of patch features [..., D], unclipped."""
        return (patches.float() - self.mean) @ self.directions.T

    def apply(self, maps: FeatureMap | Sequence[FeatureMap], *, any_origin: bool = False) -> list[Tensor]:
        """The maps in this basis, [h, w, K] in 0..1 each.

        Raises RequestError where a map is from another model, weights or layer, unless `any_origin`.
        """
        listed = as_list(maps)
        if listed[0].patches.shape[-1] != self.mean.shape[0]:
            raise RequestError(
                f"This basis is for features of width {len(self.mean)}, the map has {listed[0].patches.shape[-1]}; "
                "use the model it was made with."
            )
        for feature_map in listed:
            if not any_origin and same_space(feature_map.origin) != same_space(self.origin):
                raise RequestError(
                    f"This basis was made with {described(self.origin)}, the map with {described(feature_map.origin)}; "
                    "colours would mean nothing. Extract the features in the same way, or make a new basis."
                )
        return unstack(self._scaled(self.project(stack(listed))), listed)

    def save(self, path: str | Path) -> None:
        """Write the basis as safetensors with its origin in the metadata."""
        save_tensors(
            {name: getattr(self, name).contiguous() for name in _TENSORS},
            Path(path),
            {"origin": json.dumps(asdict(self.origin)), "kind": "pca basis"},
        )

    @staticmethod
    def load(path: str | Path) -> "PcaBasis":
        """A basis that `save` wrote. RequestError where the file is something else."""
        try:
            tensors, metadata = read_tensors(Path(path))
            origin = Origin(**json.loads(metadata["origin"]))
            basis = PcaBasis(**{name: tensors[name] for name in _TENSORS}, origin=origin)
        except (DamagedError, KeyError, TypeError, json.JSONDecodeError, RecursionError, OSError) as error:
            raise RequestError(
                f"{path} is not a saved PCA basis ({error}); save one from the PCA view first."
            ) from error
        count, width = basis.directions.shape if basis.directions.ndim == 2 else (-1, -1)
        shapes = [tuple(getattr(basis, name).shape) for name in _TENSORS]
        if shapes != [(width,), (count, width), (count,), (count,), (count,)]:
            raise RequestError(f"{path} holds tensors of shapes {shapes}, which make no basis; save it again.")
        if not all(getattr(basis, name).isfinite().all() for name in _TENSORS):
            raise RequestError(f"{path} holds NaN or infinite values; save the basis again.")
        return basis

    def _scaled(self, values: Tensor) -> Tensor:
        span = self.high - self.low
        shares = ((values - self.low) / torch.where(span > 0, span, 1.0)).clamp(0, 1)
        return torch.where(span > 0, shares, 0.5)  # nothing to tell apart: the middle, not one side


_TENSORS = ("mean", "directions", "low", "high", "explained")


@dataclass(frozen=True, eq=False)
class JointPca:
    """Components of several maps in one basis: `images` [h, w, K] in 0..1 each, background 0 where there is a mask."""

    images: list[Tensor]
    basis: PcaBasis
    masks: list[Tensor] | None = None
    """[h, w] bool: the patches the basis was found in, where not all."""

    @property
    def explained(self) -> Tensor:
        """Share of the variance along each component, [K]."""
        return self.basis.explained


def joint_pca(
    maps: FeatureMap | Sequence[FeatureMap],
    components: int = 3,
    foreground: Sequence[Tensor] | Literal["auto"] | None = None,
    *,
    clip: tuple[float, float] = CLIP,
) -> JointPca:
    """Principal components of the patches of all maps together, as images.

    One stage by default. With `foreground` (a mask [h, w] bool for each map, or "auto": the first component
    above its Otsu threshold, or everything where that finds no object) the components are those of the foreground
    patches alone, and the background is 0 in all of them (black): Oquab et al. 2023, figure 1. `clip`: the
    percentiles that become 0 and 1.

    An eigenvector may point either way. Here the first component is larger inside the pictures than on their
    borders, and any other has a positive product with a fixed vector, so that colours stay when the computation
    is repeated or the pictures are reordered. An added picture turns the axes themselves; one that turns by an
    angle a changes sides with probability a / 180°. Colours that must never change want a saved basis.

    >>> from core.features import Geometry
    >>> half = torch.zeros(2, 2, 4); half[:, 1, 0] = 1
    >>> result = joint_pca(FeatureMap(half, torch.zeros(4), Geometry(28, 28, 2, 2, 14)), components=1)
    >>> result.images[0][..., 0].tolist(), round(result.explained.item(), 3)
    ([[0.0, 1.0], [0.0, 1.0]], 1.0)
    """
    listed = as_list(maps)
    width = listed[0].patches.shape[-1]
    if not 1 <= components <= width:
        raise RequestError(f"components is {components}; choose 1 to {width}, the width of these features.")
    if not 0 <= clip[0] < clip[1] <= 100:
        raise RequestError(f"clip is {clip}; choose percentiles with 0 ≤ low < high ≤ 100.")
    patches, origin = stack(listed), listed[0].origin
    edges = torch.cat([border(*feature_map.grid).flatten() for feature_map in listed])
    if foreground is None:
        basis = _fit(patches, edges, components, clip, origin)
        return JointPca(unstack(basis._scaled(basis.project(patches)), listed), basis)
    masks = _first_component_masks(patches, edges, origin, listed) if foreground == "auto" else list(foreground)
    flat = _flat_masks(masks, listed)
    basis = _fit(patches[flat], edges[flat], components, clip, origin)
    colours = basis._scaled(basis.project(patches)) * flat.unsqueeze(1)
    return JointPca(unstack(colours, listed), basis, masks)


def first_component(maps: Sequence[FeatureMap]) -> list[Tensor]:
    """Coordinates of every patch along the first component, [h, w] each, larger inside than on the border."""
    patches = stack(maps)
    edges = torch.cat([border(*feature_map.grid).flatten() for feature_map in maps])
    return unstack(_fit(patches, edges, 1, CLIP, Origin()).project(patches)[:, 0], maps)


def _fit(patches: Tensor, edges: Tensor, components: int, clip: tuple[float, float], origin: Origin) -> PcaBasis:
    """A basis for patches [N, D], of which `edges` [N] bool lie on their picture's border."""
    mean = patches.mean(dim=0)
    centred = patches - mean
    covariance = centred.T @ centred
    variances, vectors = leading_eigenvectors(covariance, components)
    total = covariance.diagonal().sum()
    # constant pictures keep the rounding error of their mean as variance
    rounding = len(patches) * len(mean) * (torch.finfo(mean.dtype).eps * mean.abs().max()) ** 2
    empty = variances <= torch.maximum(EMPTY * total, rounding)
    variances[empty] = 0
    top = vectors * ~empty
    values = centred @ top
    signs = _signs(top, values, edges)
    directions, values = (top * signs).T.contiguous(), values * signs
    low, high = torch.from_numpy(np.percentile(values.numpy(), clip, axis=0).astype(np.float32))
    return PcaBasis(mean, directions, low, high, variances / total.clamp(min=1e-30), origin)


def leading_eigenvectors(matrix: Tensor, count: int, tolerance: float = 0.0) -> tuple[Tensor, Tensor]:
    """The greatest eigenvalues [K] (negative ones as 0), falling, and eigenvectors [D, K] of a symmetric [D, D].

    Computed in the matrix's own precision, returned in float32. `tolerance`: relative error of the eigenvalues,
    0 for what the precision gives. Equal calls give equal numbers.
    """
    width = len(matrix)
    if width > 16 * count and matrix.any():
        from scipy.sparse.linalg import ArpackError, eigsh  # 0.1 s to import, wanted only here

        # Lanczos' iteration wants 2 ms at D = 384; all eigenvectors take 20 to 100. A fixed start keeps re-runs equal.
        start = np.random.default_rng(0).standard_normal(width)
        try:
            values, vectors = eigsh(matrix.numpy(), k=count, which="LA", v0=start, tol=tolerance)
        except ArpackError:
            pass  # nearly equal variances: the slow way finds them all the same
        else:
            order = values.argsort()[::-1]
            return torch.from_numpy(values[order].clip(min=0)).float(), torch.from_numpy(vectors[:, order]).float()
    values, vectors = torch.linalg.eigh(matrix.double())
    return values[-count:].flip(0).clamp(min=0).float(), vectors[:, -count:].flip(1).float()


def signs_of(directions: Tensor) -> Tensor:
    """+1 or −1 for each column of `directions` [D, K], by its product with a vector that is always the same."""
    # no generator, whose numbers another release may change: squares taken round the circle favour no direction
    reference = torch.arange(len(directions), dtype=torch.float64).square().cos().float()
    return torch.where(reference @ directions < 0, -1.0, 1.0)


def _signs(directions: Tensor, values: Tensor, edges: Tensor) -> Tensor:
    """+1 or −1 for each column of `directions` [D, K] with coordinates `values` [N, K].

    The product with a fixed vector: measured on features of the sample photographs, as pictures were added, it
    changed sides half as often as the sum of cubed coordinates. The border speaks wherever it says anything: used
    from 0.1 standard deviations on, with the product below, it changed sides up to three times as often.
    """
    signs = signs_of(directions)
    if edges.any() and not edges.all():
        difference = values[~edges, 0].mean() - values[edges, 0].mean()
        if difference.abs() > TIE * values[:, 0].std():  # never for a component without variance
            signs[0] = difference.sign()
    return signs


def _first_component_masks(patches: Tensor, edges: Tensor, origin: Origin, maps: list[FeatureMap]) -> list[Tensor]:
    basis = _fit(patches, edges, 1, CLIP, origin)
    values = basis.project(patches)[:, 0].clamp(basis.low, basis.high)  # a few artefacts would draw the threshold
    found = values > otsu(values).threshold
    return unstack(found if found.sum() > 1 else torch.ones_like(found), maps)


def _flat_masks(masks: Sequence[Tensor], maps: list[FeatureMap]) -> Tensor:
    """[N] bool. RequestError where the masks do not fit the maps, or leave nothing."""
    shapes = [tuple(mask.shape) for mask in masks]
    grids = [feature_map.grid for feature_map in maps]
    if shapes != grids:
        raise RequestError(
            f"Masks of shapes {shapes} came for maps of grids {grids}; give one [h, w] mask for each map."
        )
    flat = torch.cat([mask.flatten().bool() for mask in masks])
    if flat.sum() < min(2, len(flat)):
        raise RequestError("The masks leave fewer than two foreground patches; lower the threshold or use one stage.")
    return flat
