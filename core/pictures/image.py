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
from pathlib import Path
from typing import BinaryIO, Literal

from PIL import Image, UnidentifiedImageError

from core.errors import ImageError, RequestError
from core.pictures.colour import to_rgb

LARGEST_PIXELS = 128_000_000
"""Twice what a good camera makes; 384 MB as RGB. Larger headers are refused before anything is decoded."""
LARGEST_SIDE = 1_000_000
"""Longest side in pixels, so that a line of single pixels stays cheap to bring to a square patch."""
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM", "JPEG2000")
"""Pillow's names of the formats that are read, from most to least frequent."""
READABLE = "JPEG, PNG, WebP, AVIF, TIFF, BMP, GIF, PPM or JPEG 2000"

_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
)
_OTHERS = (
    (b"%PDF", "a PDF document; export the page as PNG"),
    (b"%!PS", "a PostScript drawing; export it as PNG"),
    (b"8BPS", "a Photoshop document; export it as PNG"),
    (b"PK\x03\x04", "a ZIP archive; unpack it first"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"\x1aE\xdf\xa3", "a video; save one frame of it as PNG"),
)


def load_image(
    source: str | os.PathLike | bytes | BinaryIO | Image.Image, *, alpha: Literal["white", "black"] = "white"
) -> Image.Image:
    """The picture as it is meant to be seen: RGB, 8 bits, upright, in sRGB, transparent parts over `alpha`.

    `source` is a path, a file's bytes, an open binary file (read from where it stands to its end) or a PIL
    picture. Of an animation, the first frame. 16 bits are scaled to 8, not clipped; an embedded colour profile
    other than sRGB is applied (Adobe RGB, a telephone's Display P3, a printer's CMYK), since the same scene should
    give the same features whichever way it was saved; a profile that does not fit its picture is left out.

    Raises ImageError where the source is missing, empty, damaged, not a picture, or larger than LARGEST_PIXELS or
    LARGEST_SIDE, and RequestError for another `alpha`.
    """
    if alpha not in ("white", "black"):
        raise RequestError(f"alpha is {alpha!r}; choose 'white' or 'black', what to put behind transparent parts.")
    if isinstance(source, Image.Image):
        name = _named(getattr(source, "filename", None) or None, "The PIL picture")
        _check_size(source, name)
        return _decode(source, name, alpha)
    with _open(source) as (file, name):
        head = file.read(512)
        file.seek(0)
        if not head:
            raise ImageError(f"{name} is empty (0 bytes); copy or download it again.")
        return _decode(_identify(file, head, name), name, alpha)


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


def _identify(file: BinaryIO, head: bytes, name: str) -> Image.Image:
    """The file with its header read and its dimensions checked, nothing decoded yet."""
    Image.init()
    try:
        image = Image.open(file, formats=[format for format in FORMATS if format in Image.OPEN])
    except UnidentifiedImageError as error:
        raise ImageError(f"{name} {_what_it_is(head)}.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"{name} is too large: {error}. {_size_advice()}") from error
    except Exception as error:  # Pillow's readers let out whatever a damaged header leads them to
        raise ImageError(f"{name} is damaged: {_reason(error)}. Copy or save it again.") from error
    _check_size(image, name)
    return image


def _check_size(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise ImageError(f"{name} has no pixels ({width}×{height}); save it again.")
    if width * height > LARGEST_PIXELS or max(width, height) > LARGEST_SIDE:
        raise ImageError(f"{name} is too large: {width}×{height} pixels. {_size_advice()}")


def _size_advice() -> str:
    megapixels = LARGEST_PIXELS // 1_000_000
    return f"Up to {megapixels} megapixels and {LARGEST_SIDE} pixels a side are read; make it smaller first."


def _decode(image: Image.Image, name: str, alpha: str) -> Image.Image:
    try:
        image.load()
        return to_rgb(image, (255, 255, 255) if alpha == "white" else (0, 0, 0))
    except ImageError as error:
        raise ImageError(f"{name} {error}") from error
    except MemoryError as error:
        raise ImageError(f"{name} needs more memory than there is ({image.width}×{image.height} pixels).") from error
    except Exception as error:  # Pillow's decoders let out whatever damaged data lead them to
        raise ImageError(f"{name} is damaged or cut short: {_reason(error)}. Copy or download it again.") from error


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).rstrip(".")


def _what_it_is(head: bytes) -> str:
    """The likely kind of a file that no reader accepts, and what to do: the end of a sentence."""
    kind = next((kind for signature, kind in _SIGNATURES if head.startswith(signature)), None)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        kind = "WebP"
    if kind:
        return f"begins like a {kind} picture but is damaged, or of a rare kind; copy it again, or save it as PNG"
    other = next((other for signature, other in _OTHERS if head.startswith(signature)), None)
    if head[4:8] == b"ftyp":
        other = _iso_media(head[8:12])
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<svg", b"<?xml", b"<!--")) and b"<svg" in text:
        other = "an SVG drawing, which has no pixels; export it as PNG"
    elif text.startswith((b"<!doctype html", b"<html")):
        other = "a web page; download the picture itself"
    elif other is None and _is_text(head):
        other = f"text; its name may be wrong. Give a {READABLE} file"
    return f"is {other}" if other else f"is not a picture that can be read here; save it as {READABLE}"


def _iso_media(brand: bytes) -> str:
    if brand in (b"avif", b"avis"):
        return (
            "an AVIF picture that is damaged or that this Pillow cannot read; update Pillow to 11.3 or save it as PNG"
        )
    if brand in (b"heic", b"heix", b"heif", b"hevc", b"mif1", b"msf1"):
        return "an HEIC photograph, which is not read here; save it as JPEG"
    return "a video; save one frame of it as PNG"


def _is_text(head: bytes) -> bool:
    return not any(byte < 9 or 13 < byte < 32 for byte in head)
