"""TIFFs of 16 bits a sample, with all their bits, in every layout that files have.

Pillow brings many of these to 8 bits, some it reads wrong (planes one after the other, white as zero) and some not at
all (grey with opacity). A picture of one grey sample a pixel it reads right, whichever way that is packed. So each
plane, or all samples of a row beside one another, are described to it as such a picture, by a directory that is put
behind the file's own bytes and takes the place of the file's own.

H W pixels, C samples a pixel.
"""

import io
import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from core.pictures.colour import SIXTEEN_TO_EIGHT

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_SAMPLES, _ROWS_PER_STRIP, _PLANAR, _PREDICTOR, _EXTRA, _FORMAT = 277, 278, 284, 317, 338, 339
_ORIENTATION, _PROFILE = 274, 34675
_STRIPS, _TILES, _TILE_WIDTH, _TILE_HEIGHT = (273, 279), (324, 325), 322, 323
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, CMYK = 0, 1, 2, 5
_COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, CMYK: 4}
"""Samples of the colour itself; what comes beyond is opacity or anything else."""
_UNPACKED, _JPEGS = 1, (6, 7, 34892)
_PREMULTIPLIED, _OPACITY = 1, 2
_LONG = 4


@dataclass(frozen=True)
class Page:
    """A page of a TIFF whose samples are whole numbers of 16 bits, nothing decoded yet."""

    file: IO[bytes]
    tags: ImageFileDirectory_v2

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as stored."""
        return self.tags[_WIDTH], self.tags[_HEIGHT]

    @property
    def orientation(self) -> int:
        """The value of the tag Orientation, 1 where there is none."""
        return self.tags.get(_ORIENTATION, 1)

    @property
    def format(self) -> str:
        """As Pillow calls it."""
        return "TIFF"

    @property
    def count(self) -> int:
        """C."""
        return self.tags.get(_SAMPLES, 1)

    @property
    def pillow_is_right(self) -> bool:
        """Whether Pillow gives the picture, if only 8 of its bits."""
        split_up = self._planes > 1 and self.tags.get(_COMPRESSION, _UNPACKED) == _UNPACKED
        return self._photometric != WHITE_IS_ZERO and self.count != 2 and not split_up

    def samples(self, most: int | None = None) -> np.ndarray:
        """The samples as they are stored, [H, W, C] uint16; of separate planes, the first `most` alone."""
        width, height = self.size
        step = self.count // self._planes
        self.file.seek(0)
        data = self.file.read()
        planes = [self._plane(data, number) for number in range(self._planes)[:most]]
        arrays = [plane.reshape(height, width, step) for plane in planes]
        if self._differences and step > 1:
            tile = self.tags.get(_TILE_WIDTH, width)
            for array in arrays:
                for left in range(0, width, tile):
                    part = array[:, left : left + tile]
                    np.cumsum(part, axis=1, dtype=np.uint16, out=part)
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=2)

    def image(self) -> Image.Image:
        """The picture in 8 bits, L, LA, RGB, RGBA, CMYK or one of these premultiplied; not turned yet."""
        colours = _COLOURS[self._photometric]
        extra = self.tags.get(_EXTRA, ())[:1] if self.count > colours else ()
        mode = {1: "L", 3: "RGB", 4: "CMYK"}[colours]
        if colours < 4 and extra in ((_PREMULTIPLIED,), (_OPACITY,)):
            mode = {1: "LA", 3: "RGBA"}[colours] if extra == (_OPACITY,) else {1: "La", 3: "RGBa"}[colours]
        samples = self.samples(len(mode))
        if self._photometric == WHITE_IS_ZERO:
            samples[:, :, 0] = 65535 - samples[:, :, 0]
        kept = SIXTEEN_TO_EIGHT[samples[:, :, : len(mode)]]
        image = Image.frombytes(mode, self.size, kept.tobytes())
        if _PROFILE in self.tags:
            image.info["icc_profile"] = self.tags[_PROFILE]
        if _ORIENTATION in self.tags:
            image.getexif()[_ORIENTATION] = self.tags[_ORIENTATION]
        return image

    @property
    def _photometric(self) -> int:
        return self.tags.get(_PHOTOMETRIC, BLACK_IS_ZERO)

    @property
    def _planes(self) -> int:
        return self.count if self.tags.get(_PLANAR, 1) == 2 else 1

    @property
    def _differences(self) -> bool:
        """Whether each sample is stored as the difference from the pixel before."""
        return self.tags.get(_PREDICTOR, 1) == 2 and self.tags.get(_COMPRESSION, _UNPACKED) != _UNPACKED

    def _plane(self, data: bytes, number: int) -> np.ndarray:
        """[H, W · samples of the plane] uint16, differences undone where a plane is one sample a pixel."""
        width, height = self.size
        step = self.count // self._planes
        entries = {
            _WIDTH: [width * step],
            _HEIGHT: [height],
            _BITS: [16],
            _COMPRESSION: [self.tags.get(_COMPRESSION, _UNPACKED)],
            _PHOTOMETRIC: [BLACK_IS_ZERO],
            _FILL_ORDER: [self.tags.get(_FILL_ORDER, 1)],
            _SAMPLES: [1],
            _PREDICTOR: [2 if self._differences and step == 1 else 1],
        }
        tiled = _TILES[0] in self.tags
        if tiled:
            entries |= {_TILE_WIDTH: [self.tags[_TILE_WIDTH] * step], _TILE_HEIGHT: [self.tags[_TILE_HEIGHT]]}
        else:
            entries[_ROWS_PER_STRIP] = [min(self.tags.get(_ROWS_PER_STRIP, height), height)]
        for tag in _TILES if tiled else _STRIPS:
            values = self.tags[tag]
            each = len(values) // self._planes
            entries[tag] = list(values[number * each : (number + 1) * each])
        with Image.open(io.BytesIO(_described(data, entries)), formats=["TIFF"]) as image:
            return np.array(image).astype(np.uint16, copy=False)


def sixteen_bit_pages(file: IO[bytes]) -> Iterator[Page | None]:
    """Each page of an open TIFF, None for one whose samples are of another kind; nothing for a file that is no TIFF.

    Whatever is wrong with the file is left to Pillow to find.
    """
    try:
        for tags in _directories(file):
            yield Page(file, tags) if _is_sixteen_bit(tags) else None
    except Exception:  # whatever Pillow lets out on a damaged directory
        yield None


def sixteen_bit_page(file: IO[bytes], number: int = 0) -> Page | None:
    """One page of an open TIFF; None where there is none, or its samples are of another kind."""
    return next(itertools.islice(sixteen_bit_pages(file), number, None), None)


def page_of(image: Image.Image) -> Page | None:
    """The same for a picture that Pillow has opened and not decoded yet."""
    if not isinstance(image, TiffImageFile) or not image.tile or image.fp is None:
        return None
    return sixteen_bit_page(image.fp, image.tell())


def _directories(file: IO[bytes]) -> Iterator[ImageFileDirectory_v2]:
    file.seek(0)
    head = file.read(8)
    if head[:4] not in (b"II*\0", b"MM\0*", b"II+\0"):  # Pillow reads no BigTIFF of the other byte order
        return
    if head[2:3] == b"+":
        head += file.read(8)
    place, seen = ImageFileDirectory_v2(head).next, set[int]()
    while place and place not in seen:
        seen.add(place)
        tags = ImageFileDirectory_v2(head)
        file.seek(place)
        tags.load(file)
        place = tags.next
        yield tags


def _is_sixteen_bit(tags: ImageFileDirectory_v2) -> bool:
    count, photometric = tags.get(_SAMPLES, 1), tags.get(_PHOTOMETRIC, BLACK_IS_ZERO)
    whole_numbers = set(tags.get(_FORMAT, (1,))) <= {1, 4}
    return (
        set(tags.get(_BITS, (1,))) == {16}
        and whole_numbers
        and count >= _COLOURS.get(photometric, count + 1)
        and tags.get(_COMPRESSION, _UNPACKED) not in _JPEGS
        and tags.get(_PREDICTOR, 1) in (1, 2)
        and min(tags[_WIDTH], tags[_HEIGHT]) > 0
    )


def _described(data: bytes, entries: dict[int, list[int]]) -> bytes:
    """The file with a directory of these entries, which is read instead of its own; never a BigTIFF."""
    end = "<" if data[:2] == b"II" else ">"
    start = len(data) + len(data) % 2
    behind = start + 2 + 12 * len(entries) + 4
    rows, values = b"", b""
    for tag, numbers in sorted(entries.items()):
        packed = struct.pack(f"{end}{len(numbers)}L", *numbers)
        if len(packed) > 4:
            values, packed = values + packed, struct.pack(end + "L", behind + len(values))
        rows += struct.pack(end + "HHL", tag, _LONG, len(numbers)) + packed
    head = data[:2] + struct.pack(end + "HL", 42, start)
    directory = struct.pack(end + "H", len(entries)) + rows + b"\0" * 4
    return b"".join([head, data[len(head) :], b"\0" * (start - len(data)), directory, values])
