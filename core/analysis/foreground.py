"""The patches that belong to an object, found without labels of objects.

h w patch grid, N patches of one map, D width. Scores are 0..1, higher for object.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from core.analysis.maps import as_list, border
from core.analysis.pca import first_component, leading_eigenvectors
from core.analysis.render import onto_picture
from core.analysis.threshold import otsu
from core.errors import RequestError
from core.features import FeatureMap, Geometry

Method = Literal["pca", "cut"]
METHODS: tuple[Method, ...] = ("cut", "pca")
"""The default first."""
DEFAULT: Method = "cut"
"""The better one on features that imitate a trained model's, as good on untrained ones and on the shipped model's; both
lose objects of less than a tenth of the picture (tests/benchmarks/foreground.py)."""
CLIP = (1.0, 99.0)
"""Percentiles of the raw values that become 0 and 1."""
AFFINITY = 0.3
"""Cosine from which two patches are joined in the cut. Wang et al. 2022 take 0.2 of keys; on features that imitate
a trained model's, 0.3 did better and 0.4 better still. Features are centred first, since what all patches of a
picture share would join them all."""
CUT_PATCHES = 2500
"""Most patches that are cut at once, since the work is this number squared; finer grids are averaged down to it."""
WEAK = 1e-5
"""The weight that joins all others, so that the graph is connected."""
CUT_ERROR = 1e-6
"""Relative error of the cut's eigenvalues: two thirds of the time full precision takes, for the same cut."""
GUIDE_SIDE = 1024
"""Longest side in pixels at which masks are refined; larger pictures take the result enlarged."""


class Foreground(list):
    """Scores [h, w] float32 in 0..1, one for each map; `scores > foreground.threshold` is the object.

    `threshold` is Otsu's over all maps together, `histogram` its counts and `edges` their bounds, `method` what
    made them.
    """

    def __init__(self, scores: Sequence[Tensor], method: Method):
        super().__init__(scores)
        found = otsu(torch.cat([score.flatten() for score in scores]))
        self.threshold: float = found.threshold
        self.histogram: Tensor = found.counts
        self.edges: Tensor = found.edges
        self.method = method


def foreground(
    maps: FeatureMap | Sequence[FeatureMap],
    method: Method = DEFAULT,
    saliency: Sequence[Tensor] | None = None,
) -> Foreground:
    """A score for each patch: object, rather than background.

    "pca": the first principal component of all maps together (Oquab et al. 2023, section 7.4). "cut": for each
    map the second eigenvector of its normalised cut (Wang et al. 2022, TokenCut, arXiv 2202.11539). Neither
    knows which side is the object: where `saliency` [h, w] is given for each map, such as cls attention, the
    side it favours is; otherwise the side that touches the picture's border less.

    >>> from core.features import Geometry
    >>> patches = torch.ones(5, 5, 3); patches[1:4, 1:4] = torch.tensor([0.0, 1.0, 0.0])
    >>> scores = foreground(FeatureMap(patches, patches[0, 0], Geometry(70, 70, 5, 5, 14)))
    >>> (scores[0] > scores.threshold).sum().item()
    9
    """
    listed = as_list(maps)
    if saliency is not None and [tuple(one.shape) for one in saliency] != [one.grid for one in listed]:
        raise RequestError("saliency must hold one [h, w] map for each feature map, of the same grid.")
    if saliency is not None and not all(one.isfinite().all() for one in saliency):
        raise RequestError("saliency holds NaN or infinite values; give finite numbers.")
    if method == "pca":
        raw = first_component(listed)
    elif method == "cut":
        raw = [_normalised_cut(feature_map) for feature_map in listed]
    else:
        raise RequestError(f"method is {method!r}; choose from {', '.join(METHODS)}.")
    # the components share one axis over all maps, the cuts have each their own
    groups = [list(range(len(raw)))] if method == "pca" else [[index] for index in range(len(raw))]
    scores: list[Tensor] = list(raw)
    for group in groups:
        sign = _polarity([raw[i] for i in group], None if saliency is None else [saliency[i] for i in group])
        for index, scaled in zip(group, _to_unit([sign * raw[i] for i in group]), strict=True):
            scores[index] = scaled
    return Foreground(scores, method)


def refine_mask(scores: Tensor, image: Image.Image, geometry: Geometry) -> np.ndarray:
    """Patch scores [h, w] at every pixel of the picture, or of a smaller copy, [H, W] float32 in 0..1, along its edges.

    A guided filter (He et al. 2010) at no more than GUIDE_SIDE pixels, over one patch, with the picture's
    brightness as the guide.
    """
    from scipy.ndimage import uniform_filter  # 0.5 s to import, wanted only here

    shrink = min(1.0, GUIDE_SIDE / max(image.size))
    width, height = (max(round(side * shrink), 1) for side in image.size)
    guide = np.asarray(image.convert("L").resize((width, height), Image.Resampling.BOX), dtype=np.float32) / 255
    coarse = onto_picture(scores.unsqueeze(-1), geometry, height, width)[..., 0]
    stride = geometry.stride * max(width, height) / max(geometry.width, geometry.height)
    window = max(round(stride), 1) * 2 + 1

    def mean(values: np.ndarray) -> np.ndarray:
        return uniform_filter(values, window, mode="nearest")

    guide_mean, coarse_mean = mean(guide), mean(coarse)
    variance = mean(guide * guide) - guide_mean**2
    slope = (mean(guide * coarse) - guide_mean * coarse_mean) / (variance + 1e-3)
    refined = mean(slope) * guide + mean(coarse_mean - slope * guide_mean)
    if shrink < 1:
        enlarged = Image.fromarray(refined.astype(np.float32)).resize(image.size, Image.Resampling.BILINEAR)
        refined = np.asarray(enlarged)
    return np.clip(refined, 0, 1).astype(np.float32)


def cut_out(image: Image.Image, mask: np.ndarray) -> Image.Image:
    """The picture as RGBA with the mask [H, W], bool or 0..1, as its opacity."""
    if mask.shape != (image.height, image.width):
        raise RequestError(f"A mask of shape {mask.shape} came for a picture of {image.height}×{image.width} pixels.")
    alpha = Image.fromarray(np.round(np.clip(mask.astype(np.float32), 0, 1) * 255).astype(np.uint8))
    result = image.convert("RGB")
    result.putalpha(alpha)
    return result


def _normalised_cut(feature_map: FeatureMap) -> Tensor:
    """The eigenvector that cuts a map's patches in two, [h, w], of either sign."""
    directions = F.normalize(feature_map.patches.float(), dim=-1).permute(2, 0, 1).unsqueeze(0)  # [1, D, h, w]
    grid = feature_map.grid
    shrink = min(1.0, (CUT_PATCHES / (grid[0] * grid[1])) ** 0.5)
    small = max(int(grid[0] * shrink), 1), max(int(grid[1] * shrink), 1)
    if small != grid:
        directions = F.adaptive_avg_pool2d(directions, small)
    features = directions[0].flatten(1).T
    features = features - features.mean(dim=0)
    count = len(features)
    if count < 3 or features.abs().max() < 1e-5:
        return torch.zeros(grid)
    features = F.normalize(features, dim=1)
    affinity = torch.where(features @ features.T > AFFINITY, 1.0, WEAK)
    scale = affinity.sum(dim=1).rsqrt()
    # in double precision: the two largest eigenvalues may differ by as little as the weak links
    normalised = (affinity * scale * scale.unsqueeze(1)).double()
    second = leading_eigenvectors(normalised, 2, CUT_ERROR)[1][:, 1] * scale
    second = second.unflatten(0, small)[None, None]
    return F.interpolate(second, size=grid, mode="bilinear", align_corners=False)[0, 0]


def _polarity(raw: list[Tensor], saliency: list[Tensor] | None) -> float:
    """+1 where larger values are the object's, −1 where smaller ones are."""
    values = torch.cat([one.flatten() for one in raw])
    if saliency is not None:
        prior = torch.cat([one.flatten().float() for one in saliency])
        agreement = ((values - values.mean()) * (prior - prior.mean())).sum()
    else:
        edge = torch.cat([border(*one.shape).flatten() for one in raw])
        if edge.all() or not edge.any():
            return 1.0
        agreement = values[~edge].mean() - values[edge].mean()
    return -1.0 if agreement < 0 else 1.0


def _to_unit(values: list[Tensor]) -> list[Tensor]:
    """Values spread over 0..1 between their percentiles; constant ones become 0."""
    every = torch.cat([one.flatten() for one in values]).numpy()
    low, high = (float(bound) for bound in np.percentile(every, CLIP))
    if high - low <= 1e-12:  # a few patches may still differ from all the rest
        low, high = float(every.min()), float(every.max())
    if high - low <= 1e-12:
        return [torch.zeros_like(one) for one in values]
    return [((one - low) / (high - low)).clamp(0, 1) for one in values]
