"""A source of images: its protocol, and what joins several into one or takes a part of one."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from core import DinoError
from core.wording import counted


class DataError(DinoError):
    """A source holds no images, or cannot be read at all."""


class Encoded(NamedTuple):
    """One image as stored: its bytes, a name to report it by, and a label where the source has one."""

    data: bytes
    name: str
    label: str | None


class Source(Protocol):
    """A sequence of encoded images."""

    @property
    def blocks(self) -> Sequence[range]:
        """Runs of indices that are read cheaply together; single indices where order does not matter."""

    @property
    def files(self) -> Sequence[Path]:
        """All that the images are read from."""

    def __len__(self) -> int: ...

    def read(self, index: int) -> Encoded:
        """ImageError where this image cannot be read: its file is gone, forbidden, cut short, on a failing disk."""

    def name(self, index: int) -> str:
        """The name that an image is reported by, without reading it; of a file its path, which may be no plain text."""

    def label(self, index: int) -> str | None:
        """The label alone, without reading the image; plain text."""


class Joined:
    """Several sources one after the other."""

    def __init__(self, parts: Sequence[Source]):
        self.parts = parts
        self.files = [file for part in parts for file in part.files]
        self.starts = np.cumsum([0, *(len(part) for part in parts)])
        self.blocks = [
            range(block.start + int(start), block.stop + int(start))
            for start, part in zip(self.starts[:-1], parts, strict=True)
            for block in part.blocks
        ]

    def __len__(self) -> int:
        return int(self.starts[-1])

    def read(self, index: int) -> Encoded:
        part, within = self._place(index)
        return part.read(within)

    def name(self, index: int) -> str:
        part, within = self._place(index)
        return part.name(within)

    def label(self, index: int) -> str | None:
        part, within = self._place(index)
        return part.label(within)

    def _place(self, index: int) -> tuple[Source, int]:
        part = int(np.searchsorted(self.starts, index, side="right")) - 1
        return self.parts[part], index - int(self.starts[part])


def joined(parts: Sequence[Source]) -> Source:
    """One source of one or several."""
    return parts[0] if len(parts) == 1 else Joined(parts)


class Some:
    """So many images of a source, evenly spread over it."""

    def __init__(self, source: Source, count: int):
        self.source, self.places = source, np.linspace(0, len(source) - 1, count).round().astype(int)
        self.blocks, self.files = [range(i, i + 1) for i in range(count)], source.files

    def __len__(self) -> int:
        return len(self.places)

    def read(self, index: int) -> Encoded:
        return self.source.read(int(self.places[index]))

    def name(self, index: int) -> str:
        return self.source.name(int(self.places[index]))

    def label(self, index: int) -> str | None:
        return self.source.label(int(self.places[index]))


def some_of(source: Source, count: int) -> Source:
    """`count` images of a source, all where it is 0. DataError where there are fewer."""
    if count > len(source) or count < 0:
        raise DataError(
            f"{counted(count, 'image is', 'images are')} asked for of a source of {len(source)}; choose 0 (all) to that many."
        )
    return Some(source, count) if count else source
