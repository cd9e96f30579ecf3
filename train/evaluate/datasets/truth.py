"""Truth about every pixel of a picture, as files have it: labels in an index PNG, depth in PNG or NumPy.

H W pixels. Label −1 is ignored; depth 0 is what was not measured.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from core import ImageError
from core.pictures.image import LARGEST_PIXELS

IGNORED = -1
VOID = 255
"""The index that PASCAL VOC, and the plain form after it, give to pixels that are ignored."""
MILLIMETRES = 1000.0


def read_labels(path: Path) -> np.ndarray:
    """int32 [H, W]: the indices of a PNG, of its palette where it has one; VOID becomes IGNORED."""
    indices = _png(path, ("P", "L", "1", "I", "I;16"), "an index PNG: one number for each pixel, in grey or a palette")
    return np.where(indices == VOID, IGNORED, indices.astype(np.int32))


def read_depth(path: Path) -> np.ndarray:
    """float32 [H, W] in metres: of a 16-bit PNG in millimetres, or of an .npy array in metres; 0 where unknown."""
    if path.suffix == ".npy":
        try:
            metres = np.load(path, allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise ImageError(f"{path} cannot be read ({error}); save depth in metres with numpy.save.") from error
        if metres.ndim != 2 or not np.issubdtype(metres.dtype, np.number):
            raise ImageError(f"{path} holds {metres.dtype} {list(metres.shape)}; save metres as [H, W].")
        metres = metres.astype(np.float32)
    else:
        metres = _png(path, ("I", "I;16", "I;16B"), "a PNG of 16 bits, in millimetres").astype(np.float32) / MILLIMETRES
    return np.where(np.isfinite(metres) & (metres > 0), metres, 0).astype(np.float32)


def _png(path: Path, modes: tuple[str, ...], wanted: str) -> np.ndarray:
    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.width * image.height > LARGEST_PIXELS:
                raise ImageError(f"{path} is too large: {image.width}×{image.height} pixels; make it smaller first.")
            if image.mode not in modes:
                raise ImageError(f"{path} is a {image.mode} picture; give {wanted}.")
            return np.asarray(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path} cannot be read ({error}); give {wanted}.") from error
