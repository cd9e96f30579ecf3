"""Props of the Search tab's components."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from app.page.payloads import thumbnail_address
from app.search.handlers import Results
from app.search.question import QueryPart, spoken
from app.server.engine import Engine
from app.server.session import Tray
from core.collection.collection import Collection, Hit, Record
from core.encoding import base64_of, data_address
from core.errors import CollectionError


def query_prop(engine: Engine, collection: Collection | None, tray: Tray, asked: Sequence[QueryPart]) -> dict:
    """{"pictures": [{id, name, uri, picture, record, collection}], "asked": [...]}: what can be asked with, and the
    question, a `QueryPart` each. Pictures of the collection that are asked with come before those of the tray."""
    pictures: list[dict[str, Any]] = []
    for one in {(one.collection, one.record): one for one in asked if one.record is not None}.values():
        name, uri = _named(engine, collection, tray, one)
        shown = {"id": f"{one.collection}/{one.record}", "name": name, "uri": uri}
        pictures.append({**shown, "picture": "", "record": one.record, "collection": one.collection})
    for picture in tray.chosen:
        uri = thumbnail_address(engine, tray, picture, 384)
        shown = {"id": picture.id, "name": picture.name, "uri": uri}
        pictures.append({**shown, "picture": picture.id, "record": None, "collection": ""})
    return {"pictures": pictures, "asked": [vars(one) for one in asked]}


def question_prop(engine: Engine, collection: Collection | None, tray: Tray, asked: Sequence[QueryPart]) -> dict:
    """{"parts": [{before, name, after, uri, against, box, point}]}: the question as it is read, part by part."""
    parts = []
    for one, (before, after) in zip(asked, spoken(asked), strict=True):
        name, uri = _named(engine, collection, tray, one)
        mark = {"against": one.against, "box": one.box, "point": one.point}
        parts.append({"before": before, "name": name, "after": after, "uri": uri} | mark)
    return {"parts": parts}


def results_prop(collection: Collection, found: Results, *, lit: bool = False, told: str = "") -> dict:
    """{"groups": [{title, spare, items: [...]}], "page", "pages", "first", "lit", "told"} for the grid; names may hold HTML.

    `lit`: whether places are lit until the visitor says otherwise. `told` is read out, and the results brought into
    sight: for those that were asked for from elsewhere on the page.
    """
    groups = [
        {"title": group.title, "spare": group.spare, "items": [_item(collection, hit) for hit in group.hits]}
        for group in found.groups
    ]
    place = {"page": found.page, "pages": found.pages, "first": found.first}
    return {"groups": groups, **place, "lit": lit, "told": told}


def _named(engine: Engine, collection: Collection | None, tray: Tray, part: QueryPart) -> tuple[str, str]:
    """The name and the small picture of what is asked with."""
    if part.record is None:
        picture = tray.find(part.picture)
        return picture.name, thumbnail_address(engine, tray, picture)
    if collection is None:
        return "a picture of the collection", ""
    return collection.store.records.get([part.record])[part.record].name, _address(collection, part.record)


def _item(collection: Collection, hit: Hit | Record) -> dict:
    record = hit.record if isinstance(hit, Hit) else hit
    item = {
        "id": record.id,
        "name": record.name,
        "label": record.label,
        "tags": list(record.tags),
        "width": record.width,
        "height": record.height,
        "uri": _address(collection, record.id),
    }
    return item | (_place(hit) if isinstance(hit, Hit) else {})


def _address(collection: Collection, identity: int) -> str:
    """The picture for an `img`; empty where it is damaged, which the collection's `problems` say."""
    try:
        return data_address("image/webp", collection.thumbnail(identity))
    except CollectionError:
        return ""


def _place(hit: Hit) -> dict:
    """Score, and the heat map as bytes 0..255 from its least to its greatest cosine."""
    heat, geometry = hit.place.heat, hit.place.geometry
    low, high = float(heat.min()), float(heat.max())
    numbers = np.round((heat - low) / max(high - low, 1e-6) * 255).astype(np.uint8)
    left, top, right, bottom = geometry.covered
    sides = geometry.width, geometry.height, geometry.width, geometry.height
    return {
        "score": round(hit.score, 4),
        "low": round(low, 3),
        "high": round(high, 3),
        "heat": base64_of(numbers.tobytes()),
        "rows": heat.shape[0],
        "columns": heat.shape[1],
        "covered": [edge / side for edge, side in zip((left, top, right, bottom), sides, strict=True)],
        "box": [edge / side for edge, side in zip(hit.place.box, sides, strict=True)],
    }
