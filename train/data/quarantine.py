"""Quarantine of what a run could not read: listed once in the run folder, and too much of it ends the run."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from core.pictures.names import as_text
from core.records.runs import UNREADABLE
from train.data.sources import DataError

log = logging.getLogger(__name__)

REPLACEMENTS = 20
"""Unreadable images in a row after which the source itself is taken to be broken."""


class Unreadable(NamedTuple):
    """An image that was left out, and why."""

    name: str
    reason: str


class Quarantine:
    """The list of images that could not be read, `unreadable.txt` in the run folder: each once, also over resumes.

    A line is a name and the reason, with a tab between them; names as `as_text` writes them. All ranks share it.
    """

    def __init__(self, run: Path):
        self.path = run / UNREADABLE
        self.known = self._listed()

    @property
    def count(self) -> int:
        self.known = self._listed()
        return len(self.known)

    def add(self, unreadable: Sequence[Unreadable]) -> None:
        fresh = self._fresh(unreadable)
        if fresh:
            self.known = self._listed()  # another rank may have met them
            fresh = self._fresh(unreadable)
            self.known.update(fresh)
            with self.path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.writelines(f"{name}\t{reason}\n" for name, reason in fresh.items())
            log.warning("%d unreadable images so far, listed in %s", len(self.known), self.path)

    def _fresh(self, unreadable: Sequence[Unreadable]) -> dict[str, str]:
        """The images that are not listed yet: names and reasons as they are written."""
        named = {as_text(bad.name): " ".join(bad.reason.split()) for bad in unreadable}
        return {name: reason for name, reason in named.items() if name not in self.known}

    def _listed(self) -> set[str]:
        if not self.path.exists():
            return set()
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()  # a kill may cut the last
        return {line.split("\t")[0] for line in lines}


def too_many_unreadable(unreadable: Sequence[Unreadable]) -> DataError:
    """The error where REPLACEMENTS images in a row could not be read, or none of a source that has fewer."""
    listed = "\n  ".join(f"{as_text(bad.name)}: {bad.reason}" for bad in unreadable[:3])
    count = min(REPLACEMENTS, len(unreadable))
    return DataError(f"{count} images in a row could not be read; is this the right folder?\n  {listed}")
