"""Tags put on pictures or taken off, with the pairs that changed, so that it can be undone."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

_ON = "INSERT OR IGNORE INTO tags SELECT ?, id FROM images WHERE id = ?"
_OFF = "DELETE FROM tags WHERE tag = ? AND image = ?"


@dataclass(frozen=True)
class Tagging:
    """A change of tags. What was so before is not part of it: undoing it leaves earlier tags alone."""

    pairs: tuple[tuple[str, int], ...]
    """(tag, id of the picture) of what changed."""
    off: bool = False
    """Whether the tags were taken off."""

    @property
    def ids(self) -> frozenset[int]:
        """The pictures whose tags changed."""
        return frozenset(identity for _, identity in self.pairs)


def change_tags(connection: sqlite3.Connection, pairs: Iterable[tuple[str, int]], off: bool) -> Tagging:
    """Put tags on pictures or take them off; ids that are not there, and tags that are so already, change nothing."""
    change = _OFF if off else _ON
    return Tagging(tuple(pair for pair in pairs if connection.execute(change, pair).rowcount > 0), off)
