"""Several models on the same pictures: a column for each, in the form the browser takes.

The prop is {"pictures": as on the stage, "columns": [{"title", "about", "geometries": {id: {"rows", "columns",
"covered"}}, "features", "view"}, ...]}; features and view as on the stage, each column's own.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from app.explore import handlers
from app.explore.handlers import Screen
from app.explore.payloads import view_prop
from app.explore.settings import Settings
from app.explore.view import Reading
from app.page import payloads, sentences, stage
from app.page.measures import MEASURES
from app.server.engine import Engine
from app.server.models import Loaded
from app.server.session import Tray
from core import RequestError
from core.analysis.steady import turned
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
TURNED = Reading(("red", "green", "blue"), note="Components turned to be most like the first column's colours.")


def compare(engine: Engine, tray: Tray, models: Sequence[Loaded], settings: Settings) -> dict:
    """The prop for the selected pictures. RequestError where none is selected."""
    screens = [handlers.show(engine, tray, model, settings) for model in models]
    first = screens[0].encoded
    geometries = [feature_map.geometry for feature_map in first.maps]
    return {
        "pictures": payloads.pictures_sent(engine, first.ids, first.names, first.items, geometries)["pictures"],
        "columns": [
            _column(engine, model, screen, layers, settings)
            for model, screen, layers in zip(models, screens, alike(screens, settings), strict=True)
        ],
    }


def alike(screens: Sequence[Screen], settings: Settings) -> Iterator[list[np.ndarray]]:
    """The layers of each screen; colours that may be turned are turned towards the first's, where the grids are equal."""
    reference = screens[0].painted.layers
    for screen in screens:
        layers = screen.painted.layers
        same = all(one.shape == other.shape for one, other in zip(layers, reference, strict=True))
        if not settings.shown.turns or layers is reference or not same:
            yield layers
            continue
        flat, towards = (np.concatenate([one.reshape(-1, 3) for one in each]) / 255 for each in (layers, reference))
        pieces = np.split(
            np.round(turned(flat, towards) * 255), np.cumsum([one.shape[0] * one.shape[1] for one in layers])[:-1]
        )
        yield [piece.reshape(one.shape).astype(np.uint8) for piece, one in zip(pieces, layers, strict=True)]


def _column(engine: Engine, model: Loaded, screen: Screen, layers: list[np.ndarray], settings: Settings) -> dict:
    encoded, painted = screen.encoded, screen.painted
    values, reading = painted.values, painted.reading
    if layers is not painted.layers:  # no component is a colour by itself any more
        values, reading = [(layer / 255).astype(np.float32) for layer in layers], TURNED
    infos = payloads.pictures_sent(
        engine, encoded.ids, encoded.names, encoded.items, [feature_map.geometry for feature_map in encoded.maps]
    )["pictures"]
    return {
        "title": model.source.title,
        "about": sentences.chip(model.source),
        "geometries": {info["id"]: {name: info[name] for name in ("rows", "columns", "covered")} for info in infos},
        "features": engine.painted.recall(
            ("features", screen.sent.features), lambda: stage.features_prop(encoded.ids, encoded.maps)
        ),
        "view": view_prop(
            settings.shown,
            dict(zip(encoded.ids, layers, strict=True)),
            aligned=painted.aligned,
            caption=settings.shown.compared,
            legend=painted.legend,
            histogram=screen.histogram,
            values=dict(zip(encoded.ids, values, strict=True)),
            reading=reading,
        ),
    }


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
    """The emergence scale for those of the models that were measured, as HTML, which names the others."""
    known = [(model.source.title, scores_of(model.source)) for model in models]
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
