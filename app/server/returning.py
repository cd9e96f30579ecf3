"""Trays of pages that were closed or loaded anew, given back to whoever shows the secret that came with them.

A visitor is another one after a reload. The browser keeps the secret for its tab alone and shows it when the page opens
again. A tab that was duplicated shows the same one, so a tray is copied, never taken away.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from app.server.session import Tray
from app.server.uploads import RETURN_S, Library

MOST_LEFT, MOST_OPEN = 1000, 10_000
"""Trays of closed pages and of all, small values each; beyond it the oldest are forgotten. Files: `uploads.LEFT_MB`."""


@dataclass
class Kept:
    """One visitor's tray, the hash of its secret, and when it is forgotten; never while the page is open."""

    tray: Tray
    proof: bytes
    until: float | None = None


class Returning:
    """Every open page's tray as it is, and for `RETURN_S` seconds that of every closed one."""

    def __init__(self, library: Library, clock: Callable[[], float] = time.monotonic):
        self.library = library
        self.clock = clock
        self._kept: dict[str, Kept] = {}
        self._lock = threading.Lock()

    def open(self, tray: Tray) -> str:
        """The secret by which the visitor of this tray gets it back: 32 random bytes as text."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            self._kept.pop(tray.visitor, None)
            self._kept[tray.visitor] = Kept(tray, _proof(secret))
            if len(self._kept) > MOST_OPEN:  # not every page says farewell
                del self._kept[next(iter(self._kept))]
        return secret

    def update(self, tray: Tray) -> None:
        """Remember a tray as it is now."""
        with self._lock:
            if tray.visitor in self._kept:
                kept = self._kept[tray.visitor]
                kept.tray, kept.until = tray, None

    def leave(self, visitor: str, grace: float = RETURN_S) -> None:
        """The page was closed: its tray is forgotten after `grace` seconds."""
        with self._lock:
            if visitor in self._kept:
                self._kept[visitor].until = self.clock() + grace
            self._sweep()

    def claim(self, secret: str, visitor: str) -> Tray | None:
        """A copy of the tray of that secret, for another visitor, without pictures that are gone; None for any other."""
        proof = _proof(secret)
        with self._lock:
            self._sweep()
            found = [kept.tray for kept in self._kept.values() if hmac.compare_digest(kept.proof, proof)]
        if not found:
            return None
        (tray,) = found
        here = self.library.share(tray.visitor, visitor)
        pictures = tuple(picture for picture in tray.pictures if picture.sample or picture.digest in here)
        ids = {picture.id for picture in pictures}
        selected = tuple(identity for identity in tray.selected if identity in ids)
        return replace(tray, visitor=visitor, pictures=pictures, selected=selected)

    def _sweep(self) -> None:
        now = self.clock()
        left = sorted((kept.until, name) for name, kept in self._kept.items() if kept.until is not None)
        for place, (until, name) in enumerate(left):
            if until <= now or len(left) - place > MOST_LEFT:
                del self._kept[name]


def _proof(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
