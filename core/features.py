"""Picture → feature map: one preprocessing for everything, and a geometry that leads back to the picture.

P patch side, h w patch grid, D width, R registers.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.errors import AnalysisError, ModelError, RequestError
from core.model.config import IMAGENET_MEAN, IMAGENET_STD
from core.model.precision import Precision, inference
from core.model.vit import Resample, Tokens, VisionTransformer
from core.pictures.geometry import Geometry, plan_grid
from core.pictures.image import Reduced, whole
from core.wording import counted

BATCH_PATCHES = {"cpu": 4096, "cuda": 16_384}
"""Patches computed at once. A processor gains nothing from more, and the first result comes sooner; 16,384 fill a
GPU and take 100 MB of activations for ViT-S."""


Picture = Image.Image | Reduced


@dataclass(frozen=True)
class Origin:
    """The origin of a feature map: compare before mixing maps, store beside anything derived from them."""

    model: str = ""
    weights: str = ""
    """SHA-256 of the weights, empty for a model made in memory."""
    layer: int = -1
    """Block the features were taken after, counted from the end (-1 is the last)."""
    size: int = 518


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """A model's features of one picture: encode once, query often. All tensors are float32 on the CPU."""

    patches: Tensor
    """[h, w, D], after the final norm."""
    cls: Tensor
    """[D], after the final norm."""
    geometry: Geometry
    registers: Tensor = field(default_factory=lambda: torch.empty(0))
    """[R, D], after the final norm."""
    norms: Tensor | None = None
    """[h, w], L2 norm of each patch token before the final norm, where the artefacts of Darcet et al. show."""
    origin: Origin = Origin()

    @property
    def grid(self) -> tuple[int, int]:
        """(h, w)."""
        rows, columns, _ = self.patches.shape
        return rows, columns


def require_pictures(model: VisionTransformer) -> None:
    """ModelError for a model of other pictures than RGB, which is all that `preprocess`, and the page, can prepare."""
    channels = model.config.channels
    if channels != 3:
        raise ModelError(
            f"This model takes pictures of {counted(channels, 'channel')}; pictures are prepared here in RGB, 3 channels. Prepare "
            f"its pixels yourself and call model(pixels), with pixels [B, {channels}, H, W]; or take a model of RGB."
        )


def require_finite(*features: Tensor) -> None:
    """AnalysisError where features hold NaN or infinity, so that nobody keeps them."""
    for tensor in features:
        broken = int((~tensor.isfinite()).sum())
        if broken:
            raise AnalysisError(
                f"{broken:,} of {tensor.numel():,} numbers of its features are NaN or infinite; they are not kept. Take "
                "float32 (precision, and number format), or another checkpoint of the model."
            )


def preprocess_for(model: VisionTransformer, image: Picture, size: int) -> tuple[Tensor, Geometry]:
    """`preprocess` for that model."""
    return preprocess(image, size, model.config.patch, model.resample)


def preprocess(image: Picture, size: int, patch: int, resample: Resample = "bicubic") -> tuple[Tensor, Geometry]:
    """Pixels [3, H, W] float32, ImageNet-normalised, H and W multiples of `patch`, and where on the original they lie.

    `image` is RGB (`core.load_image`), or RequestError is raised. Resampled with antialiasing, bicubic as DINOv2's
    reference evaluates; edge pixels are repeated where the grid sticks out.
    """
    pixels = image.image if isinstance(image, Reduced) else image
    if not isinstance(pixels, Image.Image) or pixels.mode != "RGB":
        given = f"a {pixels.mode} picture" if isinstance(pixels, Image.Image) else type(pixels).__name__
        raise RequestError(f"Features are taken of RGB pictures, this is {given}; pass it through core.load_image.")
    picture = image if isinstance(image, Reduced) else whole(pixels)
    geometry = plan_grid(picture.height, picture.width, size, patch)
    scaled = np.asarray(_resample(picture, geometry, Image.Resampling[resample.upper()]), dtype=np.float32) / 255
    normalised = (scaled - np.array(IMAGENET_MEAN, np.float32)) / np.array(IMAGENET_STD, np.float32)
    return torch.from_numpy(normalised).permute(2, 0, 1).contiguous(), geometry


def _resample(picture: Reduced, geometry: Geometry, way: Image.Resampling) -> Image.Image:
    """The part of the picture that the grid covers, at `geometry.patch` pixels a patch."""
    image, factor = picture.image, picture.factor
    width, height = geometry.columns * geometry.patch, geometry.rows * geometry.patch
    covered = zip(geometry.covered, (picture.left, picture.top) * 2, strict=True)
    left, top, right, bottom = ((edge + shift) / factor for edge, shift in covered)
    first_x, first_y = picture.left / factor, picture.top / factor
    if left < first_x or top < first_y:
        # the longer side first, which is covered exactly: what has to be padded is small then
        wide = top < first_y
        size = (width, image.height) if wide else (image.width, height)
        box = (left, 0, right, image.height) if wide else (0, top, image.width, bottom)
        image = image.resize(size, way, box=box)
        over = max(-top, bottom - image.height) if wide else max(-left, right - image.width)
        margin = max(math.ceil(over), 0)
        pad_y, pad_x = (margin, 0) if wide else (0, margin)
        padded = np.pad(np.asarray(image), ((pad_y, pad_y), (pad_x, pad_x), (0, 0)), mode="edge")
        image = Image.fromarray(padded)
        left, right = (0, width) if wide else (left + pad_x, right + pad_x)
        top, bottom = (top + pad_y, bottom + pad_y) if wide else (0, height)
    return image.resize((width, height), way, box=(left, top, right, bottom))


@overload
def extract(
    model: VisionTransformer,
    image: Picture,
    size: int | None = None,
    *,
    layer: int = -1,
    precision: Precision = "auto",
) -> FeatureMap: ...


@overload
def extract(
    model: VisionTransformer,
    image: Sequence[Picture],
    size: int | None = None,
    *,
    layer: int = -1,
    precision: Precision = "auto",
) -> list[FeatureMap]: ...


def extract(
    model: VisionTransformer,
    image: Picture | Sequence[Picture],
    size: int | None = None,
    *,
    layer: int = -1,
    precision: Precision = "auto",
) -> FeatureMap | list[FeatureMap]:
    """The feature map of a picture, or a list of them for a list.

    `size`: longer side in pixels, rounded to the patch; `model.default_size` where none is given. The aspect ratio
    is kept. `layer`: block after which the features are taken, by number or from the end. `precision`: "auto"
    computes in bfloat16 where the processor multiplies it faster, "float32" gives the reference's numbers to 1e-5.
    Pictures of different shapes share packed passes. Raises RequestError on a size or layer the model does not have,
    ModelError for a model of other pictures than RGB.
    """
    size = model.default_size if size is None else size
    pictures = [image] if isinstance(image, Picture) else image
    prepared = (preprocess_for(model, picture, size) for picture in pictures)
    maps = list(extract_stream(model, prepared, size, layer=layer, precision=precision))
    return maps[0] if isinstance(image, Picture) else maps


def extract_stream(
    model: VisionTransformer,
    prepared: Iterable[tuple[Tensor, Geometry]],
    size: int,
    *,
    layer: int = -1,
    precision: Precision = "auto",
) -> Iterator[FeatureMap]:
    """The feature maps of any number of pictures, in order: `extract` for collections larger than memory.

    `prepared` is what `preprocess` gives for each at `size`, perhaps from other threads. It is read as the maps
    are needed, one batch of BATCH_PATCHES ahead, and nothing is kept of what was handed out.
    """
    require_pictures(model)
    depth = model.config.depth
    if not -depth <= layer < depth:
        raise RequestError(f"layer is {layer}; this model has blocks 0 to {depth - 1} (or -{depth} to -1).")
    source = model.source
    origin = Origin(source.name if source else "", source.sha256 if source else "", layer % depth - depth, size)
    return (
        feature_map
        for batch in _batches(prepared, batch_patches(model))
        for feature_map in _feature_maps(model, batch, origin, precision)
    )


def batch_patches(model: VisionTransformer) -> int:
    """Patches that are computed at once where the model is."""
    return BATCH_PATCHES.get(model.device.type, max(BATCH_PATCHES.values()))


def _batches(prepared: Iterable[tuple[Tensor, Geometry]], limit: int) -> Iterator[list[tuple[Tensor, Geometry]]]:
    """Consecutive pictures of at most `limit` patches together, or single ones of more."""
    batch: list[tuple[Tensor, Geometry]] = []
    patches = 0
    for pixels, geometry in prepared:
        more = geometry.rows * geometry.columns
        if batch and patches + more > limit:
            yield batch
            batch, patches = [], 0
        batch.append((pixels, geometry))
        patches += more
    if batch:
        yield batch


def _feature_maps(
    model: VisionTransformer, batch: list[tuple[Tensor, Geometry]], origin: Origin, precision: Precision
) -> list[FeatureMap]:
    """The feature maps of one packed pass, in the order of the batch."""
    groups: dict[torch.Size, list[int]] = {}
    for index, (pixels, _) in enumerate(batch):
        groups.setdefault(pixels.shape, []).append(index)
    stacked = [torch.stack([batch[index][0] for index in group]) for group in groups.values()]
    maps: dict[int, FeatureMap] = {}
    for group, tokens, norms in zip(groups.values(), *_forward(model, stacked, origin.layer, precision), strict=True):
        for place, index in enumerate(group):
            one = Tokens(*(part[place] for part in tokens))
            maps[index] = _feature_map(batch[index][1], one, norms[place], origin)
    return [maps[index] for index in range(len(batch))]


def _forward(
    model: VisionTransformer, pixels: list[Tensor], layer: int, precision: Precision
) -> tuple[list[Tokens], list[Tensor]]:
    """Normed tokens and the patches' norms before it, per group, float32 on the CPU."""
    device = model.device
    with torch.inference_mode(), inference(model, precision) as fast:
        (raw,) = fast.intermediate_packed([batch.to(device) for batch in pixels], [layer], norm=False)
        normed = [model.normed(Tokens(*(part.float() for part in group))) for group in raw]
        tokens = [Tokens(*(part.cpu() for part in group)) for group in normed]
        norms = [group.patches.float().norm(dim=-1).cpu() for group in raw]
    return tokens, norms


def _feature_map(geometry: Geometry, tokens: Tokens, norms: Tensor, origin: Origin) -> FeatureMap:
    grid = (geometry.rows, geometry.columns)
    # clones: a view would keep the whole batch alive, and inference tensors refuse later autograd
    return FeatureMap(
        patches=tokens.patches.unflatten(0, grid).clone(),
        cls=tokens.cls.clone(),
        geometry=geometry,
        registers=tokens.registers.clone(),
        norms=norms.unflatten(0, grid).clone(),
        origin=origin,
    )
