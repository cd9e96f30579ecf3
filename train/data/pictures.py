"""An encoded picture → its pixels with the channels a run asks for.

    3 channels      any picture, as `core.load_image` shows it: RGB
    1 channel       the luminance of the same, or an .npy array
    other numbers   .npy arrays [H, W, C], or files whose pages or bands are the channels (TIFF, RGBA PNG)

One and three channels are 8 bits throughout. Others keep what they were stored with, as float32 in 0..1: integers
divided by the largest value of their type, floats as they are. Samples of 16 bits keep them however they lie in a
TIFF, and as RGBA in a PNG.
"""

import io
import itertools
import math
import struct
from typing import TypeVar

import numpy as np
from PIL import Image, ImageSequence

from core import ImageError, load_image
from core.pictures.image import LARGEST_PIXELS
from core.pictures.kinds import opened
from core.pictures.tiff import Page, sixteen_bit_pages
from core.wording import counted

NPY = b"\x93NUMPY"
JPEG = b"\xff\xd8\xff"
Sized = TypeVar("Sized", Image.Image, Page)


def load_pixels(data: bytes, channels: int, least: float = math.inf) -> np.ndarray:
    """[H, W, C]: uint8 for 1 and 3 channels, float32 in 0..1 for other numbers.

    A JPEG is decoded at a half, a quarter or an eighth of its size where its shorter side stays at least `least`
    pixels long. Raises ImageError where the picture cannot be read, or has other channels.
    """
    if data.startswith(NPY):
        array = _unit(_read_array(data))
        if array.shape[2] != channels:
            raise ImageError(
                f"The array has {counted(array.shape[2], 'channel')}, the run takes {channels}; save it as [H, W, C]."
            )
        return array if channels not in (1, 3) else np.rint(array * 255).astype(np.uint8)
    if channels not in (1, 3):
        return _read_bands(data, channels)
    image = _load_reduced(data, least) if data.startswith(JPEG) and least < math.inf else load_image(data)
    return np.array(image) if channels == 3 else np.array(image.convert("L"))[:, :, None]


def _load_reduced(data: bytes, least: float) -> Image.Image:
    """A JPEG, the finest detail of which the decoder may leave out."""
    try:
        image = Image.open(io.BytesIO(data), formats=["JPEG"])
        factor = min(image.size) / least
        if factor >= 2:
            image.draft(image.mode, (int(image.width / factor), int(image.height / factor)))
            return load_image(image)
    except (ImageError, OSError, SyntaxError, ValueError, TypeError, struct.error, Image.DecompressionBombError):
        pass  # load_image says what is wrong, of the file itself
    return load_image(data)


def _read_array(data: bytes) -> np.ndarray:
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError, MemoryError, SyntaxError) as error:
        raise ImageError(f"The array cannot be read ({error}); save it anew with numpy.save.") from error
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or not array.size or array.shape[0] * array.shape[1] > LARGEST_PIXELS:
        raise ImageError(f"The array has the shape {list(array.shape)}; save [H, W, C], or [H, W] for one channel.")
    return array


def _unit(array: np.ndarray) -> np.ndarray:
    """Float32 in 0..1."""
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype in (np.uint8, np.uint16):
        return array.astype(np.float32) / np.iinfo(array.dtype).max
    if not np.issubdtype(array.dtype, np.floating):
        raise ImageError(f"The array holds {array.dtype}; uint8, uint16 and floats in 0..1 are read.")
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 1):  # said this way, NaN is refused too
        raise ImageError(f"The array's values go from {low:g} to {high:g}; scale floats to 0..1, without NaN.")
    return array.astype(np.float32)


def _read_bands(data: bytes, channels: int) -> np.ndarray:
    """Every page's bands, one page after the other, as one picture."""
    Image.init()  # or no reader is known but those that another picture has called up
    try:
        pages = _pages(data, channels)
    except (OSError, ValueError, SyntaxError, EOFError, TypeError, struct.error, Image.DecompressionBombError) as error:
        raise ImageError(
            f"The picture cannot be read for its {counted(channels, 'channel')} ({error}); save it as an .npy array [H, W, C]."
        ) from error
    if len({page.shape[:2] for page in pages}) != 1:
        raise ImageError("The pages of the picture differ in size; save it as an .npy array [H, W, C].")
    bands = np.concatenate([_unit(page[:, :, None] if page.ndim == 2 else page) for page in pages], axis=2)
    if bands.shape[2] != channels:
        raise ImageError(
            f"The picture has {counted(bands.shape[2], 'channel')} on {counted(len(pages), 'page')}, the run takes {channels}; "
            "save it as an .npy array [H, W, C]."
        )
    return bands


def _pages(data: bytes, most: int) -> list[np.ndarray]:
    """The bands of each page, [H, W] or [H, W, C]; of one page more than there can be, where there are so many."""
    file = io.BytesIO(data)
    of_sixteen = list(itertools.islice(sixteen_bit_pages(file), most + 1))
    # of several samples of 16 bits, Pillow gives 8 bits or nothing
    own = [page is not None and 1 < page.count <= most for page in of_sixteen]
    if all(own) and own:
        return [_checked(page).samples() for page in of_sixteen if page is not None]
    both = _png_of_sixteen(data)
    if both is not None:
        return [both]
    file.seek(0)
    with opened(file) as image:
        pages = itertools.islice(ImageSequence.Iterator(image), most + 1)
        return [
            _checked(whole).samples() if mine and whole is not None else np.array(_checked(page))
            for page, whole, mine in itertools.zip_longest(pages, of_sixteen, own)
            if page is not None
        ]


def _png_of_sixteen(data: bytes) -> np.ndarray | None:
    """[H, W, 4] uint16 of a PNG with opacity whose samples have 16 bits; None for any other file.

    Pillow gives the upper byte of each, and, told that the bytes lie the other way round, the lower one.
    """
    halves = []
    for order in ("RGBA;16B", "RGBA;16L"):
        with opened(io.BytesIO(data)) as image:
            if image.format != "PNG" or not image.tile or image.tile[0].args != "RGBA;16B":
                return None
            _checked(image)
            image.tile = [image.tile[0]._replace(args=order)]
            halves.append(np.array(image).astype(np.uint16))
    return halves[0] << 8 | halves[1]


def _checked(page: Sized) -> Sized:
    width, height = page.size
    if width * height > LARGEST_PIXELS:
        raise ImageError(f"The picture is too large: {width}×{height} pixels; make it smaller.")
    return page
