"""A map in the form its component in the browser takes."""

import datetime
import math
from collections.abc import Sequence

import numpy as np

from app.map.colours import Colouring
from app.map.points import Atlas
from core.analysis.render import colourise
from core.encoding import base64_of, data_address

ABOUT = 64
"""Points the browser may ask about at once."""


def places_prop(token: str, places: np.ndarray, caption: str) -> dict:
    """{"token", "data", "caption"}: `places` [n, 2] float32, x to the right and y upwards."""
    return {"token": token, "data": base64_of(np.ascontiguousarray(places, dtype="<f4").tobytes()), "caption": caption}


def colours_prop(atlas: Atlas, token: str, colouring: Colouring) -> dict:
    """{"token", "data", "table", "legend", "scale"}; the legend's entries carry their medoid's picture."""
    table = np.full((256, 3), 150, np.uint8)
    if colouring.scale:
        table = colourise(np.arange(256), colouring.scale[0])
    levels = [*range(len(colouring.entries))]
    if colouring.entries and colouring.entries[-1].medoid is None and (colouring.levels == 255).any():
        levels[-1] = 255
    legend = []
    for level, entry in zip(levels, colouring.entries, strict=True):
        table[level] = entry.colour
        legend.append(
            {
                "level": level,
                "colour": _hex(entry.colour),
                "name": entry.name,
                "count": entry.count,
                "medoid": -1 if entry.medoid is None else entry.medoid,
                "uri": "" if entry.medoid is None else data_address(*atlas.thumbnail(entry.medoid)),
            }
        )
    return {
        "token": token,
        "data": base64_of(colouring.levels.tobytes()),
        "table": [_hex(colour) for colour in table.tolist()],
        "legend": legend,
        "scale": list(colouring.scale[1:]) if colouring.scale else None,
    }


def about_points(atlas: Atlas, ids: Sequence[int]) -> dict[str, dict]:
    """{id: {"name", "label", "date", "uri"}} of at most ABOUT points; ids that are not there are left out."""
    return {str(point): about_point(atlas, point) for point in list(ids)[:ABOUT] if 0 <= point < len(atlas)}


def about_point(atlas: Atlas, point: int) -> dict[str, str]:
    return {
        "name": atlas.names[point],
        "label": atlas.labels[point],
        "date": day(atlas.dates[point]),
        "uri": data_address(*atlas.thumbnail(point)),
    }


def day(seconds: float) -> str:
    """The date in UTC, "" for NaN."""
    if math.isnan(seconds):
        return ""
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%d")


def _hex(colour: Sequence[int]) -> str:
    return "#" + "".join(f"{int(value):02x}" for value in colour)
