"""Components that the browser draws itself: the stage with the pictures, the tray, the threshold …; and the props of each.

A component's JavaScript, beside its tab, keeps its own DOM and reads its props; Python changes them one by one, as in
`gr.HTML(view=view_prop(...))`, and props that are left out are neither sent again nor drawn anew.

- stage: props `pictures`, `features`, `view`, and `busy` (bool: a thin bar runs over it). An empty `pictures_prop([])`
  shows what to do. `.select` has the event data {"picture", "row", "col"} of the patch pinned last, {} when cleared.
- tray: prop `items`, a list of {"id", "name", "thumb" (address or data URI), "selected"}. `.select` gives
  {"id", "selected"}, `.delete` {"id"}.
- threshold: prop `histogram`, {"counts", "edges", "threshold", "otsu" (optional), "invert"}. Whenever it is set or
  dragged, the stage's foreground follows in the browser. `.change` gives {"threshold": t} on release, or
  {"threshold": None} where the visitor goes back to Otsu's. The switch for `invert` is a checkbox of the page.
- `page_head()` goes into `launch(head=...)`: paste and drop anywhere, keys, light and dark. The page's own buttons
  call `window.dinoscope.toggleShade()` and find their files input in `#add-files`, their view radio in `#view`,
  their help button in `#help`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import numpy as np
from PIL import Image

from core.analysis.compact import compact
from core.encoding import base64_of, picture_address
from core.features import FeatureMap, Geometry

APP = Path(__file__).parents[1]
DISPLAY_SIDE = 1024
"""Longer side of the copies that are sent: sharp on a screen where two pictures stand side by side."""


@dataclass(frozen=True)
class StagePicture:
    """One picture on the stage. `id` is unique in a visitor's tray, `name` may hold anything, HTML too."""

    id: str
    name: str
    image: Image.Image
    """RGB, the original."""
    geometry: Geometry


def pictures_prop(pictures: Sequence[StagePicture]) -> dict:
    """{"pictures": [{id, name, width, height, rows, columns, covered, uri}, ...]}.

    `width` and `height` are the original's, in pixels; `covered` is left, top, right, bottom of the patch grid as
    fractions of the picture (a little outside 0..1 where it was padded); `uri` a JPEG of at most DISPLAY_SIDE.
    """
    return {"pictures": [_picture(picture) for picture in pictures]}


def features_prop(ids: Sequence[str], maps: Sequence[FeatureMap], dims: int = 64) -> dict:
    """{"dims", "scales", "error", "grids": {id: {rows, columns, data}}}, `data` int8 [h, w, k] in base64.

    See `compact` for what the numbers mean; `dims` is the least number of dimensions.
    """
    if not maps:
        return {"dims": 0, "scales": [], "error": 0.0, "grids": {}}
    small = compact(maps, dims)
    grids = {
        identity: {"rows": grid.shape[0], "columns": grid.shape[1], "data": base64_of(grid.numpy().tobytes())}
        for identity, grid in zip(ids, small.grids, strict=True)
    }
    return {"dims": len(small.scales), "scales": small.scales.tolist(), "error": small.error, "grids": grids}


def stage_component(elem_id: str = "stage") -> gr.HTML:
    """The pictures under the view, with everything a pointer can ask them."""
    return _component("stage", elem_id, pictures={"pictures": []}, features={}, view={}, busy=False)


def tray_component(elem_id: str = "tray") -> gr.HTML:
    """The visitor's pictures as thumbnails that can be selected and removed."""
    return _component("tray", elem_id, items=[])


def threshold_component(elem_id: str = "threshold") -> gr.HTML:
    """A histogram with a threshold to drag."""
    return _component("threshold", elem_id, histogram={})


def match_component(elem_id: str = "match-stage") -> gr.HTML:
    """A reference beside other pictures, lines between them, and a pointer that is followed into each of them.

    Props `pictures` and `features` as the stage's, `matches` as `app.match.payloads.matches_prop` says, `busy`. `.select`
    has the event data {"reference": id}, `.submit` {"picture", "outline": [[x, y], ...]} of a drawn region in shares of
    the picture, `.clear` {}.
    """
    return _component("match", elem_id, pictures={}, features={}, matches={}, busy=False)


def timeline_component(elem_id: str = "timeline") -> gr.HTML:
    """The same pictures at every step of a training run, with the curves of its scores. See `app.emergence.timelines`."""
    return _component("timeline", elem_id, timeline={}, busy=False)


def compare_component(elem_id: str = "comparison") -> gr.HTML:
    """The same pictures through several models, column by column. See `app.compare.handlers`."""
    return _component("compare", elem_id, comparison={}, busy=False)


def atlas_component(about: Callable, elem_id: str = "atlas") -> gr.HTML:
    """A map of points that become pictures as one nears them.

    Props `places` and `colours` as `app.map.payloads` makes them, `note` and `empty` (sentences below it and in its
    place), `inline` (what is known of each point, for a map without a server). `about` is called by the browser with
    {"token", "ids"} for the points in sight. `.select` has the event data {"token", "id"} of a point clicked, `.submit`
    the same of one to be opened, `.input` {"token", "ids"} of those drawn round.
    """

    def asked(request: dict) -> dict:  # a plain function, since Gradio marks what it may be called by
        return about(request)

    asked.__name__ = "about"
    props = {"places": {}, "colours": {}, "note": "", "empty": "", "inline": None}
    return _component("atlas", elem_id, server_functions=[asked], **props)


def figures_component(elem_id: str) -> gr.HTML:
    """Figures of Plotly's side by side, whose script the browser fetches with the first of them.

    Prop `figures`: texts that `core.figures.as_json` made. Points of a trace with a picture's id as `meta` stand
    for its patches, row by row: pointing at one asks the stage, a click holds it there.
    """
    return _component("figures", elem_id, figures=[])


def script_of(name: str) -> str:
    """The script of a component, for a page of its own: it finds `element`, `props`, `trigger` and `watch` in scope."""
    return _source(*_PARTS[name])


def query_component(elem_id: str = "search-query") -> gr.HTML:
    """The selected pictures, each for, against or left out, as a whole or a part of it.

    Prop `query` as `app.search.payloads.query_prop` says. `.submit` has the event data {"asked": [{picture, against,
    box, point}, ...]}, boxes and points in shares of the picture's sides.
    """
    return _component("search-query", elem_id, query={})


def results_component(elem_id: str = "search-results") -> gr.HTML:
    """Results as a grid, lit where they match.

    Prop `results` as `app.search.payloads.results_prop` says, `busy`. `.select` gives {"ids": [...]} of the marked
    ones, `.submit` {"id"} of one that is wanted in the tray.
    """
    return _component("search-results", elem_id, results={}, busy=False)


def curation_component(elem_id: str = "search-curation") -> gr.HTML:
    """Images that a curation kept and dropped: counts, dropped ones page by page, its report.

    Props as `app.search.curation` says: `curation`, `page`, `report`. `.select` gives {"kind", "page"} of what is to
    be shown, `.submit` {} where the report is asked for.
    """
    return _component("search-curation", elem_id, curation={}, page={}, report="")


def page_head() -> str:
    """What belongs to the whole page, as a script for its head."""
    return f"<script>{_source('page/page')}</script>"


def _component(name: str, elem_id: str, **props) -> gr.HTML:
    # the template stays empty: Gradio then never touches the DOM that the script builds
    return gr.HTML(
        html_template="",
        js_on_load=_source(*_PARTS[name]),
        apply_default_css=False,
        container=False,
        padding=False,
        elem_id=elem_id,
        elem_classes=["dino-component"],
        **props,
    )


_ASKING = tuple(
    f"page/{name}"
    for name in (
        "palettes", "similarity", "layout", "layers", "picture", "toolbar", "saving", "question", "lifetime",
    )
)  # fmt: skip
"""What every component with pictures in it is made of."""
_PARTS = {
    "stage": (*_ASKING, "explore/stage"),
    "match": (
        "page/palettes", "page/similarity", "page/layout", "page/layers", "page/picture", "page/question",
        "page/lifetime", "match/carry", "match/beside", "match/outline", "match/lines", "match/match",
    ),
    "timeline": (*_ASKING, "emergence/matching", "emergence/curves", "emergence/timeline"),
    "compare": (*_ASKING, "compare/compare"),
    "tray": ("page/tray",),
    "threshold": ("explore/threshold",),
    "figures": ("page/picture", "page/lifetime", "page/patch", "page/figures"),
    "atlas": ("map/painter", "map/places", "map/camera", "map/thumbnails", "map/map", "map/hand"),
    "search-query": ("search/query",),
    "search-results": ("search/results",),
    "search-curation": ("search/curation",),
}  # fmt: skip


def styles() -> list[Path]:
    """The style sheets of all rooms; the page's come first, so that a tab's may differ."""
    return sorted(APP.glob("*/*.css"), key=lambda path: (path.parent.name != "page", path))


def _source(*names: str) -> str:
    """The files as one script: their functions see one another and nothing else does."""
    return "\n".join((APP / f"{name}.js").read_text("utf-8") for name in names)


def png_uri(layer: np.ndarray) -> str:
    """A layer [h, w, C] or [h, w] uint8 as an address that holds the whole picture, without loss."""
    return picture_address(layer, "PNG")


def _picture(picture: StagePicture) -> dict:
    geometry = picture.geometry
    left, top, right, bottom = geometry.covered
    width, height = geometry.width, geometry.height
    small = picture.image.convert("RGB")
    small.thumbnail((DISPLAY_SIDE, DISPLAY_SIDE), Image.Resampling.LANCZOS)
    return {
        "id": picture.id,
        "name": picture.name,
        "width": width,
        "height": height,
        "rows": geometry.rows,
        "columns": geometry.columns,
        "covered": [left / width, top / height, right / width, bottom / height],
        "uri": picture_address(small, "JPEG", quality=88),
    }
