"""The address is the view: what it names is shown when the page opens, and it follows what is shown from then on.

    #explore?model=embedded&view=pca&block=12&size=518&pictures=cheetah,lion&pins=cheetah:0.51:0.33&collection=gallery

The fragment never leaves the browser by itself; the page hands it in as it opens, with the secret of the tray that it had
before (`app.server.returning`). Whoever wrote an address may be anybody: each part is checked, and what is not to be had
stays as usual and is told in one message.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr

from app.page import payloads
from app.page.model_panel import TASK, described, loading_of
from app.page.shared import Shared
from app.page.wiring import HEAVY, answer, any_of, visitor, warn
from app.server.access import NAMED, Access
from app.server.encode import resolution
from app.server.engine import Engine
from app.server.models import Loaded
from app.server.session import Tray
from app.server.trays import OWN, address_name, open_tray, show_only, shows_opening
from core import DinoError, ModelError, RequestError

LONGEST, MOST_PARTS, MOST_PINS, MOST_PICTURES = 4000, 32, 16, 24
CHOSEN = "chosen"
"""In an address of the pictures that the page opens with: they were chosen by hand, so that no tab shows an example."""
NOT_FOLLOWED = "Not all of this address could be followed"
OPENING = """() => {
    let secret = "";
    try { secret = sessionStorage.getItem("dinoscope-tray") || ""; } catch { /* storage can be forbidden */ }
    return [{ fragment: location.hash, secret }];
}"""
"""Runs in the browser as the page opens."""


@dataclass(frozen=True)
class Wanted:
    """The parts of an address as text by name, and a sentence for each that is not to be had."""

    parts: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def read_fragment(fragment: Any) -> tuple[str, Wanted]:
    """The tab and the parts that a fragment names.

    >>> read_fragment("#match?block=3")
    ('match', Wanted(parts={'block': '3'}, problems=()))
    """
    if not isinstance(fragment, str) or len(fragment) > LONGEST:
        return "", Wanted({}, ("it is no address of this page.",))
    tab, _, rest = fragment.removeprefix("#").partition("?")
    try:
        return tab, Wanted(dict(parse_qsl(rest, keep_blank_values=True, max_num_fields=MOST_PARTS)))
    except ValueError:
        return tab, Wanted({}, (f"it has more than {MOST_PARTS} parts.",))


def place_pictures(engine: Engine, tray: Tray, wanted: Wanted) -> tuple[Tray, list[str]]:
    """The tray with the pictures of the address selected, and what is wrong with them.

    The opening pictures count as chosen only where the address says so, or a pin lies on them.
    """
    names = [name for name in wanted.parts.get("pictures", "").split(",") if name]
    problems = []
    try:
        if len(names) > MOST_PICTURES:
            raise RequestError(f"it names {len(names)} pictures; {MOST_PICTURES} are the most.")
        tray, unknown = show_only(engine, tray, names)
    except RequestError as error:
        return tray, [str(error)]
    if len(unknown) < len(names) and shows_opening(engine, tray):
        tray = replace(tray, untouched=not (wanted.parts.get(CHOSEN) or wanted.parts.get("pins")))
    own = sum(name.startswith(OWN) for name in unknown)
    if own:
        pictures = "one picture" if own == 1 else f"{own} pictures"
        problems.append(f"it shows {pictures} of a visitor's own, which no address carries: add the same file again.")
    problems += [f"there is no sample {name[:40]!r}." for name in unknown if not name.startswith(OWN)]
    return tray, problems


def place_pins(tray: Tray, wanted: Wanted) -> tuple[list[dict], list[str]]:
    """Marks for the stage (picture id, x and y as shares of its sides, sign), and what is wrong with the others."""
    known = {address_name(picture): picture.id for picture in tray.chosen}
    marks: list[dict] = []
    wrong = 0
    for text in wanted.parts.get("pins", "").split(",")[: MOST_PINS + 1]:
        if not text:
            continue
        name, *numbers = text.removeprefix("-").split(":")
        place = [_share(number) for number in numbers]
        if name not in known or len(place) != 2 or None in place or len(marks) == MOST_PINS:
            wrong += 1
            continue
        marks.append({"picture": known[name], "x": place[0], "y": place[1], "sign": -1 if text[0] == "-" else 1})
    told = "a pin lies on no picture that is shown" if wrong == 1 else f"{wrong} pins lie on no picture that is shown"
    return marks, [f"{told}."] if wrong else []


def usual_unless_allowed(
    engine: Engine, access: Access, wanted: Wanted, headers: dict[str, str]
) -> tuple[str, list[str]]:
    """The model of the address where this visitor may have it without being asked; else the usual one, and why.

    An address must not make a server fetch a stranger's repository or read a file: those that nobody has loaded here by
    hand are left to the panel.
    """
    name = wanted.parts.get("model", access.default)
    try:
        if name != access.default:
            access.check(name, headers)
            if name not in NAMED and not engine.models.ready(name):
                raise ModelError(
                    f"the model {name[:80]!r} is not loaded here. Load it by the button with the model's name, if you "
                    "trust whoever gave you the link."
                )
    except ModelError as error:
        return access.default, [str(error)]
    return name, []


def place_block(model: Loaded, text: str) -> dict:
    """Values for the slider of the block; RequestError where this model has none such."""
    number = _whole(text)
    if number is None or not 1 <= number <= model.depth:
        raise RequestError(f"block is {text[:20]!r}; this model has blocks 1 to {model.depth}.")
    return {"block": gr.update(maximum=model.depth, value=number)}


def place_size(model: Loaded, text: str) -> dict:
    """Values for the resolution, as if it had been set by hand; RequestError where this model is not offered at it."""
    number = _whole(text)
    found = resolution(model, number or 0, 0)
    if number != found.value:
        raise RequestError(
            f"resolution is {text[:20]!r}; choose {found.least} to {found.most} px in steps of {found.step}."
        )
    slider = gr.update(value=found.value, minimum=found.least, maximum=found.most, step=found.step)
    return {"size": slider, "own_size": 0}


@dataclass(frozen=True)
class PageAddress:
    """One page, opened as its address says, and the address that follows what is shown."""

    shared: Shared
    tabs: Sequence[str]
    """As they stand in an address."""

    def wire(self, blocks: gr.Blocks) -> None:
        shared, address = self.shared, self.shared.bar.address
        opening, wanted = gr.JSON(visible=False), gr.State(Wanted())
        addressed = {name: one.component for name, one in shared.addressed.items()}
        outputs = {"items": shared.pictures.tray, "wanted": wanted, "address": address}
        outputs |= shared.inputs("tray", "model", "visible")
        start = answer(blocks.load, self.opened, {"opening": opening}, outputs, js=OPENING)
        # one after the other: the view is asked for with the controls of the model that is in use
        fitted = shared.fitted | shared.inputs("model", "size", "own_size") | addressed
        inputs, latest = shared.inputs("model") | {"wanted": wanted}, shared.engine.latest[TASK]
        shared.adopt(answer(start.then, self.placed, inputs, fitted, unless=latest, **HEAVY).then)
        watched: dict[str, Any] = shared.inputs("ready", "tray", "model", "block", "size") | addressed
        changes = any_of([component.change for component in watched.values()])
        answer(changes, self.followed, watched, {"address": address}, trigger_mode="always_last")

    def opened(self, opening: Any, request: gr.Request) -> dict:
        """The tray, the one of before where the page shows its secret, and whose model is to be loaded."""
        engine, who = self.shared.engine, visitor(request)
        told = opening if isinstance(opening, dict) else {}
        tab, wanted = read_fragment(told.get("fragment", ""))
        secret = told.get("secret")
        before = engine.returning.claim(secret, who) if isinstance(secret, str) else None
        tray, pictures = place_pictures(engine, before or open_tray(engine, who), wanted)
        pins, pinned = place_pins(tray, wanted)
        model, modelled = usual_unless_allowed(engine, self.shared.access, wanted, dict(request.headers))
        named = [f"there is no tab {tab[:40]!r}."] if tab and tab not in self.tabs else []
        names = dict(zip(self.tabs, self.shared.due, strict=True))
        looked_at = {"visible": names[tab]} if tab in names else {}  # a click before the page listens is not heard
        return looked_at | {
            "tray": tray,
            "items": payloads.tray_update(engine, tray),
            "model": model,
            "wanted": Wanted(wanted.parts, (*wanted.problems, *named, *pictures, *pinned, *modelled)),
            "address": gr.HTML(secret=engine.returning.open(tray), pins=pins),
        }

    def placed(self, model: str, wanted: Wanted) -> Iterator[dict]:
        """The model described once it is there, and what else the address names; the visitor is told once of the rest."""
        engine, usual = self.shared.engine, self.shared.access.default
        problems = list(wanted.problems)
        yield from ({"chip": sentence} for sentence in loading_of(engine.models, model))
        try:
            loaded = engine.models.get(model)
        except DinoError as error:
            if model == usual:
                raise
            problems.append(str(error))
            model, loaded = usual, engine.models.get(usual)
        values, wrong = self._values(loaded, wanted.parts)
        problems += wrong
        if problems:
            warn("; ".join(problem.removesuffix(".") for problem in problems) + ".", NOT_FOLLOWED)
        yield described(loaded) | {"model": model} | values

    def followed(self, ready: bool, tray: Tray, model: str, block: float, size: float, **values) -> dict | None:
        """The parts of the address as they are now; the tray is kept for a return."""
        if not ready:
            return None
        self.shared.engine.returning.update(tray)
        parts = {name: one.write(values[name]) for name, one in self.shared.addressed.items() if values[name]}
        common = {"model": model, "block": f"{block:g}", "size": f"{size:g}"}
        if not tray.untouched and shows_opening(self.shared.engine, tray):
            parts[CHOSEN] = "1"
        pictures = [address_name(picture) for picture in tray.chosen]
        names = {picture.id: address_name(picture) for picture in tray.pictures}
        return {"address": gr.HTML(shown=common | parts | {"pictures": pictures}, names=names)}

    def _values(self, model: Loaded, parts: Mapping[str, str]) -> tuple[dict, list[str]]:
        """Values for what has to fit the model or belongs to a tab, and what is wrong with those that have none."""
        values: dict = {}
        problems: list[str] = []
        for name, one in self.shared.addressed.items():
            _try(values, problems, parts.get(name), one.placed)
        _try(values, problems, parts.get("block"), partial(place_block, model))
        _try(values, problems, parts.get("size"), partial(place_size, model))
        return values, problems


def _try(values: dict, problems: list[str], text: str | None, read: Callable[[str], dict]) -> None:
    if not text:
        return
    try:
        values |= read(text)
    except DinoError as error:
        problems.append(str(error))


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


def _share(text: str) -> float | None:
    """A number from 0 to 1, the 1 itself left out."""
    try:
        number = float(text[:20])
    except ValueError:
        return None
    return number if math.isfinite(number) and 0 <= number < 1 else None
