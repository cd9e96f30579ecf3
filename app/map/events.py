"""The wiring of the Map tab: the map is drawn by its principal components at once, and glides into UMAP when that is there."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
import numpy as np

from app.map import endpoints, files
from app.map import tab as layout
from app.map.choice import Choice
from app.map.filtering import filtered as filtering
from app.map.handlers import LAYOUTS, MapRoom, MapState
from app.map.payloads import colours_prop, places_prop
from app.map.points import Atlas
from app.map.tab import Map
from app.page.linked import Filtered
from app.page.shared import Shared, Tab
from app.page.told import Told
from app.page.wiring import DOWNLOAD, LONG, STOPPED, answer, any_of, busy, stops, warn
from app.server.engine import Engine
from app.server.lines import Line
from app.server.session import FeatureSettings, Tray
from app.server.spool import spool
from core import DinoError, RequestError
from core.collection.facets import Filter
from core.errors import AnalysisError
from core.projection.umap import UmapSettings
from core.projection.workers import WORKERS

TASK = "map"
DRAWING: dict[str, Any] = {"line": Line("map", total=8, each=2)}
"""Maps queue among themselves; a new one ends the visitor's one before at its next turn at the model."""
IDLE = {"stop": gr.update(visible=False), "timer": gr.Timer(active=False)}


def add(shared: Shared) -> "MapEvents":
    """The tab laid out and wired."""
    room = MapRoom(shared.engine)
    events = MapEvents(shared, room, layout.lay_out(room), gr.State(MapState()))
    events.wire()
    Choice(shared, room, events.tab, events.shown, gr.State(())).wire()
    return events


@dataclass(frozen=True)
class MapEvents:
    """The wiring of one tab."""

    shared: Shared
    room: MapRoom
    tab: Map
    shown: gr.State

    @property
    def engine(self) -> Engine:
        return self.shared.engine

    def wire(self) -> None:
        tab, shared = self.tab, self.shared
        inputs = shared.inputs("tray", "model", "size", "block") | {"source": tab.source} | tab.colours | tab.settings
        drawn = {name: getattr(tab, name) for name in ("atlas", "status", "stop", "timer", "choice", "source")} | {
            "shown": self.shown
        }
        filters = {**tab.facets, "fold": tab.filter_fold, "filter_note": tab.filter_note}
        triggers = [shared.due["Map"].change, tab.source.input, tab.recompute.click, tab.settings["layout"].input]
        latest = self.engine.latest["Map"]
        shared.keep_in_address("map", tab.source, str, self._opened)
        answer(
            any_of(triggers),
            self.draw,
            inputs | {"shown": self.shown, **shared.inputs("filtered"), **tab.facets},
            drawn | filters,
            latest=latest,
            idle=IDLE,
            trigger_mode="multiple",
            **DRAWING,
        )
        seen = {"shown": self.shown, **tab.colours, **tab.settings}
        answer(tab.timer.tick, self.arrive, seen, drawn, unless=latest)
        recolour = any_of([tab.colours["by"].input, tab.colours["groups"].release])
        answer(recolour, self.recolour, seen, {"atlas": tab.atlas}, unless=latest)
        answer(tab.atlas.select, self.pick, seen, {"atlas": tab.atlas, "shown": self.shown}, unless=latest)
        stopped = {name: drawn[name] for name in ("stop", "timer", "status")}
        stops(tab.stop, self.stop, shared.inputs("tray") | {"shown": self.shown}, stopped, "map-status")
        self._wire_downloads(seen)

    def _opened(self, source: str) -> dict:
        """What an address has mapped; RequestError where it is not there."""
        choices = self.room.sources()
        if source not in [key for _, key in choices]:
            raise RequestError(f"there is no {source[:60]!r} to be mapped on this server any more.")
        return gr.update(choices=choices, value=source)

    def draw(
        self,
        tray: Tray,
        model: str,
        size: float,
        block: float,
        source: str,
        shown: MapState,
        filtered: Filtered,
        **values,
    ) -> Iterator[dict]:
        """The map by what is known already; UMAP is asked for and arrives later. Of the same points the choice stays."""
        signal = self.engine.take_over(tray.visitor, TASK)
        if values["layout"] == LAYOUTS[0]:
            WORKERS.warm()  # it is ready by the time the features are
        loaded = self.engine.models.get(model)
        layer = FeatureSettings(block=int(block)).layer(loaded.depth)
        done = IDLE | {"source": gr.update(choices=self.room.sources(), value=source)}
        atlas: Atlas | None = None
        for step in self.room.open(source, tray, loaded, layer, int(size), signal):
            if isinstance(step, str):
                yield {"status": busy(step), "stop": gr.update(visible=True)}
            else:
                atlas = step
        if not atlas:
            hidden = {"fold": gr.update(visible=False), "choice": gr.update(visible=False)}
            yield done | hidden | {"status": "", "atlas": layout.empty(), "shown": MapState()}
            return
        wish = self._wish(atlas, values, tray.visitor)
        same = shown.token == atlas.token
        shown = replace(shown, wish=wish) if same else MapState(atlas.token, wish)
        shown = replace(shown, arrived=isinstance(self.room.look(shown), np.ndarray))
        held = Filter.chosen(values)
        wanted = filtered.of(source) if filtered.collection == source or not same else held
        _, filters, lit = filtering(atlas, shown.chosen, wanted, held)
        update = self._atlas(atlas, shown, values, lit=lit, **({} if same else {"chosen": {}, "near": {}}))
        waiting = wish is not None and not shown.arrived
        few = (
            ""
            if wish or values["layout"] != LAYOUTS[0]
            else "Too few points for UMAP: these are their principal components."
        )
        status = busy("UMAP is on its way …") if waiting else few
        if not same:
            done["choice"] = gr.update(visible=False)
        done |= {"timer": gr.Timer(active=waiting), "stop": gr.update(visible=waiting)}
        yield done | filters | {"atlas": update, "shown": shown, "status": status}

    def _wish(self, atlas: Atlas, values: dict, visitor: str) -> tuple | None:
        """The key of the UMAP to come; without the package that computes it, the components have to do."""
        if values["layout"] != LAYOUTS[0]:
            return None
        try:
            return self.room.ask(atlas, _umap(values), visitor)
        except AnalysisError as error:
            warn(str(error))
            return None

    def arrive(self, shown: MapState, **values) -> dict:
        """Once a second while UMAP is computed: how far it is, or the map that it has become."""
        done = {"timer": gr.Timer(active=False), "stop": gr.update(visible=False), "status": ""}
        try:
            found = self.room.look(shown)
            if isinstance(found, np.ndarray):
                shown = replace(shown, arrived=True)
                return done | {"atlas": self._atlas(self.room.atlas(shown.token), shown, values), "shown": shown}
        except DinoError as error:
            warn(str(error))
            return done
        return {"status": busy(str(found))} if found is not None else done

    def recolour(self, shown: MapState, **values) -> dict | None:
        if not shown.token:
            return None
        atlas = self.room.atlas(shown.token)
        return {"atlas": gr.HTML(colours=self._colours(atlas, shown, values))}

    def pick(self, shown: MapState, event: Told, **values) -> dict | None:
        if event.text("token") != shown.token:
            return None
        shown = replace(shown, asked=event.whole("id"))
        recoloured = {"atlas": gr.HTML(colours=self._colours(self.room.atlas(shown.token), shown, values))}
        return {"shown": shown} | (recoloured if values["by"] == "similarity" else {})

    def stop(self, tray: Tray, shown: MapState) -> dict:
        """What is on its way ends: at the model at once, and a UMAP where nobody else waits for it."""
        self.engine.stop(tray.visitor, TASK)
        if shown.wish is None or shown.arrived:
            return {"stop": gr.update(visible=False)}
        self.room.leave(shown, tray.visitor)
        return {"stop": gr.update(visible=False), "timer": gr.Timer(active=False), "status": STOPPED}

    def _wire_downloads(self, seen: dict) -> None:
        def made(kind: str):
            def make(shown: MapState, **values) -> dict:
                if not shown.token:
                    raise RequestError("There is no map yet to take away.")
                atlas, places = self.room.atlas(shown.token), self.room.places(shown)
                colouring = self.room.colouring(shown, values["by"], int(values["groups"]))
                folder = spool().folder
                if kind == "csv":
                    return {"file": str(files.table(folder, atlas, places, colouring.clusters, shown.chosen))}
                note = self.room.caption(atlas, shown, _umap(values))
                return {"file": str(files.page(folder, atlas, places, colouring, note))}

            return make

        for kind, button in self.tab.downloads.items():
            ready = answer(button.click, made(kind), seen, {"file": self.tab.file}, **LONG)
            ready.success(None, self.tab.file, None, js=DOWNLOAD, api_visibility="private")

    def _atlas(self, atlas: Atlas, shown: MapState, values: dict, **props) -> gr.HTML:
        note = self.room.caption(atlas, shown, shown.wish[1] if shown.wish else UmapSettings())
        return gr.HTML(
            places=places_prop(shown.token, self.room.places(shown), note),
            colours=self._colours(atlas, shown, values),
            note=note,
            **props,
        )

    def _colours(self, atlas: Atlas, shown: MapState, values: dict) -> dict:
        return colours_prop(atlas, shown.token, self.room.colouring(shown, values["by"], int(values["groups"])))


def _umap(values: dict) -> UmapSettings:
    return UmapSettings(int(values["neighbours"]), float(values["distance"]), int(values["seed"] or 0))


TAB = Tab("Map", add, endpoints.lay_out)
