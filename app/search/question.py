"""The question of the Search tab: pictures of the tray or of the collection, for and against, as wholes or in part."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from app.server.session import Tray
from core import RequestError
from core.collection.query import Mode

MOST_PARTS = 24
UNLIKE_ALONE = (
    "Results can be unlike a picture only where they are like another: ask with one that they shall be like. Until "
    "then, all pictures are shown."
)


@dataclass(frozen=True)
class QueryPart:
    """One picture that is asked with; box and point in shares of its sides, height and width apart."""

    picture: str = ""
    """Its id in the tray; empty for a picture of the collection."""
    against: bool = False
    box: tuple[float, float, float, float] | None = None
    """Left, top, right, bottom."""
    point: tuple[float, float] | None = None
    """(x, y)."""
    record: int | None = None
    """Its id in the collection of that key."""
    collection: str = ""

    @property
    def is_part(self) -> bool:
        return self.box is not None or self.point is not None


def asked_from(data: Sequence[dict]) -> tuple[QueryPart, ...]:
    """The question as the browser sends it; RequestError for numbers that are none."""
    try:
        return tuple(map(_part, data[:MOST_PARTS]))
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        raise RequestError("What is asked with could not be read; draw it again.") from error


def still_there(
    asked: Sequence[QueryPart] | None, tray: Tray, key: str = "", records: Collection[int] = ()
) -> tuple[QueryPart, ...]:
    """The parts of the question whose pictures are still selected in the tray, or in the collection of that key.

    The first picture of the tray as a whole, where nothing was asked yet (None) or the tray lost all that was; nothing
    where the visitor took the question away (an empty one).
    """
    ids = [picture.id for picture in tray.chosen]
    first = tuple(QueryPart(identity) for identity in ids[:1])
    if asked is None:
        return first

    def is_there(one: QueryPart) -> bool:
        return one.picture in ids if one.record is None else one.collection == key and one.record in records

    kept = tuple(filter(is_there, asked))
    return kept or (first if any(one.record is None for one in asked) else ())


def fitting_mode(asked: Sequence[QueryPart], mode: Mode, before: Sequence[QueryPart] = ()) -> Mode:
    """The mode that compares what is asked: parts with parts, and whole pictures again once no part is left."""
    if any(one.is_part for one in asked):
        return "region"
    return "cls" if mode == "region" and any(one.is_part for one in before) else mode


def fitting_parts(asked: Sequence[QueryPart], mode: Mode) -> tuple[QueryPart, ...]:
    """The question as that mode compares it: as whole pictures, unless regions are compared."""
    return tuple(asked) if mode == "region" else tuple(replace(one, box=None, point=None) for one in asked)


def like(asked: Sequence[QueryPart], key: str, identity: int, how: str) -> tuple[QueryPart, ...]:
    """The question with a picture of the collection: instead of all else ("only"), "and" like it, or "not" like it.

    >>> like((QueryPart("p0"),), "birds-1", 7, "only")
    (QueryPart(picture='', against=False, box=None, point=None, record=7, collection='birds-1'),)
    """
    if how not in ("only", "and", "not"):
        raise RequestError(f"how is {how[:20]!r}; choose only, and, or not.")
    part = QueryPart(against=how == "not", record=identity, collection=key)
    if how == "only":
        return (part,)
    others = tuple(one for one in asked if (one.collection, one.record) != (key, identity))
    return (*others, part)[-MOST_PARTS:]


def without(asked: Sequence[QueryPart], place: int) -> tuple[QueryPart, ...]:
    """The question without one of its parts; as it is, where there is none at that place."""
    return tuple(one for number, one in enumerate(asked) if number != place)


def spoken(parts: Sequence[QueryPart]) -> list[tuple[str, str]]:
    """For each part the words before its picture's name and those after it.

    >>> spoken([QueryPart("p0", box=(0, 0, 1, 1)), QueryPart("p1"), QueryPart("p2", against=True)])
    [('Pictures like', ', the box in it'), ('and like', ''), ('but unlike', '')]
    """
    said = []
    for number, one in enumerate(parts):
        again = any(other.against == one.against for other in parts[:number])
        first = ("but unlike" if number else "Unlike") if one.against else "Pictures like"
        before = ("and unlike" if one.against else "and like") if again else first
        after = ", the box in it" if one.box else ", the part that was clicked" if one.point else ""
        said.append((before, after))
    return said


def in_order(asked: Sequence[QueryPart]) -> tuple[QueryPart, ...]:
    """What results shall be like before what they shall be unlike."""
    return tuple(sorted(asked, key=lambda one: one.against))


def _part(one: dict) -> QueryPart:
    against, box, point = bool(one.get("against")), _shares(one.get("box"), 4), _shares(one.get("point"), 2)
    if one.get("record") is None:
        return QueryPart(str(one["picture"]), against, box, point)
    return QueryPart("", against, box, point, int(one["record"]), str(one["collection"]))


def _shares(values: Sequence[float] | None, count: int) -> tuple | None:
    if values is None:
        return None
    shares = tuple(min(max(float(value), 0.0), 1.0) for value in values)
    if len(shares) != count or any(share != share for share in shares):
        raise ValueError("not that many numbers")
    return shares
