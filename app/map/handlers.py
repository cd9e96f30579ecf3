"""The Map tab's answers: plain functions over the engine and small values, without Gradio."""

import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

import numpy as np

from app.map.colours import Colouring, coloured
from app.map.desk import UmapDesk, Waiting
from app.map.payloads import about_points
from app.map.points import Atlas, of_collection, of_patches, of_tray
from app.server.encode import encode
from app.server.engine import Engine
from app.server.jobs import Job
from app.server.memory import Memory
from app.server.models import Loaded
from app.server.session import FeatureSettings, Tray
from app.server.turns import Stopped
from app.server.uploads import add_bytes
from core import RequestError
from core.collection.collection import Collection
from core.projection.components import Projection, project
from core.projection.umap import FEWEST, UmapSettings
from core.wording import counted

TRAY, PATCHES = "The tray", "Patches of the selected pictures"
LAYOUTS = ("UMAP", "Principal components")
ATLAS_MB = 512
GONE = "This map is no longer kept: choose again what is mapped, and it is drawn anew."


@dataclass(frozen=True)
class MapState:
    """A visitor's map as small keys; the points themselves are kept once for everybody."""

    token: str = ""
    wish: tuple | None = None
    """The UMAP that was asked for."""
    arrived: bool = False
    """Whether it is what one sees; until then it is the principal components."""
    asked: int | None = None
    """The point clicked last."""
    chosen: tuple[int, ...] = ()
    """Those chosen last, by a line round them or as all that are shown."""


class MapRoom:
    """The points of all maps that are looked at, and the desk where their UMAPs are asked for."""

    def __init__(self, engine: Engine, desk: UmapDesk | None = None):
        self.engine = engine
        self.desk = desk or UmapDesk(engine.shelf.cache / "maps")
        self._kept = Memory(ATLAS_MB)

    def sources(self) -> list[tuple[str, str]]:
        """(title, key) of what can be mapped here: what ships first, the own collections last."""
        listed = [(one.label, one.key) for one in self.engine.shelf.listed() if not one.problem]
        ships = len(self.engine.shelf.shipped)
        return [*listed[:ships], (TRAY, TRAY), (PATCHES, PATCHES), *listed[ships:]]

    def open(
        self, source: str, tray: Tray, model: Loaded, layer: int, size: int, stop: threading.Event
    ) -> Iterator[str | Atlas]:
        """Sentences on what is waited for, then the points of a source. Raises Stopped, and RequestError for no source."""
        if source == TRAY:
            yield from encode(
                self.engine, replace(tray, selected=_all(tray)), model, _settings(layer, size, model), stop
            )
            atlas = of_tray(self.engine, tray, model, layer, size)
        elif source == PATCHES:
            yield from encode(self.engine, tray, model, _settings(layer, size, model), stop)
            atlas = of_patches(self.engine, tray, model, layer, size)
        elif source in self.engine.shelf.shipped:
            collection = yield from self._shipped(source, model, stop)
            shelf = self.engine.shelf
            atlas = of_collection(source, collection, lambda name: shelf.original(source, name), shelf.credit(source))
        else:
            atlas = of_collection(source, self.engine.shelf.look(source))
        self._kept.put(("atlas", atlas.token), atlas)
        yield atlas

    def known(self, token: str) -> Atlas | None:
        """The points behind a token, while they are kept."""
        return self._kept.get(("atlas", token))

    def atlas(self, token: str) -> Atlas:
        """The points behind a token; RequestError where they had to make room."""
        atlas = self.known(token)
        if atlas is None:
            raise RequestError(GONE)
        return atlas

    def components(self, atlas: Atlas) -> Projection:
        return self._kept.recall(("pca", atlas.token), lambda: project(atlas.vectors))

    def ask(self, atlas: Atlas, settings: UmapSettings, visitor: str = "") -> tuple | None:
        """The key of the UMAP of these points, on its way now; None for too few."""
        if len(atlas) < FEWEST:
            return None
        return self.desk.ask(atlas.token, atlas.vectors, settings, visitor)

    def leave(self, shown: MapState, visitor: str) -> None:
        """This visitor does not wait for the UMAP any more."""
        if shown.wish and not shown.arrived:
            self.desk.leave(shown.wish, visitor)

    def caption(self, atlas: Atlas, shown: MapState, settings: UmapSettings) -> str:
        """A caption: the way to read the map."""
        grown = bool(shown.arrived and shown.wish and self.desk.is_grown(shown.wish))
        return caption(atlas, self.components(atlas), shown.arrived, settings, grown)

    def look(self, shown: MapState) -> np.ndarray | Waiting | None:
        """The UMAP that was asked for, or how far it is."""
        return self.desk.look(shown.wish) if shown.wish else None

    def places(self, shown: MapState) -> np.ndarray:
        """The points' places that are shown, [n, 2]."""
        atlas = self.atlas(shown.token)
        if shown.arrived and shown.wish:
            places = self.ask(atlas, shown.wish[1]) and self.look(shown)
            if isinstance(places, np.ndarray):
                return places
        return self.components(atlas).coordinates

    def colouring(self, shown: MapState, by: str, groups: int) -> Colouring:
        atlas = self.atlas(shown.token)
        key = ("colours", shown.token, shown.arrived and shown.wish, by, groups, by == "similarity" and shown.asked)
        return self._kept.recall(key, lambda: coloured(atlas, self.places(shown), by, groups, shown.asked))

    def about(self, request: dict) -> dict[str, dict]:
        """Names and thumbnails of points in sight. Nothing for a map that the visitor cannot know."""
        atlas = self.known(str(request.get("token")))
        ids = [point for point in request.get("ids", []) if isinstance(point, int)]
        return about_points(atlas, ids) if atlas else {}

    def into_tray(self, shown: MapState, point: int, tray: Tray) -> Tray:
        """The tray with the picture of a point in it, selected."""
        atlas = self.atlas(shown.token)
        if not 0 <= point < len(atlas):
            raise RequestError(f"There is no point {point} on this map, which has {len(atlas)}.")
        picture = atlas.picture(point)
        if isinstance(picture, str):
            return tray.select(picture, True)
        name, data = picture
        return add_bytes(self.engine.library, tray, data, name)

    def _shipped(self, key: str, model: Loaded, stop: threading.Event) -> Generator[str, None, Collection]:
        """Sentences while a model sees pictures that ship for the first time, and at the end their collection."""
        if self.engine.shelf.is_filled(key, model):
            return self.engine.shelf.open(key, model)
        job = Job(
            "The model looks at these pictures for the first time",
            lambda progress, _: self.engine.shelf.fill(key, model, progress, stop.is_set),
        )
        yield from job.sentences()
        if stop.is_set():
            raise Stopped
        return job.result()


def caption(atlas: Atlas, components: Projection, arrived: bool, settings: UmapSettings, grown: bool = False) -> str:
    """A caption: the way to read the map."""
    thanks = f" {atlas.credit}" if atlas.credit else ""
    if arrived:
        return (
            f"UMAP of {counted(len(atlas), 'point')}: near ones are alike to the model; far apart means little, and so does the "
            f"size of a group. {settings.neighbours} neighbours, distance {settings.distance:g}, seed {settings.seed}."
            + (" It grew from the map before, so that pictures stay about where they were." if grown else "")
            + thanks
        )
    x, y = components.explained
    return (
        f"Principal components of {counted(len(atlas), 'point')}: {x:.0%} of their variance to the right, {y:.0%} upwards. "
        f"Near ones are alike to the model in these two respects.{thanks}"
    )


def _all(tray: Tray) -> tuple[str, ...]:
    return tuple(picture.id for picture in tray.pictures)


def _settings(layer: int, size: int, model: Loaded) -> FeatureSettings:
    return FeatureSettings(size=size, block=model.depth + 1 + layer)
