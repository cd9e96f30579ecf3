"""Features of the selected pictures: what they depend on, what they cost, and the way to them."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.server.engine import Engine, Item, tokens_of
from app.server.jobs import duration
from app.server.models import OFFERED_PATCHES, Loaded, forward_cost
from app.server.session import FeatureSettings, Pin, Tray
from core import ModelError, RequestError
from core.features import FeatureMap
from core.pictures.geometry import whole_size
from core.wording import counted

NOTHING_SELECTED = "No picture is selected: tick one in the tray, or add your own."
PATIENCE_MS = 4000
"""A forward pass expected to take longer is run picture by picture, so that it can be followed and stopped."""


@dataclass(frozen=True)
class Encoded:
    """The selected pictures and what the model said of them, in the tray's order."""

    ids: tuple[str, ...]
    names: tuple[str, ...]
    items: list[Item]
    maps: list[FeatureMap]
    captures: list
    layer: int


@dataclass(frozen=True)
class Resolution:
    """The resolutions that a model is offered at, multiples of its patch in pixels, and the one it is shown at."""

    least: int
    most: int
    step: int
    value: int


def features_key(tray: Tray, model: Loaded, settings: FeatureSettings) -> tuple:
    """The key of the selection's features: all that they depend on."""
    pictures = tuple((picture.id, picture.digest) for picture in tray.chosen)
    return pictures, settings.size, model.identity, settings.layer(model.depth)


def resolution(model: Loaded, size: float, before: int) -> Resolution:
    """The resolutions for a model: shown at its own, unless a visitor chose a `size` other than the one `before`.

    That was the own one of the model before. What was chosen is kept, as near as this model's patch and bounds allow.
    """
    own, patch = model.default_size, model.model.config.patch
    least, most = (bound * patch for bound in OFFERED_PATCHES)
    least, most = min(least, own), max(most, own)
    value = own if size == before else whole_size(int(min(max(size, least), most)), patch)
    return Resolution(least, most, patch, value)


def model_name(words: str) -> str:
    """A model's name as typed, without the spaces about it; ModelError where nothing is left."""
    if not (words or "").strip():
        raise ModelError("Type the path of a run folder or of a file of weights, or hf:owner/name, or timm:name.")
    return words.strip()


def encode(
    engine: Engine, tray: Tray, model: Loaded, settings: FeatureSettings, stop: threading.Event | None = None
) -> Iterator[str]:
    """Compute whatever the view lacks; before each part, a sentence that says what, how far and how long still.

    Nothing is yielded, and no model runs, where everything is known already. Raises Stopped once `stop` is set.
    """
    items, layer, size = engine.items(tray), settings.layer(model.depth), settings.size
    lacking = engine.missing(model, items, layer, size)
    for done, part in _parts(engine, model, lacking, size):
        yield _waiting(engine, model, lacking[done:], size, done, len(lacking))
        engine.feature_maps(model, part, layer, size, stop)
    if settings.takes:
        lacking = engine.missing_captures(model, items, settings.takes, layer, size)
        for done, item in enumerate(lacking):
            yield _waiting(engine, model, lacking[done:], size, done, len(lacking))
            engine.captures(model, [item], settings.takes, layer, size, stop)


def encode_selection(engine: Engine, tray: Tray, model: Loaded, settings: FeatureSettings) -> Encoded:
    """Features of the selected pictures, and attention where the view needs it."""
    chosen = tray.chosen
    if not chosen:
        raise RequestError(NOTHING_SELECTED)
    items, layer = engine.items(tray), settings.layer(model.depth)
    maps = engine.feature_maps(model, items, layer, settings.size)
    captures = engine.captures(model, items, settings.takes, layer, settings.size) if settings.takes else []
    ids, names = (tuple(getattr(picture, name) for picture in chosen) for name in ("id", "name"))
    return Encoded(ids, names, items, maps, captures, layer)


def patch_of(encoded: Encoded, pin: Pin | None) -> tuple[int, tuple[int, int]] | None:
    """Number of the pinned picture and (row, col) of the patch; None where none is pinned or it is not selected."""
    if pin is None or pin.picture not in encoded.ids:
        return None
    index = encoded.ids.index(pin.picture)
    return index, encoded.maps[index].geometry.patch_at(pin.x, pin.y)


def cost(engine: Engine, tray: Tray, model: Loaded, settings: FeatureSettings) -> str:
    """The price of the chosen resolution: patches, time by the last forward pass, times the model's own resolution."""
    items = engine.items(tray)
    if not items:
        return ""
    tokens = tokens_of(engine.geometries(model, items, settings.size))
    times = cost_to_usual(engine, items, model, settings.size)
    text = counted(sum(tokens), "patch", "patches") + (
        f" in {counted(len(items), 'picture')}" if len(items) > 1 else ""
    )
    estimate = model.estimate(tokens)
    lacking = engine.missing(model, items, settings.layer(model.depth), settings.size)
    if not lacking:
        return f"{text} · computed already"
    spent = f" · about {duration(estimate)}" if estimate else ""
    return f"{text}{spent} · ×{times:.1f} of {model.default_size} px"


def cost_to_usual(engine: Engine, items: Sequence[Item], model: Loaded, size: int) -> float:
    """How many times the work at the model's own resolution a forward pass over some pictures is, at least one."""
    wanted, usual = (
        sum(forward_cost(model.model.config, count) for count in tokens_of(engine.geometries(model, items, one)))
        for one in (size, model.default_size)
    )
    return wanted / usual


def _parts(engine: Engine, model: Loaded, items: list[Item], size: int) -> Iterator[tuple[int, list[Item]]]:
    if not items:
        return
    estimate = model.estimate(tokens_of(engine.geometries(model, items, size)))
    if estimate is None or estimate <= PATIENCE_MS:
        yield 0, items
        return
    for done, item in enumerate(items):
        yield done, [item]


def _waiting(engine: Engine, model: Loaded, rest: list[Item], size: int, done: int, total: int) -> str:
    estimate = model.estimate(tokens_of(engine.geometries(model, rest, size)))
    far = f", {done} done" if done else ""
    remaining = f", about {duration(estimate)} left" if estimate and estimate > 1000 else ""
    return f"Looking at {counted(total, 'picture')} at {size} px{far}{remaining} …"
