"""Squares from the middle of pictures, and what a backbone says of them.

n images, C channels, S side of the crop in pixels, P patch side, D width.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core import ImageError, Tokens, VisionTransformer
from core.features import BATCH_PATCHES, IMAGENET_MEAN, IMAGENET_STD
from core.wording import counted
from train.data.pictures import load_pixels
from train.data.resize import resize_each
from train.data.sources import Source

log = logging.getLogger(__name__)


class CentreCrops(NamedTuple):
    """Squares from the middle of pictures: `pixels` [n, C, S, S], uint8 or float in 0..1.

    `kept` [n] int64: the places of these pictures among those given, without what could not be read.
    """

    pixels: Tensor
    kept: Tensor


class Pooled(NamedTuple):
    """The cls token and the mean over patches of each image, [n, D] float32 on the CPU."""

    cls: Tensor
    mean_patch: Tensor


def centre_crops(source: Source, indices: np.ndarray | Tensor, size: int, channels: int = 3) -> CentreCrops:
    """The largest square in the middle of each picture, at `size` pixels a side, bicubic with antialiasing.

    What cannot be read is logged and left out.
    """
    crops, kept, unreadable = [], [], []
    for place, index in enumerate(map(int, indices)):
        try:
            crops.append(centre_crop(load_pixels(source.read(index).data, channels, 2 * size), size))
        except ImageError as error:
            unreadable.append(f"{source.name(index)}: {error}")
            continue
        kept.append(place)
    if unreadable:
        left_out = counted(len(unreadable), "image cannot be read and is", "images cannot be read and are")
        log.warning("%s left out: %s", left_out, "; ".join(unreadable[:3]))
    pixels = torch.cat(crops) if crops else torch.empty(0, channels, size, size, dtype=torch.uint8)
    return CentreCrops(pixels, torch.tensor(kept, dtype=torch.int64))


def centre_crop(pixels: np.ndarray, size: int) -> Tensor:
    """[1, C, size, size] from the middle of a picture [H, W, C]."""
    height, width, _ = pixels.shape
    side = min(height, width)
    box = np.array([[(width - side) // 2, (height - side) // 2, side, side]])
    return resize_each([torch.from_numpy(pixels)], box, np.zeros(1, dtype=bool), size)


@torch.no_grad()
def tokens_of(
    model: VisionTransformer,
    pixels: Tensor,
    batch: int | None = None,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
) -> Iterator[Tokens]:
    """Tokens of crops [n, C, S, S] (uint8, or float in 0..1), float32, batch after batch, where the model is.

    `batch`: images at once, by default as many as the device likes. Neither the model's mode nor any gradient or
    random state changes.
    """
    device, patch = model.device, model.config.patch
    patches = (pixels.shape[-2] // patch) * (pixels.shape[-1] // patch)
    batch = batch or max(1, BATCH_PATCHES.get(device.type, BATCH_PATCHES["cpu"]) // max(patches, 1))
    centre, spread = (torch.tensor(values, device=device).view(-1, 1, 1) for values in (mean, std))
    for part in pixels.split(batch):
        moved = part.to(device)
        unit = moved.float() / 255 if moved.dtype == torch.uint8 else moved.float()
        with torch.autocast(device.type, enabled=False):
            tokens = model((unit - centre) / spread)
        yield Tokens(*(one.float() for one in tokens))


def pooled(tokens: Iterator[Tokens]) -> Pooled:
    """The features kept of every image's tokens."""
    pairs = [(part.cls.cpu(), part.patches.mean(dim=1).cpu()) for part in tokens]
    return Pooled(*(torch.cat(column) for column in zip(*pairs, strict=True)))
