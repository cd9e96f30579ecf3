"""One picture in every block, and for attention in every head, as small multiples: what changes on the way through.

The prop is {"name", "groups": [{"title", "kind", "tiles": [{"number", "uri", "shown"}, ...]}, ...]}; `kind` is "block"
or "head", `number` counts from 1, `shown` says whether the stage shows this one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import gradio as gr
import numpy as np

from app.explore import handlers
from app.explore.handlers import Screen
from app.explore.prints import painted
from app.explore.settings import Settings
from app.explore.view import View
from app.page import modules
from app.page.waiting import waits
from app.server.encode import NOTHING_SELECTED
from app.server.engine import Engine
from app.server.models import Loaded
from app.server.session import Pin, Tray
from core import RequestError
from core.analysis.steady import turned
from core.encoding import picture_address

SIDE = 320
"""Longer side of a tile in pixels, twice what is seen."""


def multiples_component(elem_id: str = "multiples-board") -> gr.HTML:
    """Tiles to choose from. `.select` has the event data {"kind", "number"}."""
    return modules.component("explore/multiples.js", elem_id, multiples={})


def multiples(engine: Engine, tray: Tray, model: Loaded, settings: Settings, pin: Pin | None) -> Iterator[dict]:
    """Updates of `status` and `stop` while something is computed, and last {"multiples": the prop}.

    The picture is the one with the pinned patch, or the first that is selected. RequestError where none is.
    """
    if not tray.chosen:
        raise RequestError(NOTHING_SELECTED)
    chosen = next((one for one in tray.chosen if pin is not None and one.id == pin.picture), tray.chosen[0])
    alone = replace(tray, selected=(chosen.id,))
    every = (
        {} if settings.takes == "words" else {"block": _blocks(model, settings)}
    )  # words are of the last block alone
    every |= {"head": _heads(model, settings)} if settings.attends else {}
    for one in [one for those in every.values() for one in those]:
        for update in waits(engine, alone, model, one):
            yield {name: value for name, value in update.items() if name != "stage"}
    groups = [_group(engine, alone, model, settings, kind, those, pin) for kind, those in every.items()]
    yield {"multiples": gr.HTML(multiples={"name": chosen.name, "groups": groups}), "stop": gr.update(visible=False)}


def alike(screens: Sequence[Screen], view: View) -> list[Screen]:
    """The screens; where colours have no direction of their own, each is turned to be most like the next one's."""
    if not view.turns:
        return list(screens)
    made = list(screens[-1:])
    for screen in reversed(screens[:-1]):
        (layer,), (towards,) = screen.painted.layers, made[0].painted.layers
        flat = turned(layer.reshape(-1, 3) / 255, towards.reshape(-1, 3) / 255)
        colours = np.round(flat * 255).astype(np.uint8).reshape(layer.shape)
        made.insert(0, replace(screen, painted=replace(screen.painted, layers=[colours])))
    return made


def _group(
    engine: Engine, tray: Tray, model: Loaded, settings: Settings, kind: str, those: Sequence[Settings], pin: Pin | None
) -> dict:
    screens = alike([handlers.show(engine, tray, model, one, pin=pin) for one in those], settings.shown)
    images = [painted(screen, settings, 0, *_size(screen)) for screen in screens]
    now = _block(model, settings) if kind == "block" else _head(settings)
    tiles = [
        {"number": number, "uri": picture_address(image, "JPEG", quality=85), "shown": number == now}
        for number, image in enumerate(images, start=1)
    ]
    return {"title": _title(kind, settings, model), "kind": kind, "tiles": tiles}


def _blocks(model: Loaded, settings: Settings) -> list[Settings]:
    return [replace(settings, block=block) for block in range(1, model.depth + 1)]


def _heads(model: Loaded, settings: Settings) -> list[Settings]:
    heads = range(1, model.model.config.heads + 1)
    return [replace(settings, options=replace(settings.options, head=str(head))) for head in heads]


def _block(model: Loaded, settings: Settings) -> int:
    """Counted from 1."""
    return settings.layer(model.depth) + model.depth + 1


def _head(settings: Settings) -> int:
    """0 for the mean of all."""
    return int(settings.options.head) if settings.options.head.isdigit() else 0


def _title(kind: str, settings: Settings, model: Loaded) -> str:
    if kind == "head":
        return f"All heads of block {_block(model, settings)}"
    if not settings.attends:
        return "All blocks"
    return f"All blocks, head {_head(settings)}" if _head(settings) else "All blocks, mean over heads"


def _size(screen: Screen) -> tuple[int, int]:
    """(width, height) of a tile."""
    (item,) = screen.encoded.items
    scale = SIDE / max(item.image.size)
    return max(round(item.image.width * scale), 1), max(round(item.image.height * scale), 1)
