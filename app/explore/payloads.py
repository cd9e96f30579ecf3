"""A painted view in the form the stage takes."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import gradio as gr
import numpy as np

from app.explore.handlers import Screen
from app.explore.settings import Settings
from app.explore.view import PLAIN, Reading, View
from app.page.payloads import pictures_sent
from app.page.stage import features_prop, png_uri
from app.server.engine import Engine
from core import RequestError
from core.encoding import base64_of


def stage_update(engine: Engine, screen: Screen, settings: Settings) -> gr.HTML:
    """The stage with whatever changed since the browser was last sent something."""
    return gr.HTML(**stage_props(engine, screen, settings))


def stage_props(engine: Engine, screen: Screen, settings: Settings) -> dict[str, Any]:
    """The stage's props that changed since the browser was last sent something."""
    encoded, painted, sent = screen.encoded, screen.painted, screen.sent
    props: dict[str, Any] = {"busy": False}
    if screen.new_pictures:
        geometries = [feature_map.geometry for feature_map in encoded.maps]
        props["pictures"] = pictures_sent(engine, encoded.ids, encoded.names, encoded.items, geometries)
    if screen.new_features:
        props["features"] = engine.painted.recall(
            ("features", sent.features), lambda: features_prop(encoded.ids, encoded.maps)
        )
    if screen.new_view:
        props["view"] = engine.painted.recall(
            ("view", sent.view),
            lambda: view_prop(
                settings.shown,
                dict(zip(encoded.ids, painted.layers, strict=True)),
                aligned=painted.aligned,
                legend=painted.legend,
                histogram=screen.histogram,
                values=dict(zip(encoded.ids, painted.values, strict=True)),
                reading=painted.reading,
            ),
        )
    return props


def view_prop(
    view: View,
    layers: Mapping[str, np.ndarray],
    *,
    aligned: str = "grid",
    caption: str = "",
    legend: dict | None = None,
    histogram: dict | None = None,
    values: Mapping[str, np.ndarray] | None = None,
    reading: Reading = PLAIN,
) -> dict:
    """Layers over the originals, a PNG each.

    `layers`: uint8 by picture id, [h, w, 3 | 4] colours or [h, w] grey scores (where the view's are scores, 0..255
    standing for 0..1). `aligned`: whether a layer covers the patch "grid" or exactly the "picture". `caption`: the view's
    own where it is empty. `legend`: {"palette", "low", "high"} for a scale with its two ends, or {"entries": [[colour,
    label], ...]}. `histogram` says where scores are cut until the threshold component speaks. `values`: the numbers
    behind the layers by picture id, [h, w] or [h, w, k], which a pointer reads in the words of `reading`. Raises
    RequestError on another alignment.
    """
    if aligned not in ("grid", "picture"):
        raise RequestError(f"aligned is {aligned!r}; choose 'grid' or 'picture'.")
    return {
        "kind": view.key,
        "aligned": aligned,
        "blend": view.blend,
        "smooth": view.smooth,
        "scores": view.scores,
        "caption": caption or view.caption,
        "legend": legend or {},
        "threshold": histogram["threshold"] if histogram else 0.5,
        "invert": bool(histogram and histogram["invert"]),
        "layers": {identity: png_uri(layer) for identity, layer in layers.items()},
        "numbers": {identity: numbers_sent(value) for identity, value in (values or {}).items()},
        "reading": asdict(reading),
    }


def numbers_sent(values: np.ndarray) -> dict:
    """Numbers [h, w] or [h, w, k] as {"rows", "columns", "kind", "data"}, `data` in base64.

    `kind` is "u1" for whole numbers up to 255, "f2" (two bytes, 3 digits) for others, "f4" where these end at 65,504.
    """
    if np.issubdtype(values.dtype, np.integer) and values.min() >= 0 and values.max() <= 255:
        kind = "u1"
    else:
        kind = "f2" if np.abs(values).max() <= np.finfo(np.float16).max else "f4"
    data = base64_of(np.ascontiguousarray(values).astype(np.dtype(kind).newbyteorder("<")).tobytes())
    return {"rows": values.shape[0], "columns": values.shape[1], "kind": kind, "data": data}
