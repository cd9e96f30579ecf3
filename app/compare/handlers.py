"""Several models on the same pictures: a column for each, in the form the browser takes.

The prop is {"pictures": as on the stage, "columns": [{"title", "name", "line", "told", "about", "note",
"geometries": {id: {"rows", "columns", "covered"}}, "features", "view"}, ...]}; features and view as on the stage, each
column's own. `name` is the title in a sentence, `line` the column's block and resolution, `told` what was asked for and is
not to be had, `note` where its colours come from.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.compare import difference
from app.compare.colours import Look, looks
from app.compare.columns import Column, titles
from app.compare.difference import Differences, differences
from app.explore import handlers
from app.explore.handlers import Screen
from app.explore.payloads import view_prop
from app.page import payloads, sentences, stage
from app.page.measures import MEASURES
from app.server.encode import Encoded, encode_selection
from app.server.engine import Engine
from app.server.models import Loaded
from app.server.session import Tray
from core import RequestError
from core.pictures.geometry import Geometry
from core.records.runs import SNAPSHOTS, scores_path, stored_step
from core.records.scores import Score, Scores, read_scores
from core.templates import html, render
from core.weights.load import SHIPPED, ModelSource

log = logging.getLogger(__name__)

MOST_MODELS = 3
NO_SCORES = (
    "None of these models has been measured on the emergence scale here: python -m train.evaluate emergence --model NAME, "
    "run in a clone of Dinoscope's repository, does it, and its file is found in the folder the app runs in."
)


def compare(engine: Engine, tray: Tray, columns: Sequence[Column], *, one_basis: bool = False) -> dict:
    """The prop for the selected pictures, in the columns' view. RequestError where none is selected."""
    settings = columns[0].settings
    screens = [handlers.show(engine, tray, column.model, column.settings) for column in columns]
    shown = zip(columns, titles(columns), screens, looks(screens, settings, one_basis), strict=True)
    return {
        "pictures": _pictures(engine, screens[0].encoded),
        "columns": [_told(engine, column, name, screen.encoded, look.note)
                    | {"features": _features(engine, screen), "view": _view(column, screen, look)}
                    for column, name, screen, look in shown],
    }  # fmt: skip


def compare_differences(engine: Engine, tray: Tray, columns: Sequence[Column]) -> dict:
    """The prop where each column shows how it disagrees with the first, which shows the photographs.

    A column stands on the grid that it was compared on. RequestError where no picture is selected.
    """
    encoded = [encode_selection(engine, tray, column.model, column.settings) for column in columns]
    found, high = differences(encoded)
    plain = [np.zeros((*feature_map.grid, 4), np.uint8) for feature_map in encoded[0].maps]
    geometries = [feature_map.geometry for feature_map in encoded[0].maps]
    first = Differences(plain, [], geometries, difference.REFERENCE)
    return {
        "pictures": _pictures(engine, encoded[0]),
        "columns": [_told(engine, column, name, each, one.note, one.geometries)
                    | {"features": {}, "view": _difference_view(column, each, one, high)}
                    for column, name, each, one in zip(columns, titles(columns), encoded, (first, *found), strict=True)],
    }  # fmt: skip


def _pictures(engine: Engine, encoded: Encoded, geometries: list[Geometry] | None = None) -> list[dict]:
    """The pictures as on the stage, on the grids of the features unless others are given."""
    grids = geometries or [feature_map.geometry for feature_map in encoded.maps]
    return payloads.pictures_sent(engine, encoded.ids, encoded.names, encoded.items, grids)["pictures"]


def _told(
    engine: Engine,
    column: Column,
    name: str,
    encoded: Encoded,
    note: str,
    geometries: list[Geometry] | None = None,
) -> dict[str, Any]:
    """A column's words, and the grids that it stands on."""
    infos = _pictures(engine, encoded, geometries)
    return {
        "title": column.model.source.title,
        "name": name,
        "line": column.line.capitalize(),
        "told": column.told,
        "about": sentences.chip(column.model.source),
        "note": note,
        "geometries": {info["id"]: {part: info[part] for part in ("rows", "columns", "covered")} for info in infos},
    }


def _features(engine: Engine, screen: Screen) -> dict:
    encoded = screen.encoded
    return engine.painted.recall(
        ("features", screen.sent.features), lambda: stage.features_prop(encoded.ids, encoded.maps)
    )


def _view(column: Column, screen: Screen, look: Look) -> dict:
    shown, encoded, painted = column.settings.shown, screen.encoded, screen.painted
    return view_prop(
        shown,
        dict(zip(encoded.ids, look.layers, strict=True)),
        aligned=painted.aligned,
        caption=shown.compared,
        legend=painted.legend,
        histogram=screen.histogram,
        values=dict(zip(encoded.ids, look.values, strict=True)),
        reading=look.reading,
    )


def _difference_view(column: Column, encoded: Encoded, found: Differences, high: float) -> dict:
    """As on the stage; without numbers for the column that the others are compared with."""
    values = dict(zip(encoded.ids, found.values, strict=False))
    legend = {"palette": difference.PALETTE, "low": "0", "high": f"{high:.1f}"} if values else None
    layers = dict(zip(encoded.ids, found.layers, strict=True))
    shown = column.settings.shown
    told = view_prop(
        shown, layers, caption=difference.CAPTION, legend=legend, values=values, reading=difference.READING
    )
    return told | {"kind": difference.NAME.lower()}


def scores_of(source: ModelSource) -> Scores | None:
    """A model's scores on the emergence scale, where a file with them is found: in its run folder, among what ships, or
    in the folder the app runs in, by the hash of its weights."""
    where = Path(source.where)
    if where.suffix == ".safetensors" and where.is_file():
        step = stored_step(where)
        run = where.parent.parent if where.parent.name == SNAPSHOTS else where.parent
        if step is not None and scores_path(run, step).is_file():
            return read_scores(scores_path(run, step))
    for path in [*sorted(SHIPPED.parent.glob("emergence*.json")), *sorted(Path.cwd().glob("emergence*.json"))]:
        try:
            found = read_scores(path)
        except RequestError as error:
            log.info("%s", error)
            continue
        if found.sha256 == source.sha256:
            return found
    return None


def table(models: Sequence[Loaded]) -> str:
    """The emergence scale for those of the models that were measured, each once, as HTML, which names the others."""
    sources = {model.identity: model.source for model in models}.values()
    known = [(source.title, scores_of(source)) for source in sources]
    measured = [(title, scores) for title, scores in known if scores]
    found = [scores for _, scores in measured]
    if not found:
        return html('<p class="hint">{{ words }}</p>', words=NO_SCORES)
    by_key: dict[str, Score] = {row.key: row for scores in found for row in scores.rows}
    baselines = list(dict.fromkeys(name for row in by_key.values() for name in row.baselines))
    rows = [
        {
            "title": MEASURES.get(key, row.title),
            "asks": row.asks,
            "rises": row.rises,
            "cells": list(_cells(key, found)),
            "baselines": [row.baselines[name].value if name in row.baselines else None for name in baselines]
            + [row.chance],
        }
        for key, row in by_key.items()
    ]
    return render(
        Path(__file__).with_name("table.html.j2"),
        names=[title for title, _ in measured] + baselines + ["chance"],
        rows=rows,
        any_best=any(cell and cell["best"] for key, row in by_key.items() for cell in _cells(key, found)),
        unmeasured=list(dict.fromkeys(title for title, scores in known if not scores)),
        differ=len({tuple(scores.pictures.items()) for scores in found}) > 1,
    )


def _cells(key: str, found: Sequence[Scores]) -> Iterator[dict | None]:
    """{"value", "half", "best"} of a measure for each model, `half` of its interval; None where it was not measured.

    The best is one that another is worse than.
    """
    rows = [next((row for row in scores.rows if row.key == key), None) for scores in found]
    values = [row.reading.value for row in rows if row]
    best = (max if next(row for row in rows if row).rises else min)(values)
    for row in rows:
        yield (
            None
            if row is None
            else {
                "value": row.reading.value,
                "half": (row.reading.high - row.reading.low) / 2,
                "best": len(set(values)) > 1 and row.reading.value == best,
            }
        )
