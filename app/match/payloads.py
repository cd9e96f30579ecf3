"""Matches in the form the browser's component takes. See `matches_prop`."""

import dataclasses
from typing import Any

import gradio as gr
import numpy as np
from torch import Tensor

from app.match.handlers import MatchScreen, MatchSettings, selection
from app.match.sheet import OPACITY, TINT, hex_colour, match_colours
from app.match.words import CAPTIONS
from app.page import payloads, stage
from app.server.engine import Engine
from app.server.models import Loaded
from app.server.session import Tray
from core.analysis.render import label_colours


def too_few(engine: Engine, tray: Tray, model: Loaded, settings: MatchSettings) -> gr.HTML:
    """Fewer than two pictures; the stage then says what to do."""
    pictures = payloads.pictures_of(engine, tray, model, settings.size)
    return gr.HTML(pictures=pictures, features={}, matches={}, busy=False)


def photographs(engine: Engine, tray: Tray, model: Loaded, settings: MatchSettings) -> gr.HTML:
    """The pictures before their first matches."""
    return gr.HTML(pictures=payloads.pictures_of(engine, selection(tray), model, settings.size), matches={}, busy=True)


def stage_update(engine: Engine, screen: MatchScreen, settings: MatchSettings, tray: Tray, model: Loaded) -> gr.HTML:
    """The stage with whatever changed since the browser was last sent something."""
    encoded = screen.encoded
    props: dict[str, Any] = {"busy": False, "matches": matches_prop(screen, settings)}
    if screen.new_pictures:
        props["pictures"] = payloads.pictures_of(engine, selection(tray), model, settings.size)
    if screen.new_features:
        props["features"] = engine.painted.recall(
            ("features", screen.sent.features), lambda: stage.features_prop(encoded.ids, encoded.maps)
        )
    return gr.HTML(**props)


def matches_prop(screen: MatchScreen, settings: MatchSettings) -> dict:
    """{"reference", "show", "smoothing", "caption", "pairs", "layers", "region"}.

    `pairs`: by picture id a list of [x, y on the reference, x, y on the picture, "#rrggbb"], places as shares. `layers`:
    by picture id a PNG [h, w, 4] over the patch grid, of parts or of a region. `region`: {"picture",
    "outline"} as it was drawn, or None.
    """
    ids = screen.encoded.ids
    if screen.carried is not None:
        layers = [_tinted(mask) for mask in screen.carried.masks]
    elif screen.labels is not None:
        layers = [_coloured(labels, settings.parts) for labels in screen.labels]
    else:
        layers = []
    coloured = match_colours(screen.pairs)
    shown = "Region" if screen.carried is not None and settings.show == "Parts" else settings.show
    return {
        "reference": ids[screen.reference],
        "show": settings.show.lower(),
        "smoothing": settings.smoothing,
        "caption": CAPTIONS[shown],
        "pairs": {ids[other]: _lines(screen, other, colours) for other, colours in coloured.items()},
        "layers": {identity: stage.png_uri(layer) for identity, layer in zip(ids, layers, strict=False)},
        "region": None if screen.region is None else dataclasses.asdict(screen.region),
    }


def _lines(screen: MatchScreen, other: int, colours: np.ndarray) -> list[list]:
    found, maps = screen.pairs[other], screen.encoded.maps
    starts, ends = (
        points.numpy() / [maps[index].geometry.width, maps[index].geometry.height]
        for points, index in ((found.points_a, screen.reference), (found.points_b, other))
    )
    places = np.round(np.hstack([starts, ends]), 4).tolist()
    return [[*place, hex_colour(colour)] for place, colour in zip(places, colours.tolist(), strict=True)]


def _coloured(labels: Tensor, count: int) -> np.ndarray:
    colours = label_colours(count)[labels.clamp(min=0).numpy()]
    return np.dstack([colours, _opacity(labels >= 0)])


def _tinted(mask: Tensor) -> np.ndarray:
    return np.dstack([np.broadcast_to(np.array(TINT, np.uint8), (*mask.shape, 3)), _opacity(mask)])


def _opacity(mask: Tensor) -> np.ndarray:
    return (mask.numpy() * round(255 * OPACITY)).astype(np.uint8)
