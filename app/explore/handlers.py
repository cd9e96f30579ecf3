"""What happens when a visitor does something: plain functions over the engine and small values, without Gradio."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from app.explore import views
from app.explore.program import program
from app.explore.view import Painted, Scene
from app.page.sentences import duration
from app.server.engine import Engine, Item, tokens_of
from app.server.models import Loaded, forward_cost
from app.server.session import NOTHING_SENT, Picture, Pin, Sent, Settings, Tray
from app.server.uploads import GALLERY
from core import ModelError, RequestError
from core.analysis.pca import PcaBasis
from core.features import FeatureMap
from core.pictures.gallery import samples
from core.pictures.geometry import whole_size

FIRST_SHOWN, FIRST_SELECTED = 5, 4
"""Sample pictures in the tray, and of these looked at, when the page opens."""
NOTHING_SELECTED = "No picture is selected: tick one in the tray, or add your own."
OFFERED_PATCHES = (14, 74)
"""Along the longer side: with fewer nothing is recognised; 74 are four times the work of the published models' 37."""
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


@dataclass(frozen=True)
class Basis:
    """A saved PCA basis that a visitor applies: the file's name, its hash, and what is in it."""

    name: str
    digest: str
    basis: PcaBasis


@dataclass(frozen=True)
class Dragged:
    """A threshold set by hand, and the scores it was set for: others get Otsu's again."""

    threshold: float
    scores: tuple


@dataclass(frozen=True)
class Screen:
    """What the Explore tab shows next, and which parts of it the browser does not have yet."""

    encoded: Encoded
    painted: Painted
    facts: str
    histogram: dict | None
    program: str
    sent: Sent
    new_pictures: bool
    new_features: bool
    new_view: bool


def gallery(engine: Engine) -> list[tuple[str, str]]:
    """(name, hash) of every sample picture, kept where all visitors may read it."""
    return engine.painted.recall(
        "gallery",
        lambda: [
            (sample.name, engine.library.add(GALLERY, sample.path.read_bytes(), sample.name)) for sample in samples()
        ],
    )


def open_tray(engine: Engine, visitor: str) -> Tray:
    """The tray a page opens with: the gallery, its first pictures selected."""
    tray = Tray(visitor)
    for index, (name, digest) in enumerate(gallery(engine)[:FIRST_SHOWN]):
        tray = tray.add(name, digest, sample=True, select=index < FIRST_SELECTED)
    return tray


def add_sample(engine: Engine, tray: Tray, index: int) -> Tray:
    """With one of the gallery's pictures back in the tray."""
    choices = gallery(engine)
    if not 0 <= index < len(choices):
        raise RequestError(f"There is no sample {index}; there are {len(choices)}.")
    name, digest = choices[index]
    return tray.add(name, digest, sample=True)


def remove(engine: Engine, tray: Tray, identity: str) -> Tray:
    """Without one picture, whose file is forgotten."""
    engine.library.drop(tray.visitor, tray.find(identity).digest)
    return tray.remove(identity)


def thumbnail(engine: Engine, tray: Tray, picture: Picture, side: int = 192) -> Image.Image:
    """A small copy of one picture, longer side `side` pixels."""

    def make() -> Image.Image:
        (item,) = engine.items(tray, [picture])
        small = item.image.copy()
        small.thumbnail((side, side))
        return small

    return engine.painted.recall(("small", picture.digest, side), make)


def sample_pictures(engine: Engine) -> list[tuple[Image.Image, str]]:
    """(small picture, name) of the whole gallery."""
    pictures = [Picture("", name, digest, sample=True) for name, digest in gallery(engine)]
    return [(thumbnail(engine, Tray(), picture), picture.name) for picture in pictures]


def settings_of(values: dict, tray: Tray, model: Loaded, dragged: Dragged | None = None) -> Settings:
    """The settings from the values of widgets, by name; Otsu's threshold unless one was set for just these scores."""
    view = views.find(values["view"])
    common = {name: int(values[name]) for name in ("size", "block") if name in values}
    settings = Settings(view.name, **common, options=view.chosen(values))
    if not view.scores or dragged is None or dragged.scores != scores_key(tray, model, settings):
        return settings
    return replace(settings, options=replace(settings.options, threshold=dragged.threshold))


def scores_key(tray: Tray, model: Loaded, settings: Settings) -> tuple:
    """What the scores that a threshold cuts depend on."""
    return (*features_key(tray, model, settings), settings.view, settings.shown.painted_by(settings.options))


def features_key(tray: Tray, model: Loaded, settings: Settings) -> tuple:
    """What the features of the selection depend on."""
    pictures = tuple((picture.id, picture.digest) for picture in tray.chosen)
    return pictures, settings.size, model.identity, settings.layer(model.depth)


def read_basis(path: Path) -> Basis:
    """A saved PCA basis from a visitor's file; RequestError, which names the file but not where it lies, otherwise."""
    try:
        return Basis(path.name, hashlib.sha256(path.read_bytes()).hexdigest(), PcaBasis.load(path))
    except RequestError as error:
        raise RequestError(str(error).replace(str(path), path.name)) from None


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
        raise ModelError("Type the path of a run folder or of a file of weights, or hf:owner/name.")
    return words.strip()


def pin_at(engine: Engine, tray: Tray, model: Loaded, settings: Settings, identity: str, row: int, col: int) -> Pin:
    """The patch under the visitor's finger, kept as a position on the picture, which outlives a change of resolution."""
    picture = tray.find(identity)
    (geometry,) = engine.geometries(model, engine.items(tray, [picture]), settings.size)
    if not (0 <= row < geometry.rows and 0 <= col < geometry.columns):
        raise RequestError(f"Patch ({row}, {col}) is outside the grid of {geometry.rows}×{geometry.columns}.")
    return Pin(identity, *geometry.center(row, col))


def encode(
    engine: Engine, tray: Tray, model: Loaded, settings: Settings, stop: threading.Event | None = None
) -> Iterator[str]:
    """Compute whatever the view lacks; before each part, a sentence that says what, how far and how long still.

    Nothing is yielded, and no model runs, where everything is known already. Raises Stopped once `stop` is set.
    """
    items, layer, size = engine.items(tray), settings.layer(model.depth), settings.size
    lacking = engine.missing(model, items, layer, size)
    for done, part in _parts(engine, model, lacking, size):
        yield _waiting(engine, model, lacking[done:], size, done, len(lacking))
        engine.feature_maps(model, part, layer, size, stop)
    if settings.shown.attends:
        lacking = engine.missing_attention(model, items, layer, size)
        for done, item in enumerate(lacking):
            yield _waiting(engine, model, lacking[done:], size, done, len(lacking))
            engine.attention(model, [item], layer, size, stop)


def show(
    engine: Engine,
    tray: Tray,
    model: Loaded,
    settings: Settings,
    *,
    pin: Pin | None = None,
    basis: Basis | None = None,
    sent: Sent = NOTHING_SENT,
) -> Screen:
    """The view that the settings ask for, of the selected pictures; RequestError where none is selected."""
    encoded = encode_selection(engine, tray, model, settings)
    features = features_key(tray, model, settings)
    pictures = features[:2]
    shown, options = settings.shown, settings.options
    asked = pin if shown.asks(options) else None
    # the threshold is drawn by the browser, so that moving it paints nothing anew
    view = (*features, shown.name, shown.painted_by(options), asked, basis and basis.digest)
    painted = engine.painted.recall(view, lambda: shown.paint(scene(encoded, settings, pin, basis)))
    histogram, facts = shown.cut(painted.found, options) if shown.scores else (None, painted.facts)
    return Screen(
        encoded=encoded,
        painted=painted,
        facts=facts,
        histogram=histogram,
        program=program(
            settings, model, tray.chosen, encoded.layer, pin and patch_of(encoded, pin), basis and basis.name
        ),
        sent=Sent(pictures, features, view),
        new_pictures=sent.pictures != pictures,
        new_features=sent.features != features,
        new_view=sent.view != view,
    )


def encode_selection(engine: Engine, tray: Tray, model: Loaded, settings: Settings) -> Encoded:
    """Features of the selected pictures, and attention where the view needs it."""
    chosen = tray.chosen
    if not chosen:
        raise RequestError(NOTHING_SELECTED)
    items, layer = engine.items(tray), settings.layer(model.depth)
    maps = engine.feature_maps(model, items, layer, settings.size)
    captures = engine.attention(model, items, layer, settings.size) if settings.shown.attends else []
    ids, names = (tuple(getattr(picture, name) for picture in chosen) for name in ("id", "name"))
    return Encoded(ids, names, items, maps, captures, layer)


def scene(encoded: Encoded, settings: Settings, pin: Pin | None = None, basis: Basis | None = None) -> Scene:
    """What the view is painted from. A pin on a picture that is not selected any more asks nothing."""
    images = [item.image for item in encoded.items]
    asked = pin and patch_of(encoded, pin)
    return Scene(settings.options, images, encoded.maps, encoded.captures, asked, basis and basis.basis)


def patch_of(encoded: Encoded, pin: Pin) -> tuple[int, tuple[int, int]] | None:
    """Number of the pinned picture and (row, col) of the patch; None where that picture is not selected."""
    if pin.picture not in encoded.ids:
        return None
    index = encoded.ids.index(pin.picture)
    return index, encoded.maps[index].geometry.patch_at(pin.x, pin.y)


def cost(engine: Engine, tray: Tray, model: Loaded, settings: Settings) -> str:
    """What the chosen resolution costs: patches, time by the last forward pass, times the model's own resolution."""
    items = engine.items(tray)
    if not items:
        return ""
    tokens = tokens_of(engine.geometries(model, items, settings.size))
    usual = tokens_of(engine.geometries(model, items, model.default_size))
    times = sum(forward_cost(model.model.config, count) for count in tokens) / sum(
        forward_cost(model.model.config, count) for count in usual
    )
    text = f"{sum(tokens):,} patches in {len(items)} pictures" if len(items) > 1 else f"{tokens[0]:,} patches"
    estimate = model.estimate(tokens)
    lacking = engine.missing(model, items, settings.layer(model.depth), settings.size)
    if not lacking:
        return f"{text} · computed already"
    spent = f" · about {duration(estimate)}" if estimate else ""
    return f"{text}{spent} · ×{times:.1f} of {model.default_size} px"


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
    pictures = "1 picture" if total == 1 else f"{total} pictures"
    far = f", {done} done" if done else ""
    remaining = f", about {duration(estimate)} left" if estimate and estimate > 1000 else ""
    return f"Looking at {pictures} at {size} px{far}{remaining} …"
