"""Patch norms: where a model keeps global information in background patches.

Darcet et al. 2023 (arXiv 2309.16588) find that large models without registers give a few per cent of the patches,
mostly in uniform areas, features of many times the usual norm; they wash out maps and hold no local information.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.analysis.maps import as_list
from core.errors import RequestError
from core.features import FeatureMap

OUTLIER = 3.0
"""Times the median norm from which a patch counts as an outlier; a relative form of the paper's cut at 150."""


@dataclass(frozen=True)
class Norms:
    """L2 norms of the patch tokens before the final norm, `maps` [h, w] each, and what stands out in them."""

    maps: list[Tensor]
    median: float
    largest: float
    outliers: list[Tensor]
    """[h, w] bool each."""

    @property
    def outlier_share(self) -> float:
        """Share of all patches that are outliers, 0..1."""
        return torch.cat([outlier.flatten() for outlier in self.outliers]).float().mean().item()


def norms(maps: FeatureMap | Sequence[FeatureMap]) -> Norms:
    """The norms of all maps and their outliers: patches of more than OUTLIER times the median over all of them.

    Raises RequestError for maps without norms (only `core.extract` keeps them).
    """
    listed = as_list(maps)
    found = [feature_map.norms for feature_map in listed if feature_map.norms is not None]
    if len(found) < len(listed):
        raise RequestError("These feature maps carry no norms; make them with core.extract.")
    if not all(
        one.isfinite().all() and one.shape == feature_map.grid for one, feature_map in zip(found, listed, strict=True)
    ):
        raise RequestError("Norms hold NaN or infinite values, or are not [h, w]; recompute them in float32.")
    every = torch.cat([one.flatten() for one in found])
    median = every.median().item()
    return Norms(found, median, every.max().item(), [one > OUTLIER * median for one in found])
