"""A network's maps of a few pictures at one step of its training, small enough to keep for every step.

N patches of all pictures together, k kept dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.analysis.compact import reduced
from core.analysis.foreground import foreground
from core.analysis.pca import joint_pca
from core.analysis.steady import steadied
from core.errors import ModelError
from core.features import extract
from core.model.vit import VisionTransformer
from core.pictures.geometry import whole_size


@dataclass(frozen=True, eq=False)
class Moment:
    """The patches of all pictures, picture after picture in row-major order, as one step's network sees them."""

    step: int
    features: Tensor
    """[N, k] int8: the cosine of two patches is `((a * scales) * (b * scales)).sum()`."""
    scales: Tensor
    """[k] float32."""
    error: float
    """95th percentile of the absolute errors of such cosines."""
    colours: Tensor
    """[N, 3] uint8: the first three principal components of all pictures together."""
    foreground: Tensor
    """[N] uint8: 0 ground, 255 object."""
    threshold: float
    """Otsu's, in 0..1."""
    explained: float
    """The share of the variance that the three components hold."""


def look(
    model: VisionTransformer, images: Sequence[Image.Image], size: int, patch: int, dims: int, step: int
) -> Moment:
    """The features that `model`, as it was after `step` steps, has of RGB pictures at `size` pixels in patches of `patch` pixels.

    A model of other patches sees the pictures as much larger or smaller, so that moments of a run whose patches
    became finer lie on one grid.
    Raises ModelError where the features are not finite, or the model does not take three channels.
    """
    maps = extract(model, list(images), whole_size(size, patch) // patch * model.config.patch)
    if not all(one.patches.isfinite().all() for one in maps):
        raise ModelError(f"At step {step} the features hold NaN or infinity; the run has diverged there.")
    small, pca, found = reduced(maps, dims), joint_pca(maps), foreground(maps)
    return Moment(
        step,
        torch.cat([grid.flatten(0, 1) for grid in small.grids]),
        small.scales,
        small.error,
        _bytes(torch.cat([image.flatten(0, 1) for image in pca.images])),
        _bytes(torch.cat([scores.flatten() for scores in found])),
        found.threshold,
        float(pca.explained.sum()),
    )


def with_steady_colours(moments: Sequence[Moment], anchor: int = -1) -> list[Moment]:
    """The moments in order of their steps, colours as `steadied` from the moment `anchor` on."""
    ordered = sorted(moments, key=lambda moment: moment.step)
    colours = steadied([moment.colours.numpy() / 255 for moment in ordered], anchor)
    return [
        replace(moment, colours=_bytes(torch.from_numpy(np.ascontiguousarray(one))))
        for moment, one in zip(ordered, colours, strict=True)
    ]


def _bytes(values: Tensor) -> Tensor:
    return (values * 255).round().clamp(0, 255).to(torch.uint8)
