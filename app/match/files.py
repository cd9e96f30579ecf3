"""Matches to take away: points as JSON or CSV, the sheet of pictures as PNG or SVG, each with where it came from.

Every function returns the path of a new file in a folder of its own under `folder`, which the server empties in time.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from app.match import sheet
from app.match.handlers import MatchScreen, MatchSettings
from app.page.files import provenance, write
from app.server.models import Loaded
from core.encoding import picture_bytes
from core.tables import csv_bytes

COLUMNS = ("reference", "picture", "reference_x", "reference_y", "picture_x", "picture_y", "score")


def points_json(folder: Path, screen: MatchScreen, settings: MatchSettings, model: Loaded) -> Path:
    """{"provenance", "reference", "columns", "matches": [{"picture", "number", "points"}]}, positions in pixels of the originals."""
    names = screen.encoded.names
    content = {
        "provenance": provenance(screen.encoded, asdict(settings), model),
        "reference": names[screen.reference],
        "columns": COLUMNS[2:],
        "matches": [
            {
                "picture": names[other],
                "number": other,
                "points": [numbers for number, numbers in rows(screen) if number == other],
            }
            for other in screen.pairs
        ],
    }
    return write(folder, "matches.json", json.dumps(content, ensure_ascii=False, indent=1).encode())


def points_csv(folder: Path, screen: MatchScreen, settings: MatchSettings, model: Loaded) -> Path:
    """A table of all matches, a row each."""
    names = screen.encoded.names
    table = ([names[screen.reference], names[other], *numbers] for other, numbers in rows(screen))
    return write(folder, "matches.csv", csv_bytes(COLUMNS, table))


def picture_png(folder: Path, screen: MatchScreen, settings: MatchSettings, model: Loaded) -> Path:
    """The pictures on one sheet with what is shown of their matches."""
    return write(folder, "matches.png", picture_bytes(sheet.png(_sheet(screen, settings)), "PNG"))


def picture_svg(folder: Path, screen: MatchScreen, settings: MatchSettings, model: Loaded) -> Path:
    """The same sheet as drawing instructions, for print."""
    return write(folder, "matches.svg", sheet.svg(_sheet(screen, settings)).encode())


def rows(screen: MatchScreen) -> Iterator[tuple[int, list[float]]]:
    """(number of the other picture, [reference x, y, picture x, y, score]) of every match."""
    for other, found in screen.pairs.items():
        for a, b, score in zip(found.points_a.tolist(), found.points_b.tolist(), found.scores.tolist(), strict=True):
            yield other, [*(round(value, 2) for value in (*a, *b)), round(score, 4)]


def _sheet(screen: MatchScreen, settings: MatchSettings) -> sheet.Sheet:
    encoded = screen.encoded
    pictures = [
        sheet.SheetPicture(name, _painted(screen, settings, index), encoded.maps[index].geometry)
        for index, name in enumerate(encoded.names)
    ]
    pairs = {} if settings.show == "Parts" else screen.pairs
    return sheet.lay_out(pictures, screen.reference, pairs, lines=settings.show == "Lines")


def _painted(screen: MatchScreen, settings: MatchSettings, index: int) -> Image.Image:
    image, geometry = screen.encoded.items[index].image, screen.encoded.maps[index].geometry
    if screen.carried is not None:
        return sheet.painted_region(image, screen.carried.masks[index], geometry)
    if screen.labels is not None:
        return sheet.painted_parts(image, screen.labels[index], geometry, settings.parts)
    return image
