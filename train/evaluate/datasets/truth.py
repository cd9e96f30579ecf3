"""Truth about every pixel of a picture, as files have it: labels in an index PNG, depth in PNG or NumPy.

Many cameras store a picture as the sensor lay and note in its EXIF data how to turn it, and of the programs with which
masks are drawn some show it turned and some do not. A mask's or depth map's shape tells which: it is turned along with
the picture where it fits what is stored, and left as it is where it fits what is shown. Where it fits both, as with
square pictures or those upside down, nothing tells, and the pair is refused; so are places in pixels (boxes, key
points) on a picture that is to be turned.

H W pixels. Label −1 is ignored; depth 0 is what was not measured.
"""

import contextlib
import io
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from core import ImageError, load_image
from core.pictures.colour import UPRIGHT
from core.pictures.image import LARGEST_PIXELS, read_header
from core.pictures.reading import read_file

log = logging.getLogger(__name__)

IGNORED = -1
VOID = 255
"""The index that PASCAL VOC, and the plain form after it, give to pixels that are ignored."""
WHITE = (255, 65535)
"""The largest numbers of 8 and of 16 bits."""
MILLIMETRES = 1000.0


SAVE_UPRIGHT = "save the picture upright first (exiftran -a, or ImageOps.exif_transpose), beside a truth that fits it"


def mask_reader(masks: Sequence[Path]) -> Callable[[Path], np.ndarray]:
    """`read_labels`; or `read_drawn`, where all of a dataset's masks together hold 0 and the largest number alone.

    So drawing programs and most tools write an object before a background. The masks are looked at up to the first
    that holds another number.
    """
    found: set[int] = set()
    for mask in masks:
        with contextlib.suppress(ImageError):  # told by whoever reads it
            found.update(np.unique(_indices(mask)).tolist())
        if len(found) > 2 or not found <= {0, *WHITE}:
            return read_labels
    if len(found) < 2 or 0 not in found:
        return read_labels
    log.info("The masks hold 0 and %d alone: taken for background and object, labels 0 and 1", max(found))
    return read_drawn


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
    indices = _indices(path)
    return np.where(indices == VOID, IGNORED, indices)


def read_drawn(path: Path) -> np.ndarray:
    """int32 [H, W]: 1 where a mask is white, 0 where it is black."""
    return (_indices(path) > 0).astype(np.int32)


def _indices(path: Path) -> np.ndarray:
    wanted = "an index PNG: one number for each pixel, in grey or a palette"
    return _png(path, ("P", "L", "1", "I", "I;16", "I;16B"), wanted).astype(np.int32)


def read_depth(path: Path) -> np.ndarray:
    """float32 [H, W] in metres: of a 16-bit PNG in millimetres, or of an .npy array in metres; 0 where unknown."""
    if path.suffix == ".npy":
        try:
            metres = np.load(io.BytesIO(read_file(path)), allow_pickle=False)
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
        with Image.open(io.BytesIO(read_file(path)), formats=["PNG"]) as image:
            if image.width * image.height > LARGEST_PIXELS:
                raise ImageError(f"{path} is too large: {image.width}×{image.height} pixels; make it smaller first.")
            if image.mode not in modes:
                raise ImageError(f"{path} is a {image.mode} picture; give {wanted}.")
            return np.asarray(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path} cannot be read ({error}); give {wanted}.") from error
