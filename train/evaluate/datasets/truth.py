"""Truth about every pixel of a picture, as files have it: labels in an index PNG, depth in PNG or NumPy.

Many cameras store a picture as the sensor lay and note in its EXIF data how to turn it, and of the programs with which
masks are drawn some show it turned and some do not. A mask's or depth map's shape tells which: it is turned along with
the picture where it fits what is stored, and left as it is where it fits what is shown. Where it fits both, as with
square pictures or those upside down, nothing tells, and the pair is refused; so are places in pixels (boxes, key
points) on a picture that is to be turned.

H W pixels. Label −1 is ignored; depth 0 is what was not measured.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from core import ImageError, load_image
from core.pictures.colour import UPRIGHT
from core.pictures.image import LARGEST_PIXELS, read_header

IGNORED = -1
VOID = 255
"""The index that PASCAL VOC, and the plain form after it, give to pixels that are ignored."""
MILLIMETRES = 1000.0


SAVE_UPRIGHT = "save the picture upright first (exiftran -a, or ImageOps.exif_transpose), beside a truth that fits it"


def turned_along(known: np.ndarray, image: Path, truth: Path) -> np.ndarray:
    """What the file `truth` knows of a picture's pixels, [H, W], as the picture is shown.

    Raises ImageError where it is of another size, or where nothing tells which way it lies.
    """
    header = read_header(image)
    stored = header.height, header.width
    shown = stored[::-1] if header.orientation >= 5 else stored
    if known.shape not in (stored, shown):
        raise ImageError(
            f"{truth} is {known.shape[0]}×{known.shape[1]} pixels, its picture {shown[0]}×{shown[1]}; make them equal."
        )
    turn = UPRIGHT.get(header.orientation)
    if turn is None:
        return known
    if stored == shown:
        raise ImageError(f"{image} is turned by its EXIF data, and {truth} fits it either way; {SAVE_UPRIGHT}.")
    return known if known.shape == shown else np.asarray(Image.fromarray(known).transpose(turn))


def load_with_places(image: Path) -> Image.Image:
    """A picture of which places are known in pixels. Raises ImageError where its EXIF data turn it."""
    check_places(image)
    return load_image(image)


def check_places(image: Path) -> None:
    """ImageError where a picture's EXIF data turn it, so that nothing tells where places in pixels are."""
    if read_header(image).orientation in UPRIGHT:
        raise ImageError(f"{image} is turned by its EXIF data, its boxes or points may be or not; {SAVE_UPRIGHT}.")


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
