"""Crops of a picture, drawn and cut in worker processes; what is done to their colours is `train.data.colour`.

Every random choice comes from (seed, position in the run), so a crop does not depend on which worker made it.
Source: Oquab et al. 2023, appendix; the reference's DataAugmentationDINO.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from train.data.colour import ColourPlan

ATTEMPTS = 10
"""Boxes drawn before a crop falls back to the middle of the picture, as torchvision's RandomResizedCrop does."""


@dataclass(frozen=True)
class AugmentConfig:
    """Sizes in pixels, scales as shares of the picture's area, probabilities in 0..1."""

    global_size: int = 224
    global_scale: tuple[float, float] = (0.32, 1.0)
    local_size: int = 98
    local_scale: tuple[float, float] = (0.05, 0.32)
    local_crops: int = 8
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    jitter: float = 0.8
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.2
    hue: float = 0.1
    grey: float = 0.2
    blur: tuple[float, float, float] = (1.0, 0.1, 0.5)
    """Of the first global, the second global, and each local crop."""
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    solarise: float = 0.2
    """Of the second global crop only."""


class Crops(NamedTuple):
    """The crops of one picture before their colours change.

    `globals` [2, 3, S, S] and `locals` [L, 3, s, s] uint8; a `ColourPlan` for each set, in the same order.
    """

    globals: Tensor
    locals: Tensor
    global_colours: ColourPlan
    local_colours: ColourPlan


def cut_crops(image: Image.Image, config: AugmentConfig, generator: np.random.Generator) -> Crops:
    """The crops of an RGB picture; the same generator state gives the same crops."""
    first, second, local = config.blur
    plans = [_draw_colour(config, generator, blur=first), _draw_colour(config, generator, second, config.solarise)]
    wide = [_cut(image, config.global_size, config.global_scale, config, generator) for _ in plans]
    local_plans = [_draw_colour(config, generator, local) for _ in range(config.local_crops)]
    narrow = [_cut(image, config.local_size, config.local_scale, config, generator) for _ in local_plans]
    empty = torch.empty(0, 3, config.local_size, config.local_size, dtype=torch.uint8)
    return Crops(
        torch.stack(wide),
        torch.stack(narrow) if narrow else empty,
        ColourPlan.stack(plans),
        ColourPlan.stack(local_plans),
    )


def crop_box(
    width: int, height: int, scale: tuple[float, float], aspect: tuple[float, float], generator: np.random.Generator
) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a random box: a share of the area within `scale`, width/height within `aspect`."""
    for _ in range(ATTEMPTS):
        area = width * height * generator.uniform(*scale)
        ratio = math.exp(generator.uniform(*(math.log(side) for side in aspect)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = int(generator.integers(width - w + 1)), int(generator.integers(height - h + 1))
            return left, top, left + w, top + h
    w, h = min(width, round(height * aspect[1])), min(height, round(width / aspect[0]))
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h


def _cut(
    image: Image.Image,
    size: int,
    scale: tuple[float, float],
    config: AugmentConfig,
    generator: np.random.Generator,
) -> Tensor:
    """One crop [3, size, size] uint8, resized bicubically with antialiasing, flipped half of the time."""
    box = crop_box(image.width, image.height, scale, config.aspect, generator)
    crop = image.resize((size, size), Image.Resampling.BICUBIC, box=box)
    pixels = np.asarray(crop)
    if generator.random() < config.flip:
        pixels = pixels[:, ::-1]
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _draw_colour(
    config: AugmentConfig, generator: np.random.Generator, blur: float, solarise: float = 0.0
) -> ColourPlan:
    def around_one(spread: float) -> float:
        return generator.uniform(max(0.0, 1 - spread), 1 + spread)

    jittered = generator.random() < config.jitter
    factors = [around_one(config.brightness), around_one(config.contrast), around_one(config.saturation)]
    hue = generator.uniform(-config.hue, config.hue)
    order = generator.permutation(4)
    grey = generator.random() < config.grey
    sigma = generator.uniform(*config.blur_sigma) if generator.random() < blur else 0.0
    solarised = generator.random() < solarise
    factors = [*factors, hue] if jittered else [1.0, 1.0, 1.0, 0.0]
    return ColourPlan(
        torch.tensor(factors, dtype=torch.float32),
        torch.from_numpy(order),
        torch.tensor(grey),
        torch.tensor(sigma, dtype=torch.float32),
        torch.tensor(solarised),
    )
