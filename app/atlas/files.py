"""What a visitor takes away from a map: a table, and a page that works without a server."""

import csv
import html
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.atlas.colours import Colouring
from app.atlas.payloads import about_point, colours_prop, day, places_prop
from app.atlas.points import Atlas
from app.downloads import fresh_folder
from app.stage import STATIC, script_of
from app.theme import variables
from core import RequestError
from core.projection.clusters import Clusters

MOST_INLINE = 3000
"""Points whose pictures a page carries along: some 10 MB."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table(
    folder: Path, atlas: Atlas, places: np.ndarray, clusters: Clusters | None, chosen: Sequence[int] = ()
) -> Path:
    """A CSV of all points: name, label, date, x, y, cluster (from 1, empty for none), medoid (names it), chosen."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["name", "label", "date", "x", "y", "cluster", "medoid", "chosen"])
    medoids = set() if clusters is None else set(clusters.medoids.tolist())
    marked = set(chosen)
    for point in range(len(atlas)):
        cluster = "" if clusters is None or clusters.labels[point] < 0 else int(clusters.labels[point]) + 1
        x, y = (f"{value:.6f}" for value in places[point])
        words = [harmless(text) for text in (atlas.names[point], atlas.labels[point])]
        writer.writerow([*words, day(atlas.dates[point]), x, y, cluster, int(point in medoids), int(point in marked)])
    path = fresh_folder(folder) / "dinoscope-map.csv"
    path.write_text(stream.getvalue(), encoding="utf-8-sig", newline="")
    return path


def harmless(text: str) -> str:
    """Text that a spreadsheet does not take for a formula: an apostrophe goes before one that begins like it.

    >>> harmless("=1+1"), harmless("cat.jpg")
    ("'=1+1", 'cat.jpg')
    """
    return f"'{text}" if text.lstrip().startswith(_FORMULA) or text.startswith(_FORMULA) else text


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
    path = fresh_folder(folder) / "dinoscope-map.html"
    path.write_text(
        _PAGE.format(
            title=html.escape(f"{atlas.title}, a map"),
            style=f"{variables()}\n{(STATIC / 'atlas.css').read_text('utf-8')}",
            # in a script element only its own end tag and the start of a comment mean anything
            props=json.dumps(props).replace("<", "\\u003c"),
            script=script_of("atlas"),
        ),
        encoding="utf-8",
    )
    return path


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}
body {{ margin: 16px; background: var(--dino-ground); color: var(--dino-ink); font: 14px system-ui, sans-serif; }}
</style>
</head>
<body>
<h1>{title}</h1>
<div id="atlas"></div>
<script>
(() => {{
const element = document.getElementById("atlas");
const props = {props};
const trigger = () => {{}};
const watch = () => {{}};
const server = {{}};
{script}
}})();
</script>
</body>
</html>
"""
