"""Downloads of a map: a table, and a page that works without a server."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.map.colours import Colouring
from app.map.payloads import about_point, colours_prop, day, places_prop
from app.map.points import Atlas
from app.page import modules
from app.page.files import write
from app.page.theme import variables
from core import RequestError
from core.projection.clusters import Clusters
from core.tables import csv_bytes
from core.templates import render

MOST_INLINE = 3000
"""Points whose pictures a page carries along: some 10 MB."""
COLUMNS = ("name", "label", "date", "x", "y", "cluster", "medoid", "chosen")


def table(
    folder: Path, atlas: Atlas, places: np.ndarray, clusters: Clusters | None, chosen: Sequence[int] = ()
) -> Path:
    """A CSV of all points; cluster counts from 1 and is empty for none, medoid is 1 for the point that names it."""
    medoids = set() if clusters is None else set(clusters.medoids.tolist())
    marked = set(chosen)

    def row(point: int) -> list:
        cluster = "" if clusters is None or clusters.labels[point] < 0 else int(clusters.labels[point]) + 1
        place = [round(value, 6) for value in places[point].tolist()]
        words = [atlas.names[point], atlas.labels[point], day(atlas.dates[point])]
        return [*words, *place, cluster, int(point in medoids), int(point in marked)]

    return write(folder, "dinoscope-map.csv", csv_bytes(COLUMNS, map(row, range(len(atlas)))))


def page(folder: Path, atlas: Atlas, places: np.ndarray, colouring: Colouring, caption: str) -> Path:
    """The map as one HTML file: the same points, pictures and pointer, without a network. RequestError beyond MOST_INLINE."""
    if len(atlas) > MOST_INLINE:
        raise RequestError(
            f"A page carries the pictures of {MOST_INLINE:,} points at most, here are {len(atlas):,}; take the CSV."
        )
    props = {
        "places": places_prop(atlas.token, places, caption),
        "colours": colours_prop(atlas, atlas.token, colouring),
        "note": caption,
        "empty": "",
        "inline": {point: about_point(atlas, point) for point in range(len(atlas))},
    }
    page = render(
        Path(__file__).with_name("page.html.j2"),
        title=f"{atlas.title}, a map",
        style=f"{variables()}\n{Path(__file__).with_name('map.css').read_text('utf-8')}",
        props=props,
        modules=modules.inlined("map/map.js"),
    )
    return write(folder, "dinoscope-map.html", page.encode())


def thumbnail(folder: Path, atlas: Atlas, point: int) -> Path:
    """The small picture of one point as a file."""
    kind, data = atlas.thumbnail(point)
    return write(folder, f"thumbnail.{kind.rpartition('/')[2]}", data)
