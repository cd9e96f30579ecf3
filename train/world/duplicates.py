"""Near-duplicates: the same picture cropped, recompressed, recoloured, written over, framed or mirrored."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance

from core.encoding import picture_bytes

Generator = np.random.Generator


def near_duplicate(image: np.ndarray, generator: Generator) -> tuple[np.ndarray, str]:
    """A copy of a picture uint8 [H, W, 3], of the same size, as people make them, and the name of what was done.

    The kind is one of `KINDS`, drawn from the generator with all that it needs.
    """
    kind = str(generator.choice(list(_MAKE)))
    return _MAKE[kind](image, generator), kind


def _crop(image: np.ndarray, rng: Generator) -> np.ndarray:
    height, width = image.shape[:2]
    share = np.sqrt(rng.uniform(0.6, 0.9))
    h, w = int(height * share), int(width * share)
    top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    cut = Image.fromarray(image[top : top + h, left : left + w])
    return np.asarray(cut.resize((width, height), Image.Resampling.BICUBIC))


def _recompress(image: np.ndarray, rng: Generator) -> np.ndarray:
    height, width = image.shape[:2]
    share = rng.uniform(0.5, 1.0)
    small = Image.fromarray(image).resize(
        (max(int(width * share), 8), max(int(height * share), 8)), Image.Resampling.BILINEAR
    )
    data = picture_bytes(small, "JPEG", quality=int(rng.integers(12, 40)))
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB").resize((width, height), Image.Resampling.BICUBIC))


def _recolour(image: np.ndarray, rng: Generator) -> np.ndarray:
    picture = Image.fromarray(image)
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        picture = enhance(picture).enhance(rng.uniform(0.7, 1.35))
    tint = rng.uniform(0.85, 1.15, 3)
    return np.clip(np.asarray(picture) * tint + 0.5, 0, 255).astype(np.uint8)


def _overlay(image: np.ndarray, rng: Generator) -> np.ndarray:
    """Bars that look like a line of writing, and a round mark in a corner."""
    out = image.copy()
    height, width = image.shape[:2]
    colour = np.array([255, 255, 255] if rng.random() < 0.6 else rng.integers(0, 90, 3), np.float64)
    line = max(height // 28, 2)
    top, left = int(rng.uniform(0.05, 0.85) * height), int(rng.uniform(0.04, 0.2) * width)
    while left < 0.85 * width:
        letters = int(rng.integers(line, 4 * line))
        word = out[top : top + line, left : min(left + letters, int(0.9 * width))]
        word[:] = 0.15 * word + 0.85 * colour
        left += letters + max(line // 2, 2)
    radius = int(rng.uniform(0.04, 0.09) * width)
    y, x = np.mgrid[0:height, 0:width]
    corner_x, corner_y = (int(rng.choice([radius * 2, size - radius * 2])) for size in (width, height))
    mark = np.hypot(x - corner_x, y - corner_y) < radius
    out[mark] = 0.2 * out[mark] + 0.8 * rng.integers(0, 256, 3)
    return out


def _border(image: np.ndarray, rng: Generator) -> np.ndarray:
    height, width = image.shape[:2]
    edge = int(rng.uniform(0.03, 0.1) * width) + 1
    out = np.empty_like(image)
    out[:] = rng.choice([0, 255]) if rng.random() < 0.7 else rng.integers(0, 256, 3)
    inner = Image.fromarray(image).resize((width - 2 * edge, height - 2 * edge), Image.Resampling.BICUBIC)
    out[edge : height - edge, edge : width - edge] = np.asarray(inner)
    return out


def _flip(image: np.ndarray, rng: Generator) -> np.ndarray:
    return np.ascontiguousarray(image[:, ::-1])


_MAKE: dict[str, Callable[[np.ndarray, Generator], np.ndarray]] = {
    "crop": _crop,
    "recompress": _recompress,
    "recolour": _recolour,
    "overlay": _overlay,
    "border": _border,
    "flip": _flip,
}
KINDS = tuple(_MAKE)
"""The changes that make a copy."""
