"""A picture → what a collection keeps of it.

D width of the model, h w patch grid.
"""

import contextlib
import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from core.encoding import picture_bytes
from core.features import FeatureMap, Origin, Picture, extract_stream, preprocess_for, require_finite
from core.model.vit import VisionTransformer
from core.pictures.geometry import Geometry

GRID_SIDE = 24
"""Most cells along a side that are kept of a grid; finer ones are pooled, 518 pixels to 19 cells, 224 stay 16."""
THUMBNAIL_SIDE = 256


@dataclass(frozen=True, eq=False)
class Prepared:
    """A picture that was read and decoded, on its way into the model."""

    name: str
    label: str
    tags: tuple[str, ...]
    digest: str
    height: int
    width: int
    thumbnail: bytes
    pixels: Tensor
    geometry: Geometry
    added: float | None = None
    """When it was added to the collection it comes from, seconds since 1970; None for now."""


@dataclass(frozen=True, eq=False)
class Entry:
    """The vectors kept of a picture: `cls`, `mean` [D] and `cells` [h, w, D], all of unit length, float32."""

    name: str
    label: str
    digest: str
    tags: tuple[str, ...]
    height: int
    width: int
    thumbnail: bytes
    """WebP."""
    cls: Tensor
    mean: Tensor
    cells: Tensor
    added: float | None = None
    """As of `Prepared`."""


@dataclass(frozen=True, eq=False)
class Encoder:
    """A model with the one way in which a collection shows pictures to it.

    `lock` is held while the model computes, a batch at a time, so that whoever else waits for it comes in between.
    """

    model: VisionTransformer
    size: int = 224
    layer: int = -1
    lock: AbstractContextManager = field(default_factory=contextlib.nullcontext)

    @cached_property
    def origin(self) -> Origin:
        """The origin that comparable vectors share. Models made in memory are distinguished by a hash of their tensors."""
        source = self.model.source
        depth = self.model.config.depth
        weights = (source and source.sha256) or _digest(self.model)
        return Origin(source.name if source else "", weights, self.layer % depth - depth, self.size)

    def prepare(self, image: Picture) -> tuple[Tensor, Geometry]:
        return preprocess_for(self.model, image, self.size)

    def maps(self, prepared: Sequence[tuple[Tensor, Geometry]]) -> list[FeatureMap]:
        """The feature maps of one batch."""
        with self.lock:
            return list(extract_stream(self.model, prepared, self.size, layer=self.layer))

    def map(self, image: Picture) -> FeatureMap:
        (found,) = self.maps([self.prepare(image)])
        require_finite(found.cls, found.patches)
        return found


def entry(picture: Prepared, feature_map: FeatureMap, tags: tuple[str, ...]) -> Entry:
    return Entry(
        name=picture.name,
        label=picture.label,
        digest=picture.digest,
        tags=(*tags, *picture.tags),
        height=picture.height,
        width=picture.width,
        thumbnail=picture.thumbnail,
        cls=F.normalize(feature_map.cls.float(), dim=0),
        mean=mean_patch(feature_map),
        cells=pooled(feature_map.patches),
        added=picture.added,
    )


def mean_patch(feature_map: FeatureMap) -> Tensor:
    """[D], unit length: the mean of the normalised patches, in which no outlier speaks for all."""
    units = F.normalize(feature_map.patches.float().flatten(0, 1), dim=-1)
    return F.normalize(units.mean(dim=0), dim=0)


def pooled(patches: Tensor, side: int = GRID_SIDE) -> Tensor:
    """Normalised patches [h, w, D], a grid longer than `side` pooled by the least whole factor that fits.

    >>> pooled(torch.ones(37, 20, 4)).shape
    torch.Size([19, 10, 4])
    """
    units = F.normalize(patches.float(), dim=-1)
    factor = -(-max(units.shape[:2]) // side)
    if factor == 1:
        return units
    rows, columns = (max(1, round(length / factor + 0.01)) for length in units.shape[:2])
    means = F.adaptive_avg_pool2d(units.permute(2, 0, 1), (rows, columns)).permute(1, 2, 0)
    return F.normalize(means, dim=-1)


def thumbnail(image: Image.Image) -> bytes:
    """A small WebP of an RGB picture."""
    small = image.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return picture_bytes(small, "WEBP", quality=78, method=2)


def _digest(model: VisionTransformer) -> str:
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode() + tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
