"""Pictures → features: of a model, and of the baselines that it has to beat.

n pictures, S side in pixels, h w patch grid, D width.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from core import VisionTransformer
from core.features import extract_stream, preprocess_for
from train.evaluate.emergence.world_set import patch_of_pixels

UNTRAINED_SEED = 1
"""Of the untrained baseline's weights: not 0, which the model named `untrained` has."""
THUMBNAIL = 8
HARMONICS = 4
"""Waves of row and of column that say where a patch is."""


class Features(NamedTuple):
    """The features of n pictures, float32 on the CPU: `patches` [n, h, w, D] and `cls` [n, D].

    `cls` is None for what says nothing of a picture as a whole.
    """

    patches: Tensor
    cls: Tensor | None


Encoder = Callable[[Sequence[np.ndarray]], Features]
"""From pictures, uint8 [S, S, 3] each, to their features."""


def model_encoder(model: VisionTransformer, size: int, title: str = "") -> Encoder:
    """Tokens after the final norm, in float32 whatever the device; `title` is that of the progress bar."""

    def encode(images: Sequence[np.ndarray]) -> Features:
        prepared = (preprocess_for(model, Image.fromarray(image), size) for image in images)
        maps = extract_stream(model, prepared, size, precision="float32")
        patches, cls = None, None
        for place, one in enumerate(tqdm(maps, total=len(images), desc=title, unit="picture", disable=not title)):
            if patches is None or cls is None:
                # one block from the start: a list of maps and their stack would hold everything twice
                patches, cls = torch.empty(len(images), *one.patches.shape), torch.empty(len(images), len(one.cls))
            patches[place], cls[place] = one.patches, one.cls
        return Features(torch.empty(0) if patches is None else patches, cls)

    return encode


def untrained_like(model: VisionTransformer) -> VisionTransformer:
    """The same architecture with random weights, on the same device; core's own of that shape for another library's
    encoder. LayerScale is 1, as in `core.load_model`'s `untrained`: with training's 1e-5 the blocks would add nothing."""
    other = VisionTransformer(replace(model.config, layer_scale=1.0))
    other.initialise(torch.Generator().manual_seed(UNTRAINED_SEED))
    return other.to(model.device).eval()


def colour_encoder(grid: int) -> Encoder:
    """Mean and standard deviation of red, green and blue in each patch, and a thumbnail of 8 × 8 pixels for cls.

    Both are standardised over all patches and all thumbnails, or every cosine would be close to 1.
    """

    def encode(images: Sequence[np.ndarray]) -> Features:
        patches = torch.from_numpy(np.stack([_colours(image, grid) for image in images]))
        thumbnails = torch.from_numpy(np.stack([_thumbnail(image) for image in images]))
        return Features(_standardised(patches), _standardised(thumbnails).flatten(1))

    return encode


def position_encoder(grid: int) -> Encoder:
    """The place of a patch and nothing else: the score of a model that has learned how pictures are composed."""
    angles = math.pi / 2 * torch.arange(grid) / grid * torch.arange(1, HARMONICS + 1).unsqueeze(1)
    waves = torch.cat([angles.cos(), angles.sin()]).T  # [grid, 2 * HARMONICS]
    rows, columns = (waves.unsqueeze(axis).expand(grid, grid, -1) for axis in (1, 0))
    patches = torch.cat([rows, columns], dim=2)
    return lambda images: Features(patches.expand(len(images), -1, -1, -1), None)


def _colours(image: np.ndarray, grid: int) -> np.ndarray:
    """float32 [grid, grid, 6]."""
    places = patch_of_pixels(len(image), grid).ravel()
    pixels = np.bincount(places, minlength=grid * grid)
    unit = image.reshape(-1, 3) / 255
    means, squares = (
        np.stack([np.bincount(places, channel, grid * grid) / pixels for channel in (unit**power).T], axis=1)
        for power in (1, 2)
    )
    deviations = np.sqrt(np.maximum(squares - means**2, 0))
    return np.concatenate([means, deviations], axis=1).reshape(grid, grid, 6).astype(np.float32)


def _thumbnail(image: np.ndarray) -> np.ndarray:
    """float32 [8, 8, 3] in 0..1."""
    small = Image.fromarray(image).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32) / 255


def _standardised(values: Tensor) -> Tensor:
    """Mean 0 and variance 1 in each of the last axis's features; what does not vary becomes 0."""
    deviation, mean = torch.std_mean(values.flatten(0, -2), dim=0, correction=0)
    return (values - mean) / deviation.clamp(min=1e-6)
