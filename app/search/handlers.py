"""The Search tab's answers: plain functions over the engine, the shelf and small values, without Gradio."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.server.engine import Engine
from app.server.models import Loaded
from app.server.session import Tray
from app.server.shelf import Shelf
from core import RequestError
from core.collection.collection import Collection, Example, Hit, Record
from core.collection.query import MODES, Mode
from core.wording import counted

LARGEST_K = 200
MODE_WORDS = {
    "cls": "whole pictures, by their cls token",
    "mean": "whole pictures, by their mean patch",
    "region": "the most alike part of each picture",
}


@dataclass(frozen=True)
class QueryPart:
    """One picture of the tray that is asked with; box and point in shares of its sides, height and width apart."""

    picture: str
    against: bool = False
    box: tuple[float, float, float, float] | None = None
    """Left, top, right, bottom."""
    point: tuple[float, float] | None = None
    """(x, y)."""


@dataclass(frozen=True)
class SearchSettings:
    """Every control of the tab by name."""

    collection: str = ""
    mode: Mode = "cls"
    tags: tuple[str, ...] = ()
    k: int = 24


@dataclass(frozen=True)
class Group:
    """Results that belong together, under a heading; hits carry where they match, records alone do not."""

    title: str
    hits: tuple[Hit | Record, ...]


@dataclass(frozen=True)
class Results:
    """Results in groups, and a sentence about them."""

    groups: tuple[Group, ...]
    facts: str

    @property
    def hits(self) -> list[Hit]:
        return [hit for group in self.groups for hit in group.hits if isinstance(hit, Hit)]


def settings_of(values: dict) -> SearchSettings:
    """The settings from the values of widgets, by name."""
    if values["mode"] not in MODES:
        raise RequestError(f"mode is {values['mode']!r}; choose from {', '.join(MODES)}.")
    k = int(values["k"])
    if not 1 <= k <= LARGEST_K:
        raise RequestError(f"{k} results are asked for; choose 1 to {LARGEST_K}.")
    return SearchSettings(values["collection"] or "", values["mode"], tuple(values["tags"] or ()), k)


def asked_from(data: Sequence[dict]) -> tuple[QueryPart, ...]:
    """The question as the browser sends it; RequestError for numbers that are none."""
    try:
        return tuple(
            QueryPart(
                str(one["picture"]), bool(one.get("against")), _shares(one.get("box"), 4), _shares(one.get("point"), 2)
            )
            for one in data[:24]
        )
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        raise RequestError("What is asked with could not be read; draw it again.") from error


def still_there(asked: Sequence[QueryPart], tray: Tray) -> tuple[QueryPart, ...]:
    """The parts of the question whose pictures are still selected; the first picture whole, where nothing is left."""
    ids = [picture.id for picture in tray.chosen]
    return tuple(one for one in asked if one.picture in ids) or tuple(map(QueryPart, ids[:1]))


def search(
    engine: Engine,
    collection: Collection,
    tray: Tray,
    model: Loaded,
    asked: Sequence[QueryPart],
    settings: SearchSettings,
) -> Results:
    """The answer to what is asked; RequestError where nothing is."""
    if not asked:
        raise RequestError("Nothing is asked with: select a picture in the tray.")
    if all(one.against for one in asked):
        raise RequestError("Results can only be unlike one picture if they shall be like another: press + on one.")
    key = ("query", asked, settings.mode, collection.origin, tuple((one.id, one.digest) for one in tray.chosen))
    query = engine.painted.recall(key, lambda: _query(engine, collection, tray, asked, settings.mode))
    hits = collection.search(query, settings.k, tags=settings.tags)
    return Results((Group("", tuple(hits)),), _facts(collection, settings, len(hits)))


def near_duplicates(collection: Collection, threshold: float, most: int = LARGEST_K) -> Results:
    """Groups of nearly equal pictures, as many as fit into `most` pictures."""
    groups = collection.near_duplicates(threshold)
    shown: list[Group] = []
    count = 0
    for group in groups:
        if count + len(group) > most and shown:
            break
        records = collection.store.records.get(group[:most])
        shown.append(Group(f"{len(group)} nearly the same", tuple(records.values())))
        count += len(group)
    extra = sum(len(group) - 1 for group in groups)
    facts = (
        f"{counted(len(groups), 'group')} with a cosine of {threshold:g} or more; {counted(extra, 'picture')} could go."
    )
    if not groups:
        facts = f"No two pictures have a cosine of {threshold:g} or more. A lower one finds looser groups."
    more = f" The largest {len(shown)} are shown." if len(shown) < len(groups) else ""
    return Results(tuple(shown), facts + more)


def browse(collection: Collection, settings: SearchSettings) -> Results:
    """All of the collection, in the order it came, where nothing is asked."""
    tag = settings.tags[0] if settings.tags else ""
    records = collection.records(limit=settings.k, tag=tag)
    return Results(
        (Group("", tuple(records)),),
        f"{counted(len(collection), 'picture')}. Select one in the tray to search with it.",
    )


def split_tags(words: str) -> tuple[str, ...]:
    """Tags as typed, with commas between them."""
    tags = (re.sub(r"\s+", " ", word).strip()[:60] for word in (words or "").split(","))
    return tuple(dict.fromkeys(tag for tag in tags if tag))


def thumbnail(shelf: Shelf, collection: Collection, key: str, identity: int) -> tuple[bytes, str]:
    """The file that stands for a result, and its name: the original where it ships, otherwise what was kept of it."""
    record = collection.store.records.get([identity]).get(identity)
    if record is None:
        raise RequestError("This picture is no longer in the collection.")
    original = shelf.original(key, record.name)
    name = record.name.split("/")[-1]
    return (original.read_bytes() if original else collection.thumbnail(identity)), name


def _query(engine: Engine, collection: Collection, tray: Tray, asked: Sequence[QueryPart], mode: Mode):
    examples: dict[bool, list[Example]] = {False: [], True: []}
    for one in asked:
        (item,) = engine.items(tray, [tray.find(one.picture)])
        width, height = item.picture.width, item.picture.height
        box = one.box and tuple(np.multiply(one.box, (width, height, width, height)).tolist())
        point = one.point and tuple(np.multiply(one.point, (width, height)).tolist())
        examples[one.against].append(Example(item.picture, box, point))
    return collection.query(examples[False], mode, against=examples[True])


def fitting_mode(asked: Sequence[QueryPart], mode: Mode) -> Mode:
    """The mode that can answer: a clicked part is compared with patches."""
    return "region" if mode == "cls" and any(one.point for one in asked) else mode


def with_mode(settings: SearchSettings, asked: Sequence[QueryPart]) -> SearchSettings:
    return replace(settings, mode=fitting_mode(asked, settings.mode))


def _facts(collection: Collection, settings: SearchSettings, count: int) -> str:
    tags = f" with {' and '.join(settings.tags)}" if settings.tags else ""
    return (
        f"{count} of {counted(len(collection), 'picture')}{tags}. Compared: {MODE_WORDS[settings.mode]}. "
        f"{collection.method(settings.mode).sentence.capitalize()}."
    )


def _shares(values: Sequence[float] | None, count: int) -> tuple | None:
    if values is None:
        return None
    shares = tuple(min(max(float(value), 0.0), 1.0) for value in values)
    if len(shares) != count or any(share != share for share in shares):
        raise ValueError("not that many numbers")
    return shares
