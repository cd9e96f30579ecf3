"""The files visitors bring: checked one by one, kept while their page is open and a while after, and for them only.

Files are kept as they came (a 12-megapixel photograph is 4 MB as a file and 36 MB as pixels) and decoded again when
something needs their pixels; the few decoded last are kept.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.server.memory import Memory
from app.server.session import Tray
from core import DinoError, RequestError
from core.pictures.image import ENOUGH, LARGEST_PIXELS, Reduced, load_reduced, named_file

VISITOR_MB = 200
"""Bytes that one visitor may keep; 24 files of a usual camera fit."""
RETURN_S = 600.0
"""Between closing a page and opening it again, within which its pictures are still there."""
LEFT_MB = 1024
"""Bytes of all visitors whose page is closed, together; beyond it those who left first are forgotten."""
DECODED_MB = 256
SPELT_OUT = 3
"""Files that a message names; the others are counted."""
GALLERY = ""
"""The owner under which the sample pictures are kept: every visitor may read them."""


@dataclass
class VisitorFiles:
    files: dict[str, bytes] = field(default_factory=dict)
    until: float | None = None
    """When they are forgotten, by the library's clock; None while their page is open."""

    @property
    def bytes(self) -> int:
        return sum(map(len, self.files.values()))


class Library:
    """Picture files by owner and SHA-256. Nobody reads what another has brought, or opens more than `largest` pixels."""

    def __init__(
        self,
        visitor_mb: float = VISITOR_MB,
        *,
        largest: int = LARGEST_PIXELS,
        left_mb: float = LEFT_MB,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.limit = int(visitor_mb * 2**20)
        self.left_limit = int(left_mb * 2**20)
        self.largest = largest
        self.clock = clock
        self._decoded = Memory(DECODED_MB)
        self._shelves: dict[str, VisitorFiles] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def add(self, visitor: str, data: bytes, name: str) -> str:
        """Keep a file, return its SHA-256. RequestError where the visitor's room is used up."""
        digest = hashlib.sha256(data).hexdigest()
        with self._lock:
            shelf = self._shelves.get(visitor, VisitorFiles())
            if digest not in shelf.files and visitor != GALLERY and shelf.bytes + len(data) > self.limit:
                raise RequestError(
                    f"{name!r} ({len(data) / 2**20:.0f} MB) does not fit: your pictures may take "
                    f"{self.limit >> 20} MB together. Remove some first."
                )
            shelf.files[digest] = data
            shelf.until = None
            self._shelves[visitor] = shelf
        return digest

    def read(self, visitor: str, digest: str) -> bytes:
        """A file this visitor may see; RequestError for any other, as if it did not exist."""
        with self._lock:
            for owner in (visitor, GALLERY):
                shelf = self._shelves.get(owner)
                if shelf is not None and digest in shelf.files:
                    shelf.until = None
                    return shelf.files[digest]
        raise RequestError(
            "This picture is no longer here: pictures are forgotten once a page is closed. Add it again."
        )

    def share(self, owner: str, visitor: str) -> set[str]:
        """Give a visitor whatever another has, who keeps it; the hashes of all that the visitor has then.

        The bytes are the same, so that this takes no memory.
        """
        with self._lock:
            given = self._shelves[owner].files if owner != GALLERY and owner in self._shelves else {}
            if given:
                shelf = self._shelves.setdefault(visitor, VisitorFiles())
                shelf.files |= given
                shelf.until = None
            return set(self._shelves[visitor].files) if visitor in self._shelves else set()

    def decode(self, data: bytes, name: str, least: int = ENOUGH) -> Reduced:
        """A file's pixels, RGB, no finer than `least` along the longer side asks for; ImageError where it is no picture."""
        return load_reduced(named_file(data, name), least, largest=self.largest)

    def check(self, data: bytes, name: str) -> str:
        """The SHA-256 of a picture's file, of which the pixels are kept for a while; ImageError where it is no picture."""
        digest = hashlib.sha256(data).hexdigest()
        self._decoded.recall(digest, lambda: self.decode(data, name))
        return digest

    def picture(self, visitor: str, digest: str) -> Reduced:
        """A picture's pixels; RequestError unless it is this visitor's or the gallery's."""
        data = self.read(visitor, digest)
        return self._decoded.recall(digest, lambda: self.decode(data, "The picture"))

    def drop(self, visitor: str, digest: str) -> None:
        with self._lock:
            if visitor != GALLERY and visitor in self._shelves:
                self._shelves[visitor].files.pop(digest, None)

    def leave(self, visitor: str, grace: float = RETURN_S) -> None:
        """Forget a visitor after `grace` seconds, unless they come back: a break of the network is no farewell."""
        with self._lock:
            if visitor == GALLERY or visitor not in self._shelves:
                return
            self._shelves[visitor].until = self.clock() + grace
        self.sweep()

    def sweep(self) -> None:
        """Forget visitors whose time is over, and beyond the limit those who left first. It comes back by itself."""
        with self._lock:
            left = sorted((shelf.until, name) for name, shelf in self._shelves.items() if shelf.until is not None)
            now = self.clock()
            while left and (left[0][0] <= now or self._bytes_of([name for _, name in left]) > self.left_limit):
                del self._shelves[left.pop(0)[1]]
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if left:
                self._timer = threading.Timer(left[0][0] - now, self.sweep)
                self._timer.daemon = True
                self._timer.start()

    def _bytes_of(self, visitors: Sequence[str]) -> int:
        """Bytes of these visitors' files; those that several share count once."""
        distinct = {id(data): len(data) for name in visitors for data in self._shelves[name].files.values()}
        return sum(distinct.values())

    def visitors(self) -> list[str]:
        with self._lock:
            return [visitor for visitor in self._shelves if visitor != GALLERY]


def add_files(library: Library, tray: Tray, paths: Iterable[str | Path]) -> tuple[Tray, list[str]]:
    """The tray with every readable file added, and a sentence for each of the others.

    The temporary copies at `paths` are deleted: what is kept is in the library.
    """
    problems = []
    for path in map(Path, paths):
        tray, problem = _add_file(library, tray, path)
        problems += [problem] if problem else []
    return tray, problems


def _add_file(library: Library, tray: Tray, path: Path) -> tuple[Tray, str | None]:
    try:
        return add_bytes(library, tray, path.read_bytes(), path.name), None
    except DinoError as error:
        return tray, message_for(path.name, error)
    finally:
        path.unlink(missing_ok=True)


def add_bytes(library: Library, tray: Tray, data: bytes, name: str) -> Tray:
    """The tray with one file added and selected; ImageError where it is not a picture."""
    grown = tray.add(name, library.check(data, name))
    library.add(tray.visitor, data, name)
    return grown


def in_one(problems: Sequence[str], files: int) -> str:
    """What is said of all files that could not be added, of so many: the first few by name, the others by number.

    >>> in_one(["a.txt: no picture.", "b.txt: no picture."], 3)
    '2 of 3 files were not added. a.txt: no picture. b.txt: no picture.'
    """
    if len(problems) == 1:
        return problems[0]
    more = f" And {len(problems) - SPELT_OUT:,} more." if len(problems) > SPELT_OUT else ""
    return f"{len(problems):,} of {files:,} files were not added. {' '.join(problems[:SPELT_OUT])}{more}"


def message_for(name: str, error: DinoError) -> str:
    """The name of a file and what is wrong with it."""
    text = str(error)
    return text if name in text else f"{name}: {text}"
