"""The Search tab's answers: plain functions over the engine, the shelf and small values, without Gradio."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from app.search.question import UNLIKE_ALONE, QueryPart, fitting_mode
from app.server.engine import Engine
from app.server.session import Tray
from app.server.shelf import Shelf
from core import RequestError
from core.collection.collection import Collection, Example, Hit, Record
from core.collection.diverse import farthest_points
from core.collection.facets import KINDS, Filter
from core.collection.query import MODES, Mode
from core.collection.words import search_words
from core.wording import counted

LARGEST_K = 200
Order = Literal["added", "newest"]
Kind = Literal["answer", "duplicates", "diverse", "words"]
ORDERS: tuple[Order, ...] = get_args(Order)
MODE_WORDS = {
    "cls": "whole pictures, by their cls token",
    "mean": "whole pictures, by their mean patch",
    "region": "the most alike part of each picture",
}


@dataclass(frozen=True)
class SearchSettings:
    """Every control of the tab by name."""

    collection: str = ""
    mode: Mode = "cls"
    order: Order = "added"
    """Of all pictures, where nothing is asked."""
    k: int = 24
    """Results on a page."""
    tags: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    days: tuple[str, ...] = ()

    @property
    def only(self) -> Filter:
        return Filter.chosen(vars(self))


@dataclass(frozen=True)
class Listing:
    """Which pictures are listed: the answer to the question page by page, or groups that were asked for."""

    kind: Kind = "answer"
    value: float = 0.0
    """The least cosine of duplicates, the number of diverse pictures."""
    page: int = 0
    of: tuple = ()
    """The question and settings that it belongs to; with others, the first page of their answer is listed."""
    words: str = ""
    """What is looked for, of a listing by words."""


@dataclass(frozen=True)
class Group:
    """Results that belong together, under a heading; hits carry where they match, records alone do not."""

    title: str
    hits: tuple[Hit | Record, ...]
    spare: bool = False
    """Whether one of them could stand for all."""


@dataclass(frozen=True)
class Results:
    """Results in groups, and a sentence about them; of a longer list, the page that they are."""

    groups: tuple[Group, ...]
    facts: str
    page: int = 0
    pages: int = 1
    first: int = 1
    """The rank of the first of them."""

    @property
    def hits(self) -> list[Hit | Record]:
        return [hit for group in self.groups for hit in group.hits]


def settings_of(values: dict) -> SearchSettings:
    """The settings from the values of widgets, by name."""
    for name, choices in (("mode", MODES), ("order", ORDERS)):
        if values[name] not in choices:
            raise RequestError(f"{name} is {values[name]!r}; choose from {', '.join(choices)}.")
    k = int(values["k"])
    if not 1 <= k <= LARGEST_K:
        raise RequestError(f"{k} results are asked for; choose 1 to {LARGEST_K}.")
    only = Filter.chosen(values)
    chosen = {kind: getattr(only, kind) for kind in KINDS}
    return SearchSettings(values["collection"] or "", values["mode"], values["order"], k, **chosen)


def listed(
    engine: Engine,
    collection: Collection,
    tray: Tray,
    asked: Sequence[QueryPart],
    settings: SearchSettings,
    listing: Listing,
) -> Results:
    """The pictures that are to be shown."""
    if listing.kind == "duplicates":
        return near_duplicates(engine, collection, settings, listing.value)
    if listing.kind == "diverse":
        return diverse(collection, settings, int(listing.value))
    if listing.kind == "words":
        return in_words(collection, settings, listing.words, listing.page)
    if all(one.against for one in asked):
        found = browse(collection, settings, listing.page)
        return replace(found, facts=f"{UNLIKE_ALONE} {found.facts}") if asked else found
    return search(engine, collection, tray, asked, settings, listing.page)


def search(
    engine: Engine,
    collection: Collection,
    tray: Tray,
    asked: Sequence[QueryPart],
    settings: SearchSettings,
    page: int = 0,
) -> Results:
    """One page of the answer to what is asked; RequestError where nothing is."""
    if all(one.against for one in asked):
        raise RequestError(UNLIKE_ALONE)
    page, pages, total = _paged(collection, settings, page)
    mode = fitting_mode(asked, settings.mode)
    key = ("query", tuple(asked), mode, collection.origin, tuple((one.id, one.digest) for one in tray.chosen))
    query = engine.painted.recall(key, lambda: _query(engine, collection, tray, asked, mode))
    hits = collection.search(query, settings.k, only=settings.only, offset=page * settings.k)
    method = collection.method(mode).sentence.capitalize()
    facts = f"{_range(page, settings.k, len(hits), total)}{_of(settings, collection, total)}, best first. "
    facts += f"Compared: {MODE_WORDS[mode]}. {method}."
    return Results((Group("", tuple(hits)),), facts, page, pages, page * settings.k + 1)


def in_words(collection: Collection, settings: SearchSettings, text: str, page: int = 0) -> Results:
    """One page of the pictures, those first that are most what a text says; ModelError where the model knows no words."""
    page, pages, total = _paged(collection, settings, page)
    hits = search_words(collection, text, settings.k, only=settings.only, offset=page * settings.k)
    facts = (
        f"{_range(page, settings.k, len(hits), total)}{_of(settings, collection, total)}, most like “{text}” first. "
    )
    facts += "Compared: whole pictures with the words, exact; lit where a patch by itself is most like them."
    return Results((Group("", tuple(hits)),), facts, page, pages, page * settings.k + 1)


def browse(collection: Collection, settings: SearchSettings, page: int = 0) -> Results:
    """One page of all pictures that the filters leave, where nothing is asked."""
    page, pages, total = _paged(collection, settings, page)
    newest = settings.order == "newest"
    records = collection.records(page * settings.k, settings.k, settings.only, newest)
    order = "newest first" if newest else "in the order they were added"
    facts = f"{_range(page, settings.k, len(records), total)}{_of(settings, collection, total)}, {order}."
    return Results((Group("", tuple(records)),), facts, page, pages, page * settings.k + 1)


def near_duplicates(
    engine: Engine, collection: Collection, settings: SearchSettings, threshold: float, most: int = LARGEST_K
) -> Results:
    """Groups of nearly equal pictures among those that the filters leave, as many as fit into `most` pictures."""
    key = ("duplicates", str(collection.folder), collection.store.records.about().changes, threshold)
    groups = engine.painted.recall(key, lambda: collection.near_duplicates(threshold))
    if settings.only:
        left = set(collection.store.records.matching(settings.only))
        groups = [kept for group in groups if len(kept := [one for one in group if one in left]) > 1]
    shown: list[Group] = []
    count = 0
    for group in groups:
        if count + len(group) > most and shown:
            break
        records = collection.store.records.get(group[:most])
        shown.append(Group(f"{len(group)} nearly the same", tuple(records.values()), spare=True))
        count += len(group)
    extra = sum(len(group) - 1 for group in groups)
    facts = (
        f"{counted(len(groups), 'group')} with a cosine of {threshold:g} or more; {counted(extra, 'picture')} could go."
    )
    if not groups:
        facts = f"No two pictures have a cosine of {threshold:g} or more. A lower one finds looser groups."
    more = f" The largest {len(shown)} are shown." if len(shown) < len(groups) else ""
    return Results(tuple(shown), facts + more)


def diverse(collection: Collection, settings: SearchSettings, count: int) -> Results:
    """Pictures that show as much as so few can of what the filters leave."""
    if not 2 <= count <= LARGEST_K:
        raise RequestError(f"{count} diverse pictures are asked for; choose 2 to {LARGEST_K}.")
    ids, vectors = collection.vectors("cls")
    if settings.only:
        left = np.isin(ids, collection.store.records.matching(settings.only))
        ids, vectors = ids[left], vectors[left]
    chosen, radius = farthest_points(vectors, count)
    records = tuple(collection.store.records.get(ids[chosen].tolist()).values())
    facts = (
        f"{counted(len(records), 'picture')} of {len(ids):,} that differ most: every other one has a cosine of "
        f"{1 - radius:.2f} or more with one of them."
    )
    return Results((Group(f"{len(records)} that differ most", records),), facts)


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
    records = collection.store.records.get([one.record for one in asked if one.record is not None])
    for one in asked:
        picture: Any
        if one.record is None:
            (item,) = engine.items(tray, [tray.find(one.picture)])
            picture, sides = item.picture, (item.picture.width, item.picture.height)
        else:
            picture = collection.kept(one.record)
            sides = records[one.record].width, records[one.record].height
        box = one.box and tuple(np.multiply(one.box, sides * 2).tolist())
        point = one.point and tuple(np.multiply(one.point, sides).tolist())
        examples[one.against].append(Example(picture, box, point))
    return collection.query(examples[False], mode, against=examples[True])


def _paged(collection: Collection, settings: SearchSettings, page: int) -> tuple[int, int, int]:
    """(page, pages, pictures that the filters leave): the nearest page that there is."""
    total = collection.store.records.count(settings.only)
    pages = max(1, -(-total // settings.k))
    return min(max(page, 0), pages - 1), pages, total


def _range(page: int, k: int, count: int, total: int) -> str:
    if count == total:
        return counted(total, "picture")
    first, last = f"{page * k + 1:,}", f"{page * k + count:,}"
    shown = "none" if not count else first if count == 1 else f"{first} to {last}"
    return f"{shown} of {counted(total, 'picture')}"


def _of(settings: SearchSettings, collection: Collection, total: int) -> str:
    """What filters leave it at, in words."""
    only = settings.only
    said = [f"tagged {' and '.join(only.tags)}"] if only.tags else []
    said += [f"labelled {' or '.join(only.labels)}"] if only.labels else []
    said += [f"of the folder {' or '.join(only.folders)}"] if only.folders else []
    said += [f"added on {' or '.join(only.days)}"] if only.days else []
    return f" {', '.join(said)} ({len(collection):,} in all)" if said else ""
