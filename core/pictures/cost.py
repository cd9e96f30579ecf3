"""The memory that decoding takes, known before it begins, and the room in which all threads decode."""

import contextlib
import os
import threading
from collections import deque
from collections.abc import Iterator

from PIL import Image
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.JpegImagePlugin import JpegImageFile

from core.pictures.tiff import Page

MOST_AT_ONCE = 2**30
"""Bytes taken by all pictures that are being decoded, unless one alone takes more: two of the largest PNGs, and
twenty of a usual camera's."""
_STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
"""Bytes of a pixel in Pillow; 4 in the modes not named."""


def draft(image: Image.Image | Page, factor: int) -> int:
    """How many times smaller, at most `factor`, the decoder was now told to give a picture along each side.

    JPEG and JPEG 2000 can leave out the finest detail instead of computing it.
    """
    powers = [power for power in (2, 4, 8) if power <= factor]
    if isinstance(image, Page) or not powers:
        return 1
    if isinstance(image, Jpeg2KImageFile):
        powers = [power for power in powers[: _levels(image)] if all(_even(side, power) for side in image.size)]
        image.reduce = len(bin(powers[-1])) - 3 if powers else 0
        return powers[-1] if powers else 1
    longest = max(image.size)
    image.draft(None, (max(image.width // powers[-1], 1), max(image.height // powers[-1], 1)))
    return round(longest / max(image.size))


def decoding_bytes(image: Image.Image | Page, size: tuple[int, int], drafted: int = 1) -> int:
    """Bytes taken at most while a picture of `size` pixels is decoded, `drafted` times smaller along each side."""
    pixels = size[0] * size[1]
    if isinstance(image, Page):
        return pixels * (6 * image.count + 4)
    taken = pixels * _STORED.get(image.mode, 4) // drafted**2
    if isinstance(image, JpegImageFile) and image.info.get("progressive"):
        return taken + 2 * pixels * len(image.getbands())  # coefficients of the whole picture
    if image.format == "WEBP":
        return taken + 12 * pixels  # two canvases of the animation that each one may be, and what Pillow is handed
    if image.format == "AVIF":
        return taken + 8 * pixels
    if image.format == "JPEG2000":
        return taken + 8 * pixels * len(image.getbands()) // drafted**2
    if image.format == "TIFF":
        return taken + _strip_bytes(image)
    return taken


class Room:
    """Bytes that may be taken by all who decode at one time; who finds no room waits, in the order of coming.

    What is larger than the whole room is let in alone.
    """

    def __init__(self, most: int):
        self.most = most
        self._clear()

    @contextlib.contextmanager
    def taken(self, wanted: int) -> Iterator[None]:
        """The room with so many bytes taken while the block lasts."""
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                self._changed.wait_for(lambda: self._waiting[0] is ticket and self._fits(wanted))
                self._used += wanted
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._used -= wanted
                self._changed.notify_all()

    def _fits(self, wanted: int) -> bool:
        return not self._used or self._used + wanted <= self.most

    def _clear(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()
        self._used = 0


ROOM = Room(MOST_AT_ONCE)
if hasattr(os, "register_at_fork"):
    # the threads that hold room stay behind in the parent
    os.register_at_fork(after_in_child=ROOM._clear)


def _levels(image: Jpeg2KImageFile) -> int:
    """How many times a JPEG 2000 can be halved: as its first marker COD says (ISO/IEC 15444-1, A.6.1)."""
    assert image.fp is not None
    place = image.fp.tell()
    image.fp.seek(0)
    head = image.fp.read(2**16)
    image.fp.seek(place)
    marker = head.find(b"\xff\x52", max(head.find(b"\xff\x4f\xff\x51"), 0))
    return head[marker + 9] if 0 <= marker < len(head) - 9 else 0


def _even(side: int, power: int) -> bool:
    """Whether a side divided is as long by Pillow's reckoning, which rounds, as by the decoder's, which rounds up."""
    return not side % power or side % power >= power / 2


def _strip_bytes(image: Image.Image) -> int:
    """Bytes of the largest strip or tile of a TIFF, which libtiff unpacks as a whole."""
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(258, (8,))
    pixel = -(-sum(bits if len(bits) > 1 else bits * tags.get(277, 1)) // 8)
    if 322 in tags:
        return tags[322] * tags.get(323, 1) * pixel
    return image.size[0] * min(tags.get(278, image.size[1]), image.size[1]) * pixel
