"""Filters of a collection's pictures by tag, label, folder and day, and how many pictures each choice would leave.

Values of one kind are alternatives, except tags, which a picture can have several of: it must have them all.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

Kind = Literal["tags", "labels", "folders", "days"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_FOLDER = "rtrim(rtrim(name, replace(name, '/', '')), '/')"
_DAY = "date(added, 'unixepoch')"
_COLUMNS = {"labels": "label", "folders": _FOLDER, "days": _DAY}
MOST_VALUES = 200
"""Values of a kind that are counted for a list; the most frequent ones."""


@dataclass(frozen=True)
class Filter:
    """A choice of pictures; one that names nothing leaves all of them."""

    tags: tuple[str, ...] = ()
    """Pictures that have all of these."""
    labels: tuple[str, ...] = ()
    """Pictures with one of these labels."""
    folders: tuple[str, ...] = ()
    """Pictures that came from one of these folders, as their names say."""
    days: tuple[str, ...] = ()
    """Pictures that were added on one of these days, as YYYY-MM-DD in UTC."""
    among: tuple[int, ...] | None = None
    """Pictures of these ids; None for any."""

    @classmethod
    def chosen(cls, values: Mapping[str, Any]) -> "Filter":
        """The filter from what was chosen of each kind: a list, or nothing."""
        return cls(**{kind: tuple(values.get(kind) or ()) for kind in KINDS})

    def __bool__(self) -> bool:
        return self.among is not None or any(getattr(self, kind) for kind in KINDS)

    def condition(self) -> tuple[str, list[str]]:
        """What stands after WHERE in a query of `images`, and its values."""
        parts = ["id IN (SELECT image FROM tags WHERE tag = ?)" for _ in self.tags]
        values = list(self.tags)
        for kind, column in _COLUMNS.items():
            chosen = getattr(self, kind)
            if chosen:
                parts.append(f"{column} IN ({', '.join('?' * len(chosen))})")
                values += chosen
        if self.among is not None:  # as one value, since SQLite takes only so many
            parts.append("id IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(self.among))
        return " AND ".join(parts) or "1", values


EVERYTHING = Filter()


def counts(connection: sqlite3.Connection, only: Filter) -> dict[Kind, dict[str, int]]:
    """By kind, each value with the number of pictures that it has among those of the filter, most frequent first.

    Of labels, folders and days the chosen ones do not narrow their own kind, so that another can be added to them.
    """
    found: dict[Kind, dict[str, int]] = {}
    for kind in KINDS:
        where, values = (only if kind == "tags" else replace(only, **{kind: ()})).condition()
        if kind == "tags":
            query = f"SELECT tag, count(*) FROM tags WHERE image IN (SELECT id FROM images WHERE {where})"
        else:
            query = f"SELECT {_COLUMNS[kind]}, count(*) FROM images WHERE {where}"
        rows = connection.execute(f"{query} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_VALUES}", values)
        found[kind] = {value: count for value, count in rows if value}
    return found
