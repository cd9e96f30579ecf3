"""The collections that ship with the app: what each is called, its pictures, whom to thank for them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.collection.incoming import Incoming
from core.pictures.gallery import PHOTOGRAPHS_CREDIT, photographs, rendered

PHOTOGRAPHS, GALLERY = KEYS = ("photographs", "gallery")
"""Keys of the collections that ship. The one in which the shipped model finds more comes first, and opens: a test holds
that this is so by `assets/search.json`."""
SEEN = "The shipped model saw them in training, without their labels."


@dataclass(frozen=True)
class BuiltIn:
    """A collection that ships. Names of its pictures begin with the folder that is their label."""

    key: str
    title: str
    pictures: Sequence[Incoming]
    credit: str = ""

    @property
    def identity(self) -> str:
        """Changes with the pictures: a digest of their names and file sizes."""
        sizes = (one.source.stat().st_size if isinstance(one.source, Path) else 0 for one in self.pictures)
        told = "\n".join(f"{one.name} {size}" for one, size in zip(self.pictures, sizes, strict=True))
        return hashlib.sha256(told.encode()).hexdigest()[:8]

    def file(self, name: str) -> Path | None:
        """The file of a picture by its name; None where there is none."""
        return next((one.source for one in self.pictures if one.name == name and isinstance(one.source, Path)), None)


def built_in() -> list[BuiltIn]:
    """The collections whose pictures are here."""
    real = [Incoming(f"{one.label}/{one.path.name}", one.path, (one.kind,)) for one in photographs()]
    drawn = [Incoming(f"{one.category}/{one.path.name}", one.path, (one.domain, one.category)) for one in rendered()]
    found = (
        BuiltIn(PHOTOGRAPHS, "Photographs, built in", real, f"{PHOTOGRAPHS_CREDIT} {SEEN}"),
        BuiltIn(GALLERY, "Small world, built in", drawn),
    )
    return [one for one in found if one.pictures]
