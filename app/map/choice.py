"""The wiring of what is chosen on the map: by a line, a kind, a click, or the filter that Search shares."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from app.map import files
from app.map.filtering import bits_prop
from app.map.filtering import filtered as filtering
from app.map.handlers import MapRoom, MapState
from app.map.neighbours import near_prop
from app.map.points import Atlas
from app.map.tab import Map
from app.page import marked, payloads
from app.page.linked import Filtered, Sought
from app.page.marked import Undo
from app.page.shared import Shared
from app.page.told import Told
from app.page.wiring import answer, any_of
from app.server.session import Tray
from app.server.spool import spool
from core import RequestError
from core.collection.facets import Filter

SHOWN_CHOSEN = 60
TO_EXPLORE = "() => { location.hash = 'explore'; }"


@dataclass(frozen=True)
class Choice:
    """The wiring of one tab; `shown` holds its `MapState`."""

    shared: Shared
    room: MapRoom
    tab: Map
    shown: gr.State
    undo: gr.State

    def wire(self) -> None:
        self._wire_chosen()
        self._wire_filter()
        self._wire_tags()
        self._wire_neighbours()

    @property
    def _filters(self) -> dict[str, Any]:
        tab = self.tab
        return {**tab.facets, "fold": tab.filter_fold, "filter_note": tab.filter_note, "atlas": tab.atlas}

    def _wire_chosen(self) -> None:
        """Points drawn round come into a gallery; one that is opened goes into the tray, and Explore shows it."""
        tab, shared = self.tab, self.shared
        shown: dict[str, Any] = {"shown": self.shown}
        outputs = self._filters | shown | {
            "chosen": tab.chosen, "note": tab.chosen_note, "choice": tab.choice, "tagging": tab.tagging.row,
        }  # fmt: skip
        answer(tab.atlas.input, self.chosen, shown | tab.facets, outputs)
        answer(tab.clear.click, self.cleared, shown | tab.facets, outputs)
        inputs = shown | shared.inputs("tray")
        opened = {"tray": shared.tray, "items": shared.pictures.tray}
        for trigger, handler in ((tab.atlas.submit, self.opened), (tab.chosen.select, self.opened_chosen)):
            event = answer(trigger, handler, inputs, opened)
            shared.renew(event.success)
            event.success(None, None, None, js=TO_EXPLORE, api_visibility="private")

    def chosen(self, shown: MapState, event: Told, **held) -> dict | None:
        """Those of the points that are there, small pictures of the first, and what can be done with them."""
        if event.text("token") != shown.token:
            return None
        atlas = self.room.atlas(shown.token)
        ids = tuple(point for point in event.wholes("ids") if 0 <= point < len(atlas))
        folder = spool().folder
        pictures = [(str(files.thumbnail(folder, atlas, point)), atlas.names[point]) for point in ids[:SHOWN_CHOSEN]]
        more = f"; the first {SHOWN_CHOSEN} are shown" if len(ids) > SHOWN_CHOSEN else ""
        note = f"{len(ids):,} chosen{more}. Click one to open it in Explore. The table (CSV) marks them."
        changeable = atlas.shelved is not None and atlas.shelved.changeable
        return self._filtered(atlas, ids, held, chosen=bits_prop(atlas.token, len(atlas), ids)) | {
            "shown": replace(shown, chosen=ids),
            "chosen": pictures,
            "note": note,
            "choice": gr.update(visible=True),
            "tagging": gr.update(visible=changeable),
        }

    def cleared(self, shown: MapState, **held) -> dict:
        """Nothing chosen any more: counts are of all pictures again."""
        nothing = {"shown": replace(shown, chosen=()), "choice": gr.update(visible=False)}
        atlas = self.room.known(shown.token)
        return self._filtered(atlas, (), held, chosen={}) | nothing if atlas else nothing

    def opened(self, shown: MapState, tray: Tray, event: Told) -> dict | None:
        if event.text("token") != shown.token:
            return None
        return self._into_tray(shown, tray, event.whole("id"))

    def opened_chosen(self, shown: MapState, tray: Tray, event: Told) -> dict | None:
        index = event.whole("index")
        return self._into_tray(shown, tray, shown.chosen[index]) if 0 <= index < len(shown.chosen) else None

    def _into_tray(self, shown: MapState, tray: Tray, point: int) -> dict:
        grown = self.room.into_tray(shown, point, tray)
        return {"tray": grown, "items": payloads.tray_update(self.shared.engine, grown)}

    def _wire_filter(self) -> None:
        shared, filters = self.shared, self._filters
        seen = {"shown": self.shown, **shared.inputs("visible", "filtered"), **self.tab.facets}
        # of a change, since Gradio's dropdown (6.31) tells of no input where all that was chosen is cleared
        changed = any_of([widget.change for widget in self.tab.facets.values()])
        answer(changed, self.filtered, seen, filters | shared.inputs("filtered"), trigger_mode="always_last")
        answer(shared.visible.change, self.adopted, seen, filters)

    def filtered(self, shown: MapState, visible: str, filtered: Filtered, **held) -> dict | None:
        """The map as the filter leaves it; Search takes it over. What was taken over from there is shown already."""
        atlas = self.room.known(shown.token) if visible == "Map" else None
        if atlas is None or atlas.shelved is None:
            return None
        only = Filter.chosen(held)
        if filtered == Filtered(atlas.shelved.key, only):
            return None
        return self._filtered(atlas, shown.chosen, held) | {"filtered": filtered.after(atlas.shelved.key, only)}

    def adopted(self, shown: MapState, visible: str, filtered: Filtered, **held) -> dict | None:
        """The filter that was chosen elsewhere meanwhile, and counts as they are by now."""
        atlas = self.room.known(shown.token) if visible == "Map" else None
        if atlas is None or atlas.shelved is None:
            return None
        wanted = filtered.only if filtered.collection == atlas.shelved.key else Filter.chosen(held)
        _, updates, lit = filtering(atlas, shown.chosen, wanted, Filter.chosen(held))
        return updates | {"atlas": gr.HTML(lit=lit)}

    def _filtered(self, atlas: Atlas, points: Sequence[int], held: dict, **props) -> dict:
        only = Filter.chosen(held)
        _, updates, lit = filtering(atlas, points, only, only)
        return updates | {"atlas": gr.HTML(lit=lit, **props)}

    def _wire_tags(self) -> None:
        tagging, shared = self.tab.tagging, self.shared
        inputs = {"shown": self.shown, "undo": self.undo, "typed": tagging.tags, **self.tab.facets}
        outputs = self._filters | {"undo": self.undo, "told": tagging.told, "back": tagging.undo}
        outputs |= {"search": shared.due["Search"]} if "Search" in shared.due else {}

        def guarded(change):
            def changed(request: gr.Request, **given) -> dict:
                shared.access.check_writing(dict(request.headers))
                stale = {"search": None} if "Search" in shared.due else {}  # it shows tags, too
                return change(**given) | stale

            return changed

        answer(tagging.tag.click, guarded(lambda **given: self.tagged(False, **given)), inputs, outputs)
        answer(tagging.untag.click, guarded(lambda **given: self.tagged(True, **given)), inputs, outputs)
        answer(tagging.undo.click, guarded(self.undone), inputs, outputs)

    def tagged(self, off: bool, shown: MapState, undo: Undo, typed: str, **held) -> dict:
        """Tags on the chosen pictures, or off them; the facets know them at once."""
        atlas = self.room.atlas(shown.token)
        if atlas.shelved is None or not shown.chosen:
            raise RequestError("Choose pictures of a collection first: draw round them on the map.")
        ids = atlas.shelved.ids[list(shown.chosen)].tolist()
        told, undo = marked.tag(self.shared.engine.shelf, atlas.shelved.key, ids, typed, off, undo)
        return self._filtered(atlas, shown.chosen, held) | _told(told, undo)

    def undone(self, shown: MapState, undo: Undo, typed: str, **held) -> dict:
        """The last change of tags on this map undone."""
        told, undo = marked.undo_last(self.shared.engine.shelf, undo)
        return self._filtered(self.room.atlas(shown.token), shown.chosen, held) | _told(told, undo)

    def _wire_neighbours(self) -> None:
        tab, shared = self.tab, self.shared
        seen = {"shown": self.shown, "near": tab.near}
        answer(tab.atlas.select, self.near, seen, {"atlas": tab.atlas})
        answer(tab.near.release, self.near_again, seen, {"atlas": tab.atlas})
        inputs = {"shown": self.shown} | shared.inputs("tray", "sought")
        outputs = {"items": shared.pictures.tray} | shared.inputs("tray", "sought")
        shared.renew(answer(tab.atlas.like, self.liked, inputs, outputs).success)

    def near(self, shown: MapState, near: float, event: Told) -> dict | None:
        """The clicked point enlarged, with those that are most alike to it."""
        if event.text("token") != shown.token:
            return None
        return self._near(shown, event.whole("id"), near)

    def near_again(self, shown: MapState, near: float) -> dict | None:
        """The same of the point clicked last, with more or fewer of them."""
        return None if shown.asked is None or not shown.token else self._near(shown, shown.asked, near)

    def _near(self, shown: MapState, point: int, count: float) -> dict | None:
        atlas = self.room.atlas(shown.token)
        if not 0 <= point < len(atlas):
            return None
        return {"atlas": gr.HTML(near=near_prop(atlas, point, int(count)))}

    def liked(self, shown: MapState, tray: Tray, sought: Sought, event: Told) -> dict | None:
        """What Search is to ask with; a picture of the tray is selected there, as Search asks with selected ones."""
        atlas, point = self.room.atlas(shown.token), event.whole("id")
        if event.text("token") != shown.token or not 0 <= point < len(atlas):
            return None
        wanted = replace(atlas.sought(point), number=sought.number + 1)
        if wanted.picture and wanted.picture not in tray.selected:
            tray = self.room.into_tray(shown, point, tray)
        return {"sought": wanted, "tray": tray, "items": payloads.tray_update(self.shared.engine, tray)}


def _told(told: str, undo: Undo) -> dict:
    return {"told": told, "undo": undo, "back": gr.update(visible=bool(undo))}
