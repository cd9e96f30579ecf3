"""The Explore tab's answers: plain functions over the engine and small values, without Gradio."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from app.explore import views
from app.explore.program import program
from app.explore.settings import Settings
from app.explore.view import Painted, Scene
from app.server.encode import Encoded, encode_selection, features_key, patch_of
from app.server.engine import Engine
from app.server.models import Loaded
from app.server.session import NOTHING_SENT, Pin, Sent, Tray
from core import RequestError
from core.analysis.pca import PcaBasis


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
    """The next state of the Explore tab, and which parts of it the browser does not have yet."""

    encoded: Encoded
    painted: Painted
    facts: str
    histogram: dict | None
    program: str
    sent: Sent
    new_pictures: bool
    new_features: bool
    new_view: bool


def settings_of(values: dict, tray: Tray, model: Loaded, dragged: Dragged | None = None) -> Settings:
    """The settings from the values of widgets, by name; Otsu's threshold unless one was set for just these scores."""
    view = views.find(values["view"])
    common = {name: int(values[name]) for name in ("size", "block") if name in values}
    settings = Settings(view.name, **common, options=view.chosen(values))
    if not view.scores or dragged is None or dragged.scores != scores_key(tray, model, settings):
        return settings
    return replace(settings, options=replace(settings.options, threshold=dragged.threshold))


def scores_key(tray: Tray, model: Loaded, settings: Settings) -> tuple:
    """The key of the scores that a threshold cuts: all that they depend on."""
    return (*features_key(tray, model, settings), settings.view, settings.shown.painted_by(settings.options))


def read_basis(path: Path) -> Basis:
    """A saved PCA basis from a visitor's file; RequestError, which names the file but not where it lies, otherwise."""
    try:
        return Basis(path.name, hashlib.sha256(path.read_bytes()).hexdigest(), PcaBasis.load(path))
    except RequestError as error:
        raise RequestError(str(error).replace(str(path), path.name)) from None


def pin_at(engine: Engine, tray: Tray, model: Loaded, settings: Settings, identity: str, row: int, col: int) -> Pin:
    """The patch under the visitor's finger, kept as a position on the picture, which outlives a change of resolution."""
    picture = tray.find(identity)
    (geometry,) = engine.geometries(model, engine.items(tray, [picture]), settings.size)
    if not (0 <= row < geometry.rows and 0 <= col < geometry.columns):
        raise RequestError(f"Patch ({row}, {col}) is outside the grid of {geometry.rows}×{geometry.columns}.")
    return Pin(identity, *geometry.center(row, col))


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
    histogram, facts = shown.cut(painted.found, options) if shown.cut and painted.found else (None, painted.facts)
    return Screen(
        encoded=encoded,
        painted=painted,
        facts=facts,
        histogram=histogram,
        program=program(
            settings, model, tray.chosen, encoded.layer, patch_of(encoded, pin), basis.name if basis else None
        ),
        sent=Sent(pictures, features, view),
        new_pictures=sent.pictures != pictures,
        new_features=sent.features != features,
        new_view=sent.view != view,
    )


def scene(encoded: Encoded, settings: Settings, pin: Pin | None = None, basis: Basis | None = None) -> Scene:
    """Everything the view is painted from. A pin on a picture that is not selected any more asks nothing."""
    images = [item.image for item in encoded.items]
    applied = basis.basis if basis else None
    return Scene(settings.options, images, encoded.maps, encoded.captures, patch_of(encoded, pin), applied)
