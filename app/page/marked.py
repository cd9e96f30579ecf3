"""What can be done with marked pictures of a collection: tagged, removed, and all of it undone, the last change first."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.page.sentences import plain
from app.server.shelf import Shelf
from core import RequestError
from core.collection.collection import Record, Tagging
from core.wording import counted

REMEMBERED = 50
"""Changes that can be undone."""


@dataclass(frozen=True)
class Removal:
    """Pictures that were removed."""

    collection: str
    """Its key, since another may be looked at by the time it is undone."""
    records: tuple[Record, ...]

    def undo(self, shelf: Shelf) -> str:
        count = shelf.look(self.collection).restore(self.records)
        missing = len(self.records) - count
        lost = f" {counted(missing, 'other')} cannot: add the files again." if missing else ""
        return f"{counted(count, 'picture')} brought back.{lost}"


@dataclass(frozen=True)
class Tagged:
    """Tags that were put on pictures or taken off."""

    collection: str
    change: Tagging

    def undo(self, shelf: Shelf) -> str:
        back = shelf.look(self.collection).undo_tags(self.change)
        return f"Tags of {counted(len(back.ids), 'picture')} are as before."


Undo = tuple[Removal | Tagged, ...]
"""A visitor's changes, the last one at the end."""


def tag(shelf: Shelf, key: str, ids: Sequence[int], typed: str, off: bool, before: Undo) -> tuple[str, Undo]:
    """Put the typed tags on pictures of a collection, or take them off: what became of it, and how to undo it."""
    words = split_tags(typed)
    if not ids or not words:
        raise RequestError("Mark pictures first, and type at least one tag.")
    change = shelf.look(key).tag(ids, words, off=off)
    named = f"{'without' if off else 'with'} {plain(', '.join(words))}"
    if not change.pairs:
        return f"Nothing changed: {counted(len(ids), 'picture was', 'pictures were')} {named} already.", before
    told = f"{counted(len(change.ids), 'picture')}: {named}."
    unchanged = len(set(ids)) - len(change.ids)
    if unchanged:
        told += f" {counted(unchanged, 'other was', 'others were')} so already."
    return told, _remembered(before, Tagged(key, change))


def remove(shelf: Shelf, key: str, ids: Sequence[int], before: Undo) -> tuple[str, Undo]:
    """Remove pictures from a collection: what became of it, and how to undo it."""
    if not ids:
        raise RequestError("Nothing is marked: mark pictures first.")
    opened = shelf.look(key)
    records = tuple(opened.store.records.get(ids).values())
    count = opened.remove(ids)
    return f"{counted(count, 'picture')} removed from the collection.", _remembered(before, Removal(key, records))


def undo_last(shelf: Shelf, changes: Undo) -> tuple[str, Undo]:
    """Undo the last change: what became of it, and the changes before it."""
    if not changes:
        raise RequestError("Nothing was changed on this page, so that nothing can be undone.")
    return changes[-1].undo(shelf), changes[:-1]


def split_tags(typed: str) -> tuple[str, ...]:
    """Tags as typed, with commas between them."""
    tags = (re.sub(r"\s+", " ", word).strip()[:60] for word in (typed or "").split(","))
    return tuple(dict.fromkeys(tag for tag in tags if tag))


def _remembered(before: Undo, change: Removal | Tagged) -> Undo:
    return (*before, change)[-REMEMBERED:]
