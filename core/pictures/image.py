"""Whatever somebody calls a picture → an RGB picture, or an ImageError that says what to do.

Files come from strangers: only the formats named here are tried (none of them runs another program, as Pillow's
EPS reader does), dimensions are checked before any pixel is decoded, and nothing but `ImageError` leaves for what
is wrong with a file. Every call works on its own objects, so that threads may call it side by side.
"""

import contextlib
import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from PIL import Image, ImageFile, UnidentifiedImageError

from core.errors import ImageError, RequestError
from core.pictures.colour import TURNED_AWAY, orientation, to_rgb
from core.pictures.cost import ROOM, decoding_bytes, draft
from core.pictures.kinds import opened, what_it_is
from core.pictures.tiff import Page, page_of, sixteen_bit_page

LARGEST_PIXELS = 128_000_000
"""Twice what a good camera makes; 384 MB as RGB. Larger headers are refused before anything is decoded."""
LARGEST_SIDE = 1_000_000
"""Longest side in pixels, so that a line of single pixels stays cheap to bring to a square patch."""
ENOUGH = 2048
"""Pixels of the longer side that whoever looks at a picture, or has a model look at it, makes use of."""
MOST_BYTES = 2**30
"""Bytes that a picture may take while it is decoded to be seen smaller."""
SLOW_BYTES = 4 * 2**20
"""Bytes of a file, at most, whose pixels are read by Pillow's own Python, some 4 MB a second: text where others keep
bytes, values that end at an odd number, and runs."""
MOST_SCANNED = 2_500_000_000
"""Pixels times scans of a progressive JPEG: twice the usual ten for the largest picture. Each scan goes over all pixels,
and takes a few bytes where it changes none."""
_SLOW = ("ppm", "ppm_plain", "bmp_rle")
"""Pillow's names of those decoders."""

Source = str | os.PathLike | bytes | BinaryIO | Image.Image
Alpha = Literal["white", "black"]


@dataclass(frozen=True, eq=False)
class Reduced:
    """A picture with no more pixels than are needed: RGB, upright.

    Place (x, y) of the original is place ((x + left) / factor, (y + top) / factor) of `image`.
    """

    image: Image.Image
    height: int
    """Of the original, upright, and so is `width`."""
    width: int
    factor: int = 1
    left: int = 0
    """Pixels that the first column lacks of `factor`; `top`: that the first row does."""
    top: int = 0

    def crop(self, box: tuple[float, float, float, float]) -> "Reduced":
        """The part within a box (left, top, right, bottom) of the original, at least a pixel of what is there."""
        left, top, right, bottom = (
            round((edge + shift) / self.factor) for edge, shift in zip(box, (self.left, self.top) * 2, strict=True)
        )
        part = self.image.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
        return whole(part)


def whole(image: Image.Image) -> Reduced:
    """A picture with all its pixels."""
    return Reduced(image, image.height, image.width)


def load_image(source: Source, *, alpha: Alpha = "white") -> Image.Image:
    """The picture as it is meant to be seen: RGB, 8 bits, upright, in sRGB, transparent parts over `alpha`.

    `source` is a path, a file's bytes, an open binary file (read from where it stands to its end) or a PIL
    picture. Of an animation, the first frame. 16 bits are scaled to 8, not clipped; an embedded colour profile
    other than sRGB is applied (Adobe RGB, a telephone's Display P3, a printer's CMYK), since the same scene should
    give the same features whichever way it was saved; a profile that does not fit its picture is left out.

    Raises ImageError where the source is missing, empty, damaged, not a picture, or larger than LARGEST_PIXELS or
    LARGEST_SIDE, and RequestError for another `alpha`.
    """
    return _load(source, alpha, None, LARGEST_PIXELS).image


def load_reduced(
    source: Source, least: int = ENOUGH, *, alpha: Alpha = "white", largest: int = LARGEST_PIXELS
) -> Reduced:
    """The same for whoever needs no more than `least` pixels of the longer side: a picture twice as long or longer comes
    out smaller by a whole number, each pixel the mean of those in its place.

    Raises ImageError as `load_image`, beyond `largest` pixels, and where decoding would take more than MOST_BYTES.
    """
    return _load(source, alpha, least, largest)


@dataclass(frozen=True)
class Header:
    """What a file says of its picture before it is decoded."""

    height: int
    """As stored, and so is `width`."""
    width: int
    orientation: int
    """The value of the EXIF tag Orientation, 1 where there is none."""


def read_header(source: str | os.PathLike) -> Header:
    """The header of a picture file. Raises ImageError as `load_image`."""
    with _open(source) as (file, name):
        found = _identify(file, name, LARGEST_PIXELS)
        if isinstance(found, Page):
            return Header(found.size[1], found.size[0], found.orientation)
        return Header(found.height, found.width, orientation(found))


def _load(source: Source, alpha: Alpha, least: int | None, largest: int) -> Reduced:
    if alpha not in ("white", "black"):
        raise RequestError(f"alpha is {alpha!r}; choose 'white' or 'black', what to put behind transparent parts.")
    if isinstance(source, Image.Image):
        name = _named(getattr(source, "filename", None) or None, "The PIL picture")
        page = page_of(source)
        given = source if page is None or page.pillow_is_right else page
        _check_size(given.size, name, largest)
        return _decode(given, name, alpha, least, 1, given.size)  # theirs, so its decoder is not told anything
    with _open(source) as (file, name):
        found = _identify(file, name, largest)
        size = found.size
        drafted = 1 if least is None else draft(found, max(size) // least)
        return _decode(found, name, alpha, least, drafted, size)


def named_file(data: bytes, name: str) -> io.BytesIO:
    """The bytes as an open file of that name, which errors then tell instead of a path on the server."""
    file = io.BytesIO(data)
    file.name = name
    return file


@contextlib.contextmanager
def _open(source: str | os.PathLike | bytes | BinaryIO) -> Iterator[tuple[BinaryIO, str]]:
    """A seekable binary file and the name to report it by."""
    if isinstance(source, str | os.PathLike):
        with _open_path(source) as file:
            yield file, _named(source)
    elif isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(source), "The given file"
    elif callable(getattr(source, "read", None)):
        name = _named(getattr(source, "name", None))
        yield io.BytesIO(_read_all(source, name)), name
    else:
        raise ImageError(
            f"A picture cannot be made of {type(source).__name__}; give a path, a file's bytes, an open binary file "
            "or a PIL picture (Image.fromarray makes one of an array)."
        )


def _named(given: object, otherwise: str = "The given file") -> str:
    """A path in quotes; long ones keep their end, which tells files apart."""
    if not isinstance(given, str | os.PathLike):
        return otherwise
    path = os.fsdecode(given)
    return repr(path if len(path) <= 300 else f"…{path[-299:]}")


def _open_path(source: str | os.PathLike) -> BinaryIO:
    path, name = Path(os.fsdecode(source)), _named(source)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise ImageError(f"{name} is a folder; give the picture files in it.")
        if not stat.S_ISREG(mode):
            raise ImageError(f"{name} is a device or a pipe, not a file; save it as a file first.")
        return path.open("rb")
    except FileNotFoundError as error:
        hint = "download it and give the file" if "://" in name else "check the spelling and the folder"
        raise ImageError(f"{name} does not exist; {hint}.") from error
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte in it
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{name} cannot be opened ({reason}); check the path and its permissions.") from error


def _read_all(file: BinaryIO, name: str) -> bytes:
    try:
        data = file.read()
    except (OSError, ValueError) as error:  # ValueError: closed, or text in another encoding
        raise ImageError(f"{name} cannot be read ({error}); open it with open(path, 'rb').") from error
    if not isinstance(data, bytes | bytearray):
        raise ImageError(f"{name} gives {type(data).__name__}, not bytes; open it with open(path, 'rb').")
    return bytes(data)


def _identify(file: BinaryIO, name: str, largest: int) -> ImageFile.ImageFile | Page:
    """The file with its header read and its dimensions checked, nothing decoded yet."""
    head = file.read(512)
    if not head:
        raise ImageError(f"{name} is empty (0 bytes); copy or download it again.")
    page = sixteen_bit_page(file)
    if page is not None and not page.pillow_is_right:
        _check_size(page.size, name, largest)
        return page
    file.seek(0)
    try:
        image = opened(file)
    except UnidentifiedImageError as error:
        raise ImageError(f"{name} {what_it_is(head)}.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"{name} is too large: {error}. {_size_advice(largest)}") from error
    except Exception as error:  # Pillow's readers let out whatever a damaged header leads them to
        raise ImageError(f"{name} is damaged: {_reason(error)}. Copy or save it again.") from error
    _check_size(image.size, name, largest)
    _check_work(image, file, name)
    return image


def _check_work(image: ImageFile.ImageFile, file: BinaryIO, name: str) -> None:
    """ImageError where a small file would be long decoded."""
    if image.info.get("progressive"):
        file.seek(0)
        scans = file.read().count(b"\xff\xda")
        if scans * image.width * image.height > MOST_SCANNED:
            raise ImageError(
                f"{name} is a JPEG of {scans} scans over {image.width}×{image.height} pixels; save it anew."
            )
    if image.tile and image.tile[0][0] in _SLOW and file.seek(0, os.SEEK_END) > SLOW_BYTES:
        raise ImageError(
            f"{name} is of a form that takes long to read, text instead of bytes for instance, and larger than "
            f"{SLOW_BYTES >> 20} MB; save it as PNG."
        )


def _check_size(size: tuple[int, int], name: str, largest: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise ImageError(f"{name} has no pixels ({width}×{height}); save it again.")
    if width * height > largest or max(width, height) > LARGEST_SIDE:
        raise ImageError(f"{name} is too large: {width}×{height} pixels. {_size_advice(largest)}")


def _size_advice(largest: int) -> str:
    megapixels = largest / 1_000_000
    return f"Up to {megapixels:g} megapixels and {LARGEST_SIDE} pixels a side are read; make it smaller first."


def _decode(
    found: Image.Image | Page, name: str, alpha: Alpha, least: int | None, drafted: int, size: tuple[int, int]
) -> Reduced:
    """The picture of `size` pixels, of which the decoder gives each `drafted`th along both sides."""
    width, height = size
    needed = decoding_bytes(found, size, drafted)
    if least is not None and needed > MOST_BYTES:
        raise ImageError(
            f"{name} would take {needed >> 20} MB to be read ({width}×{height} pixels, {found.format}), more than "
            f"{MOST_BYTES >> 20}; make it smaller first, or save it as PNG."
        )
    try:
        with ROOM.taken(needed):
            image = found.image() if isinstance(found, Page) else found
            image.load()
            if drafted == 1:
                width, height = image.size  # a turned TIFF is upright by now
            rest = 1 if least is None else max(max(image.size) // least, 1)
            small = to_rgb(image, (255, 255, 255) if alpha == "white" else (0, 0, 0), rest)
    except ImageError as error:
        raise ImageError(f"{name} {error}") from error
    except Image.DecompressionBombError as error:  # of one plane or row of samples, as Pillow was shown them
        raise ImageError(f"{name} is too large: {width}×{height} pixels; make it smaller first.") from error
    except MemoryError as error:
        raise ImageError(f"{name} needs more memory than there is ({width}×{height} pixels).") from error
    except Exception as error:  # Pillow's decoders let out whatever damaged data lead them to
        raise ImageError(f"{name} is damaged or cut short: {_reason(error)}. Copy or download it again.") from error
    return _placed(small, width, height, drafted * rest, orientation(image))


def _placed(small: Image.Image, width: int, height: int, factor: int, turn: int) -> Reduced:
    """`small` with where it lies on the original of `width` × `height` pixels, not turned yet."""
    short_x, short_y = -width % factor, -height % factor
    if turn >= 5:
        width, height, short_x, short_y = height, width, short_y, short_x
    left, top = TURNED_AWAY.get(turn, (False, False))
    return Reduced(small, height, width, factor, short_x * left, short_y * top)


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).rstrip(".")
