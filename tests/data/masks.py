"""Hand-drawn objects on the sample photographs, and feature maps that imitate a trained model's over them.

h w patch grid, D width.
"""

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from core.features import FeatureMap, Geometry


def polygons() -> dict[str, list]:
    """Polygons by sample name, (x, y) in shares of width and height."""
    return json.loads(Path(__file__).with_name("masks.json").read_text(encoding="utf-8"))["polygons"]


def pixel_mask(name: str, height: int, width: int) -> np.ndarray:
    """[H, W] bool, True on the object."""
    canvas = Image.new("1", (width, height))
    for polygon in polygons()[name]:
        ImageDraw.Draw(canvas).polygon([(x * width, y * height) for x, y in polygon], fill=1)
    return np.asarray(canvas)


def grid_mask(name: str, geometry: Geometry) -> Tensor:
    """[h, w] bool: patches whose middle is on the object."""
    mask = pixel_mask(name, geometry.height, geometry.width)
    rows = [min(int(geometry.center(row, 0)[1]), geometry.height - 1) for row in range(geometry.rows)]
    columns = [min(int(geometry.center(0, column)[0]), geometry.width - 1) for column in range(geometry.columns)]
    return torch.from_numpy(mask[np.clip(rows, 0, None)][:, np.clip(columns, 0, None)].copy())


def imitation(
    object_mask: Tensor,
    geometry: Geometry,
    generator: torch.Generator,
    width: int = 64,
    noise: float = 0.5,
    offset: float = 0.0,
) -> FeatureMap:
    """What a trained model's features look like, roughly: not a measurement of one.

    Two parts of the object that share a direction, three stretches of ground with colours of their own, a part
    that changes smoothly with the position, noise on every patch, and 1 % outliers of eight times the length.
    `offset`: length, in the others' units, of what all patches of the picture share.
    """
    height, wide = object_mask.shape
    draw = torch.randn(9, width, generator=generator)
    shared, parts, grounds, slopes = draw[0], draw[1:3], draw[3:6], draw[6:8]
    down = torch.linspace(-1, 1, height)[:, None].expand(height, wide)
    across = torch.linspace(-1, 1, wide)[None, :].expand(height, wide)
    part = (down + 0.3 * across > 0).long()
    ground = ((across + 1) * 1.5).long().clamp(max=2)
    patches = torch.where(object_mask[..., None], shared + 0.6 * parts[part], 0.6 * grounds[ground] - 0.4 * shared)
    patches = patches + 0.3 * (down[..., None] * slopes[0] + across[..., None] * slopes[1])
    patches = patches + noise * torch.randn(height, wide, width, generator=generator)
    patches = patches + offset * draw[8]
    outliers = torch.rand(height, wide, generator=generator) < 0.01
    loud = 8 * torch.randn(width, generator=generator)
    patches = torch.where(outliers[..., None], loud, patches)
    return FeatureMap(patches, patches.flatten(0, 1).mean(dim=0), geometry, norms=patches.norm(dim=-1))
