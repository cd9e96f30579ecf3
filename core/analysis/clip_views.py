"""Views of a clip whose colours keep their meaning: found once, in a few frames, then painted frame after frame.

h w patch grid, D width, K components. What each function gives is itself a function: FeatureMap → colours
[h, w, 3] uint8, or scores [h, w] float32.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from core.analysis.foreground import foreground
from core.analysis.maps import stack
from core.analysis.pca import joint_pca
from core.analysis.render import colourise
from core.analysis.similarity import similarity_map
from core.analysis.threshold import otsu
from core.errors import RequestError
from core.features import FeatureMap

Painter = Callable[[FeatureMap], np.ndarray]
CLIP = (1.0, 99.0)
"""Percentiles of the values in the frames looked at first that become the darkest and the brightest."""


def steady_pca(maps: Sequence[FeatureMap]) -> Painter:
    """Three principal components of these frames as red, green and blue, for any frame of the clip."""
    basis = joint_pca(maps).basis

    def paint(feature_map: FeatureMap) -> np.ndarray:
        return np.round(basis.apply(feature_map)[0].numpy() * 255).astype(np.uint8)

    return paint


def steady_similarity(maps: Sequence[FeatureMap], query: Tensor) -> Painter:
    """The cosine with a query [D] in viridis, from the least usual one in these frames up to 1."""
    low = float(np.percentile(torch.cat([similarity_map(one, query).flatten() for one in maps]).numpy(), CLIP[0]))

    def paint(feature_map: FeatureMap) -> np.ndarray:
        return colourise(similarity_map(feature_map, query), "viridis", min(low, 0.99), 1.0)

    return paint


def steady_foreground(maps: Sequence[FeatureMap]) -> Painter:
    """Scores 0..1 of how much a patch is like the object of these frames rather than like their ground, 0.5 between.

    What `foreground` finds in each frame by itself may swap sides from one to the next. Here it only gives
    examples: the scores are cosines with the mean object patch less those with the mean ground patch.
    """
    found = foreground(maps)
    objects = torch.cat([scores.flatten() for scores in found]) > found.threshold
    if objects.all() or not objects.any():
        raise RequestError("No object stands out from its ground in this clip; look at PCA or at similarity.")
    units = F.normalize(stack(maps), dim=1)
    direction = F.normalize(units[objects].mean(dim=0), dim=0) - F.normalize(units[~objects].mean(dim=0), dim=0)
    values = units @ direction
    middle = otsu(values).threshold
    low, high = (float(bound) for bound in np.percentile(values.numpy(), CLIP))
    reach = max(high - middle, middle - low, 1e-6)

    def paint(feature_map: FeatureMap) -> np.ndarray:
        scores = F.normalize(feature_map.patches.float(), dim=-1) @ direction
        return ((scores - middle) / (2 * reach) + 0.5).clamp(0, 1).numpy()

    return paint
