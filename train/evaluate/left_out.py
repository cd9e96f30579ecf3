"""What an evaluation could not read: pictures that are gone or damaged are left out, told once, and counted."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

from core import ImageError
from train.data.sources import DataError

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Found = TypeVar("Found")
SHOWN = 3
"""Reasons that are told."""


class Counts(NamedTuple):
    """Of an evaluation: the images trained on, those tested on, and those left out of either."""

    train_images: int
    test_images: int
    left_out: int


class LeftOut:
    """The images that could not be read, with the reasons."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def readable(self, items: Iterable[Item], read: Callable[[Item], Found]) -> Iterator[tuple[Item, Found]]:
        """The items with what `read` finds of them, without those of which it raises ImageError."""
        for item in items:
            try:
                found = read(item)
            except ImageError as error:
                self.reasons.append(str(error))
                continue
            yield item, found

    def tell(self, left: int, what: str = "pictures") -> int:
        """How many are left out, logged with some reasons. DataError where none of `what` is left."""
        shown = "; ".join(self.reasons[:SHOWN])
        if self.reasons and not left:
            raise DataError(f"None of the {len(self.reasons)} {what} could be read; are these pictures?\n  {shown}")
        if self.reasons:
            log.warning("%d %s cannot be read and are left out: %s", len(self.reasons), what, shown)
        return len(self.reasons)
