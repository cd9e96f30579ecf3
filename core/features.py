"""Picture → feature map: one preprocessing for everything, and a geometry that leads back to the picture.

P patch side, h w patch grid, D width, R registers. Positions on the picture are (x, y) in continuous pixels of
the original (pixel i covers [i, i+1)); positions on the grid are (row, column).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.errors import RequestError
from core.precision import Precision, inference
from core.vit import Tokens, VisionTransformer

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
LARGEST_SIZE = 4096
"""Longest input side in pixels: 85,000 patches, whose attention a machine of today still computes."""
BATCH_TOKENS = 16_384
"""Tokens computed at once: enough to fill a GPU, and 100 MB of activations for ViT-S."""


@dataclass(frozen=True)
class Geometry:
    """Where the patches of a grid lie on the original picture.

    The longer side is covered exactly; the picture is scaled by one factor, so patches are square on it. Along
    the shorter side the grid is centred and may leave out, or stick out by, a quarter of a patch at either edge
    (more only where the picture is thinner than one patch).

    >>> g = Geometry(height=427, width=640, rows=25, columns=37, patch=14)
    >>> g.patch_at(*g.center(3, 8))
    (3, 8)
    """

    height: int
    width: int
    rows: int
    columns: int
    patch: int

    @property
    def stride(self) -> float:
        """Side of one patch in pixels of the original."""
        return max(self.height, self.width) / max(self.rows, self.columns)

    @property
    def covered(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the grid on the original, in pixels; a little outside it where padded."""
        left = (self.width - self.columns * self.stride) / 2
        top = (self.height - self.rows * self.stride) / 2
        return left, top, left + self.columns * self.stride, top + self.rows * self.stride

    def patch_at(self, x: float, y: float) -> tuple[int, int]:
        """(row, column) of the patch under a position; the nearest one for positions no patch covers."""
        left, top, _, _ = self.covered
        row = min(max(math.floor((y - top) / self.stride), 0), self.rows - 1)
        column = min(max(math.floor((x - left) / self.stride), 0), self.columns - 1)
        return row, column

    def center(self, row: int, column: int) -> tuple[float, float]:
        """(x, y) of a patch's middle on the original."""
        left, top, _, _ = self.covered
        return left + (column + 0.5) * self.stride, top + (row + 0.5) * self.stride

    def box(self, row: int, column: int) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of a patch on the original, clipped to the picture."""
        x, y = self.center(row, column)
        half = self.stride / 2
        return max(x - half, 0.0), max(y - half, 0.0), min(x + half, self.width), min(y + half, self.height)


@dataclass(frozen=True)
class Origin:
    """What made a feature map: compare before mixing maps, store beside anything derived from them."""

    model: str = ""
    weights: str = ""
    """SHA-256 of the weights, empty for a model made in memory."""
    layer: int = -1
    """Block the features were taken after, counted from the end (-1 is the last)."""
    size: int = 518


@dataclass(frozen=True)
class FeatureMap:
    """What a model says of one picture: encode once, ask often. All tensors are float32 on the CPU."""

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
        return tuple(self.patches.shape[:2])


def plan_grid(height: int, width: int, size: int, patch: int) -> Geometry:
    """The patch grid for a picture whose longer side shall be about `size` pixels: the nearest multiple of `patch`."""
    if not patch <= size <= LARGEST_SIZE:
        raise RequestError(f"size is {size}; choose from {patch} (one patch) to {LARGEST_SIZE} pixels.")
    longest = round(size / patch)
    stride = max(height, width) / longest
    rows, columns = (max(round(side / stride), 1) for side in (height, width))
    return Geometry(height, width, rows, columns, patch)


def preprocess(image: Image.Image, size: int, patch: int) -> tuple[Tensor, Geometry]:
    """Pixels [3, H, W] float32, ImageNet-normalised, H and W multiples of `patch`, and where they come from.

    `image` is RGB (`core.load_image`). Bicubic with antialiasing, as the reference evaluates; edge pixels are
    repeated where the grid sticks out.
    """
    geometry = plan_grid(image.height, image.width, size, patch)
    left, top, right, bottom = geometry.covered
    margin_x, margin_y = (max(math.ceil(-edge), 0) for edge in (left, top))
    if margin_x or margin_y:
        padded = np.pad(np.asarray(image), ((margin_y, margin_y), (margin_x, margin_x), (0, 0)), mode="edge")
        image = Image.fromarray(padded)
    box = (left + margin_x, top + margin_y, min(right + margin_x, image.width), min(bottom + margin_y, image.height))
    box = (max(box[0], 0.0), max(box[1], 0.0), box[2], box[3])  # against the last bit of rounding
    resized = image.resize((geometry.columns * patch, geometry.rows * patch), Image.Resampling.BICUBIC, box=box)
    scaled = np.asarray(resized, dtype=np.float32) / 255
    normalised = (scaled - np.float32(IMAGENET_MEAN)) / np.float32(IMAGENET_STD)
    return torch.from_numpy(normalised).permute(2, 0, 1).contiguous(), geometry


def extract(
    model: VisionTransformer,
    image: Image.Image | Sequence[Image.Image],
    size: int = 518,
    *,
    layer: int = -1,
    precision: Precision = "auto",
) -> FeatureMap | list[FeatureMap]:
    """The feature map of a picture, or a list of them for a list.

    `size`: longer side in pixels, rounded to the patch; the aspect ratio is kept. `layer`: block after which the
    features are taken, by number or from the end. `precision`: "auto" computes in bfloat16 where the processor
    multiplies it faster, "float32" gives the reference's numbers to 1e-5. Pictures of different shapes share
    packed passes. Raises RequestError on a size or layer the model does not have.
    """
    if isinstance(image, Image.Image):
        return extract(model, [image], size, layer=layer, precision=precision)[0]
    depth = model.config.depth
    if not -depth <= layer < depth:
        raise RequestError(f"layer is {layer}; this model has blocks 0 to {depth - 1} (or -{depth} to -1).")
    source = getattr(model, "source", None)
    origin = Origin(source.name if source else "", source.sha256 if source else "", layer % depth - depth, size)
    prepared = [preprocess(picture, size, model.config.patch) for picture in image]
    maps: list[FeatureMap | None] = [None] * len(prepared)
    for batch in _batches([geometry for _, geometry in prepared]):
        pixels = [torch.stack([prepared[i][0] for i in group]) for group in batch]
        for group, tokens, norms in zip(batch, *_forward(model, pixels, layer, precision), strict=True):
            for place, index in enumerate(group):
                one = Tokens(*(part[place] for part in tokens))
                maps[index] = _feature_map(prepared[index][1], one, norms[place], origin)
    return maps


def _forward(
    model: VisionTransformer, pixels: list[Tensor], layer: int, precision: Precision
) -> tuple[list[Tokens], list[Tensor]]:
    """Normed tokens and the patches' norms before it, per group, float32 on the CPU."""
    device = model.pos_embed.device
    with torch.inference_mode(), inference(model, precision) as fast:
        (raw,) = fast.intermediate_packed([batch.to(device) for batch in pixels], [layer], norm=False)
        tokens = [Tokens(*(model.norm(part.float()).cpu() for part in group)) for group in raw]
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


def _batches(geometries: list[Geometry]) -> list[list[list[int]]]:
    """Picture numbers, grouped by equal grid within batches of at most BATCH_TOKENS tokens."""
    order = sorted(range(len(geometries)), key=lambda i: (geometries[i].rows, geometries[i].columns))
    batches: list[list[list[int]]] = []
    room, last = 0, None
    for index in order:
        grid = geometries[index].rows, geometries[index].columns
        tokens = math.prod(grid)
        if not batches or tokens > room:
            batches.append([])
            room, last = BATCH_TOKENS, None
        if grid != last:
            batches[-1].append([])
        batches[-1][-1].append(index)
        room, last = room - tokens, grid
    return batches
