"""One visitor's page as small values and keys, never pixels or features.

Each of these lives in a `gr.State` of its own, so that two events in flight at once (an upload while a model
loads) do not write over each other's half.
"""

from dataclasses import dataclass, replace
from typing import Literal

from core.errors import RequestError

LARGEST_SELECTION = 8
"""Pictures analysed together: eight at 518 px are 11,000 tokens, a few seconds on two cores."""
LARGEST_TRAY = 24


@dataclass(frozen=True)
class Picture:
    """One entry of the tray. `digest` is the SHA-256 of its file, under which everything else is kept."""

    id: str
    name: str
    digest: str
    sample: bool = False
    """Whether it is one of the gallery's, which every visitor shares."""


@dataclass(frozen=True)
class Tray:
    """A visitor's pictures in order, and which of them are looked at."""

    visitor: str = ""
    pictures: tuple[Picture, ...] = ()
    selected: tuple[str, ...] = ()
    counter: int = 0
    """Ids are never used twice, so that the browser cannot mix up two pictures."""
    untouched: bool = False
    """Whether the visitor has chosen nothing yet: it is the tray that the page opened with."""

    @property
    def chosen(self) -> tuple[Picture, ...]:
        return tuple(picture for picture in self.pictures if picture.id in self.selected)

    def find(self, identity: str) -> Picture:
        """The picture of that id; RequestError where this tray has none, whoever else might."""
        for picture in self.pictures:
            if picture.id == identity:
                return picture
        raise RequestError(f"There is no picture {str(identity)[:40]!r} in your tray; it may have been removed.")

    def add(self, name: str, digest: str, *, sample: bool = False, select: bool = True) -> "Tray":
        """The tray with one picture more, selected where there is room. The same file is not added twice."""
        known = next((picture for picture in self.pictures if picture.digest == digest), None)
        if known is not None:
            return self.select(known.id, True) if select and len(self.selected) < LARGEST_SELECTION else self
        if len(self.pictures) >= LARGEST_TRAY:
            raise RequestError(f"The tray holds {LARGEST_TRAY} pictures; remove one before adding {name!r}.")
        picture = Picture(f"p{self.counter}", name, digest, sample)
        chosen = (picture.id,) if select and len(self.selected) < LARGEST_SELECTION else ()
        return replace(
            self,
            pictures=(*self.pictures, picture),
            selected=(*self.selected, *chosen),
            counter=self.counter + 1,
            untouched=False,
        )

    def remove(self, identity: str) -> "Tray":
        gone = self.find(identity)
        return replace(
            self,
            pictures=tuple(picture for picture in self.pictures if picture is not gone),
            selected=tuple(other for other in self.selected if other != identity),
            untouched=False,
        )

    def select(self, identity: str, selected: bool) -> "Tray":
        """With one picture looked at or not; RequestError beyond the eighth."""
        self.find(identity)
        others = tuple(other for other in self.selected if other != identity)
        if not selected:
            return replace(self, selected=others, untouched=False)
        if len(others) >= LARGEST_SELECTION:
            raise RequestError(f"{LARGEST_SELECTION} pictures are compared at most; unselect one first.")
        return replace(self, selected=(*others, identity), untouched=False)


@dataclass(frozen=True)
class Pin:
    """The patch a visitor has pinned: the middle of it, in pixels of one picture."""

    picture: str
    x: float
    y: float


Captured = Literal["", "attention", "words"]
"""What of a picture is computed beside its features: nothing, attention, or its patches in the space of words."""


@dataclass(frozen=True, kw_only=True)
class FeatureSettings:
    """Which features of a picture: the resolution and the block that they are taken after."""

    size: int = 518
    """Longer side in pixels."""
    block: int = 0
    """Counted from 1 as the page does; 0 is the last."""

    @property
    def takes(self) -> Captured:
        """What is wanted beside them, which takes a forward pass of its own."""
        return ""

    def layer(self, depth: int) -> int:
        """The block counted from the end, as `core.extract` takes it; the last where this model has fewer."""
        return self.block - 1 - depth if 0 < self.block <= depth else -1


@dataclass(frozen=True)
class Sent:
    """Keys of what a visitor's browser already holds, so that it is not sent again."""

    pictures: tuple = ()
    features: tuple = ()
    view: tuple = ()


NOTHING_SENT = Sent()
