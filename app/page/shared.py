"""State and controls that all tabs share: the tray, the model, the resolution; and when each of them is drawn anew.

A `Tab` draws on `shared.due[NAME].change`, which comes when the tab is looked at and something shared has changed since
it was last drawn. Until then it computes nothing.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.page.bar import Bar
from app.page.linked import Filtered, Sought
from app.page.tray import TrayWidgets
from app.page.wiring import HEAVY, answer
from app.server.access import Access
from app.server.encode import Resolution, resolution
from app.server.engine import Engine
from app.server.models import OFFERED_PATCHES
from app.server.session import Tray
from app.server.trays import open_tray
from core import BACKBONES, DinoError

_UNTIL_FITTED = BACKBONES["dinov2-small"]
"""Whose resolutions a page offers in the moment before it knows its model."""


class Fitted(gr.Slider):
    """A slider that takes any number: of one that it does not offer, the nearest that it does; of none, its first.

    Gradio's own refuses what is being typed, and what a page sends that has not heard yet that the bounds follow the
    model, and with it the whole event. `page/sliders.js` tells the visitor what became of the number.
    """

    is_template = True  # drawn as a slider

    def preprocess(self, payload: float | None) -> float:
        if payload is None:
            return super().preprocess(self.value)
        steps = math.floor((payload - self.minimum) / self.step + 0.5)
        return super().preprocess(min(max(self.minimum + steps * self.step, self.minimum), self.maximum))


class FittedChoice(gr.Dropdown):
    """A dropdown whose choices change with the model or what is on disk; of a page that is behind it takes the first.

    Where several may be chosen, those that are still there. Gradio's own refuses the event, as above.
    """

    is_template = True  # drawn as a dropdown

    def preprocess(self, payload: Any) -> Any:
        known: list[Any] = [value for _, value in self.choices]
        if self.multiselect:
            return super().preprocess([value for value in payload or [] if value in known])
        return super().preprocess(payload if payload in known else next(iter(known), None))


@dataclass(frozen=True)
class Addressed:
    """What a tab leaves in the page's address: `name=write(value)` of a component."""

    name: str
    component: gr.components.Component
    write: Callable[[Any], str]
    read: Callable[[str], Any]
    """The component's value or update from such a text; DinoError, in a sentence, where it means nothing."""

    def placed(self, text: str) -> dict:
        """The same by name."""
        return {self.name: self.read(text)}


@dataclass(frozen=True)
class Shared:
    """One visitor's page as every tab sees it. An event that changes `tray` is followed by `renew`.

    One that changes `model` also outputs `fitted`, as `model_panel.described` says, and is followed by `adopt`.
    """

    engine: Engine
    access: Access
    bar: Bar
    pictures: TrayWidgets
    tray: gr.State
    """The visitor's `Tray`; whoever changes it also outputs `payloads.tray_update` to `pictures.tray`."""
    model: gr.State
    """The model's name, for `engine.models.get`."""
    size: gr.Slider
    """Longer side in pixels. Laid out in Explore, and so is `block`; both hold for all tabs."""
    own_size: gr.State
    """The resolution that came with the model; where `size` is another, the visitor chose it."""
    block: gr.Slider
    pin: gr.State
    """The patch that is held in Explore, or None."""
    asking: gr.Dropdown
    """Whose attention Explore shows, and of which `head`; laid out there."""
    head: gr.Dropdown
    due: dict[str, gr.State]
    """By tab, the key of what it was last asked to draw. Only its change means anything."""
    addressed: dict[str, Addressed]
    """By name; a tab adds its own as it is laid out."""
    filtered: gr.State
    """The `Filtered` that Search and Map share: whoever filters sets it, and each takes it over as it is looked at."""
    sought: gr.State
    """The `Sought` that Search asks with once it changes, and is shown for."""
    visible: gr.State
    """Name of the tab that is looked at."""
    ready: gr.State
    """Whether the tray is filled and the model's controls fit, so that there is something to draw."""

    @property
    def fitted(self) -> dict[str, gr.components.Component]:
        """By name, everything on the page that says which model is in use or has to fit it."""
        bar = {name: getattr(self.bar, name) for name in ("chip", "banner", "progress")}
        return bar | self.inputs("block", "asking", "head")

    def inputs(self, *names: str) -> dict[str, gr.components.Component]:
        """Some of what is shared by name, as `answer` takes it."""
        return {name: getattr(self, name) for name in names}

    def keep_in_address(self, name: str, component: gr.components.Component, write: Callable, read: Callable) -> None:
        """Let the page's address name what a component shows, and bring it back; see `Addressed`."""
        self.addressed[name] = Addressed(name, component, write, read)

    def renew(self, trigger: Callable) -> gr.events.Dependency:
        """After an event that changed something shared: `renew(event.then)` draws the tab that is looked at."""

        def renewed(visible: str, **values) -> dict:
            return {"ready": True, visible: _shown(**values)}

        inputs = self.inputs("visible", "tray", "model", "size", "block")
        return answer(trigger, renewed, inputs, self.due | {"ready": self.ready})

    def adopt(self, trigger: Callable) -> gr.events.Dependency:
        """After an event that may have changed the model: the resolution follows it, then `renew`.

        An event of its own, since a model can take minutes to load, and the slider may have been moved meanwhile.
        """

        def fitted(model: str, size: float, own_size: int) -> dict | None:
            try:
                loaded = self.engine.models.get(model)
            except DinoError:
                return None  # reported by whoever describes or draws it
            found = resolution(loaded, size, own_size)
            size_update = gr.update(value=found.value, minimum=found.least, maximum=found.most, step=found.step)
            return {"size": size_update, "own_size": loaded.default_size}

        inputs = self.inputs("model", "size", "own_size")
        outputs, latest = self.inputs("size", "own_size"), self.engine.latest["resolution"]
        return self.renew(answer(trigger, fitted, inputs, outputs, latest=latest, **HEAVY).then)

    def follow(self, name: str, tab: gr.Tab) -> None:
        """Draw a tab whenever it comes to be looked at, unless nothing changed. Gradio tells of the first one, too."""

        def looked_at(ready: bool, **values) -> dict | None:
            if not ready:  # the first tab is told of whichever the address names, and is what is drawn otherwise
                return None if name == next(iter(self.due)) else {"visible": name}
            return {"visible": name, name: _shown(**values)}

        inputs = self.inputs("ready", "tray", "model", "size", "block")
        answer(tab.select, looked_at, inputs, {"visible": self.visible, name: self.due[name]})


@dataclass(frozen=True)
class Tab:
    """A room of the page. It is there once `app.build.TABS` names it."""

    name: str
    """As on its button. In lower case it begins its address, as in `/#explore`: no element has that id."""
    add: Callable[[Shared], object]
    """Lays out its widgets and wires them."""
    endpoints: Callable[[Engine, Access], None] | None = None
    """Lays out what programs may ask of it."""


def share(engine: Engine, access: Access, bar: Bar, pictures: TrayWidgets, tabs: list[str]) -> Shared:
    """The state and controls for tabs of these names; the first of them is looked at."""

    model = engine.models.ready(access.default)
    own = model.default_size if model else _UNTIL_FITTED.default_size
    first = resolution(model, own, own) if model else _resolution_until_fitted()

    def farewell(leaving: Tray) -> None:
        engine.leave(leaving.visitor, grace=0)

    return Shared(
        engine,
        access,
        bar,
        pictures,
        tray=gr.State(open_tray(engine, ""), delete_callback=farewell),
        model=gr.State(access.default),
        size=Fitted(
            first.least, first.most, value=first.value, step=first.step, label="Resolution", info="Longer side in pixels", elem_id="size", buttons=[],
            render=False,
        ),
        own_size=gr.State(own),
        block=Fitted(
            1, 12, value=12, step=1, label="Block", info="After which block of the network to look", elem_id="block",
            buttons=[], render=False,
        ),
        pin=gr.State(None),
        asking=FittedChoice(
            ["cls", "pinned patch"], value="cls", label="Query token", elem_id="asking", render=False
        ),
        head=FittedChoice(["mean", "1"], value="mean", label="Head", elem_id="head", render=False),
        due={name: gr.State(None) for name in tabs},
        addressed={},
        filtered=gr.State(Filtered()),
        sought=gr.State(Sought()),
        visible=gr.State(tabs[0]),
        ready=gr.State(False),
    )  # fmt: skip


def _resolution_until_fitted() -> Resolution:
    least, most = (bound * _UNTIL_FITTED.patch for bound in OFFERED_PATCHES)
    return Resolution(least, most, _UNTIL_FITTED.patch, _UNTIL_FITTED.default_size)


def _shown(tray: Tray, model: str, size: float, block: float) -> tuple:
    return tray.chosen, model, size, block
