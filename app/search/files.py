"""Results as files: a table that no spreadsheet takes for formulas, and a contact sheet."""

import io
import itertools
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from app.page.lettering import lettered
from core.analysis.render import onto_picture
from core.collection.collection import Collection, Hit, Record
from core.tables import csv_bytes

COLUMNS = (
    "rank",
    "id",
    "name",
    "label",
    "tags",
    "score",
    "left",
    "top",
    "right",
    "bottom",
    "width",
    "height",
    "sha256",
)
TILE, GAP, CAPTION = 200, 12, 34
LETTER, LINE = 12, 15
"""Height of letters, and from one line of a long name to the next; all in pixels."""
VEIL = 0.74
"""Of the least alike place of a picture, as on the page."""


def table(hits: Sequence[Hit | Record]) -> bytes:
    """A CSV of the results in their order, the box in pixels; score and box are empty where nothing was asked."""

    def row(rank: int, hit: Hit | Record) -> list:
        record = hit.record if isinstance(hit, Hit) else hit
        texts = [record.name, record.label, ", ".join(record.tags)]
        answer: list = [""] * 5
        if isinstance(hit, Hit):
            answer = [round(hit.score, 4), *(round(edge, 1) for edge in hit.place.box)]
        return [rank, record.id, *texts, *answer, record.width, record.height, record.digest]

    return csv_bytes(COLUMNS, itertools.starmap(row, enumerate(hits, start=1)))


def contact_sheet(collection: Collection, hits: Sequence[Hit | Record], columns: int = 6) -> Image.Image:
    """The results side by side in their order, the matching place lit on each, with their whole names."""
    columns = max(1, min(columns, len(hits)))
    names = lettered([hit.name for hit in hits], LETTER)
    lines = [name.lines(TILE) for name in names]
    heights = [
        TILE + CAPTION + LINE * (max(map(len, lines[first : first + columns])) - 1) + GAP
        for first in range(0, len(hits), columns)
    ]
    sheet = Image.new("RGB", (columns * (TILE + GAP) + GAP, sum(heights) + GAP), "white")
    draw, (numbers,) = ImageDraw.Draw(sheet), lettered([""], LETTER)
    for place, (hit, name) in enumerate(zip(hits, names, strict=True)):
        row, column = divmod(place, columns)
        left, top = GAP + column * (TILE + GAP), GAP + sum(heights[:row])
        tile = lit(collection, hit)
        tile.thumbnail((TILE, TILE))
        sheet.paste(tile, (left + (TILE - tile.width) // 2, top + (TILE - tile.height) // 2))
        score = f"  cosine {hit.score:.3f}" if isinstance(hit, Hit) else ""
        draw.text((left, top + TILE + 3), f"{place + 1}{score}", fill="#1c2422", font=numbers.font)
        for number, line in enumerate(lines[place]):
            draw.text((left, top + TILE + 18 + LINE * number), line, fill="#5d6b67", font=name.font)
    return sheet


def lit(collection: Collection, hit: Hit | Record) -> Image.Image:
    """A result's thumbnail, dark where it is unlike what was asked, the best cell framed; as it is, where nothing was."""
    picture = Image.open(io.BytesIO(collection.thumbnail(hit.id))).convert("RGB")
    if not isinstance(hit, Hit):
        return picture
    heat = hit.place.heat
    share = (heat - heat.min()) / max(float(np.ptp(heat)), 1e-6)
    light = onto_picture(1 - VEIL * (1 - share[..., None]), hit.place.geometry, picture.height, picture.width)
    mixed = Image.fromarray(np.round(np.asarray(picture) * light.clip(0, 1)).astype(np.uint8))
    scale = np.array([picture.width / hit.record.width, picture.height / hit.record.height] * 2)
    ImageDraw.Draw(mixed).rectangle((np.array(hit.place.box) * scale - [0, 0, 1, 1]).tolist(), outline="white", width=2)
    return mixed
