"""The kinds of files: those that are read, and what a file is that is none of them."""

from typing import BinaryIO

from PIL import Image, ImageFile

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
    (b"MM\0+", "TIFF"),
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


def opened(file: BinaryIO) -> ImageFile.ImageFile:
    """The picture in a file, its header read and nothing decoded; whatever Pillow raises where it is none of FORMATS."""
    Image.init()  # or only what was used before is known
    return Image.open(file, formats=[name for name in FORMATS if name in Image.OPEN])


def what_it_is(head: bytes) -> str:
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
