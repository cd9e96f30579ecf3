"""The Compare tab: a column for each model, a row for each picture, one question to all of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import gradio as gr

from app.compare import difference
from app.compare.columns import PAGES, Column, blocks_offered, column_of, pages_settings, sizes_offered
from app.compare.handlers import MOST_MODELS, compare, compare_differences, table
from app.compare.words import LESSON, SEE, TRY
from app.explore import views
from app.page import modules, sentences
from app.page.shared import Shared, Tab
from app.page.wiring import HEAVY, answer, any_of, busy
from app.server.access import NAMED, Access
from app.server.encode import encode
from app.server.engine import Engine
from app.server.session import Tray
from core import ModelError, RequestError

IN_USE, NONE = "model in use", "none"
FIRST_CHOICE = ("untrained", IN_USE, NONE)
WRITTEN = {IN_USE: "in-use"}
"""Choices that are written otherwise in an address."""
IDLE = {"board": gr.HTML(busy=False), "stop": gr.update(visible=False)}
ORDINALS = ("First", "Second", "Third")
NAME = "Compare"


@dataclass(frozen=True)
class Compare:
    """The tab's widgets; of `models`, `blocks` and `sizes` one for each column."""

    view: gr.Radio
    one_basis: gr.Checkbox
    models: tuple[gr.Dropdown, ...]
    blocks: tuple[gr.Dropdown, ...]
    sizes: tuple[gr.Dropdown, ...]
    board: gr.HTML
    scores: gr.HTML

    @property
    def columns(self) -> dict[str, gr.Dropdown]:
        """Every widget of a column by name: model_0, block_0, size_0 and so on."""
        return {
            f"{name}_{place}": widget
            for name, widgets in (("model", self.models), ("block", self.blocks), ("size", self.sizes))
            for place, widget in enumerate(widgets)
        }


def add(shared: Shared) -> None:
    """The tab laid out and wired."""
    CompareEvents(shared, lay_out(shared)).wire()


@dataclass(frozen=True)
class CompareEvents:
    """The wiring of the tab."""

    shared: Shared
    tab: Compare

    def wire(self) -> None:
        shared, tab = self.shared, self.tab
        inputs = shared.inputs("tray", "model", "block", "size", "visible")
        inputs |= {"view": tab.view, "one_basis": tab.one_basis, **tab.columns}
        bar = {"status": shared.bar.status, "stop": shared.bar.stop}
        fitted = {name: widget for name, widget in tab.columns.items() if not name.startswith("model")}
        outputs = {"board": tab.board, "scores": tab.scores} | bar | fitted
        framed = {"latest": shared.engine.latest[NAME], "idle": IDLE, **HEAVY}
        changed = [tab.view.change, tab.one_basis.change, *(widget.change for widget in tab.columns.values())]
        answer(shared.due[NAME].change, self.draw, inputs, outputs, **framed)
        answer(any_of(changed), self.draw, inputs, outputs, trigger_mode="always_last", **framed)
        tab.view.change(
            lambda view: gr.update(visible=views_turn(view)),
            tab.view,
            tab.one_basis,
            api_visibility="private",
            show_progress="hidden",
            concurrency_limit=None,
        )
        self.keep_in_address()

    def keep_in_address(self) -> None:
        """What is compared, as far as it is not as at first."""
        keep, tab = self.shared.keep_in_address, self.tab
        first = tab.view.value
        keep("compare", tab.view, lambda name: "" if name == first else name.lower(), view_named_by)
        keep("basis", tab.one_basis, lambda on: "one" if on else "", lambda text: text == "one")
        for place in range(MOST_MODELS):
            number = place + 1
            write = partial(written, usual=FIRST_CHOICE[place])
            keep(f"model{number}", tab.models[place], write, partial(self._model, place))
            for name, widget in (("block", tab.blocks[place]), ("size", tab.sizes[place])):
                keep(f"{name}{number}", widget, number_written, partial(number_named_by, f"{name}{number}"))

    def _model(self, place: int, text: str) -> str:
        return model_named_by(self.shared.engine, self.shared.access, text, may_be_none=place == MOST_MODELS - 1)

    def draw(
        self,
        tray: Tray,
        model: str,
        block: float,
        size: float,
        visible: str,
        view: str,
        one_basis: bool,
        request: gr.Request,
        **values,
    ) -> Iterator[dict]:
        """The next comparison; before it, what is waited for. Nothing while another tab is looked at."""
        if visible != NAME:
            return
        if not tray.chosen:
            yield IDLE | {"board": gr.HTML(comparison={"pictures": [], "columns": []}, busy=False), "status": ""}
            return
        engine = self.shared.engine
        names = {place: values[f"model_{place}"] or NONE for place in range(MOST_MODELS)}
        wanted = {place: model if name == IN_USE else name for place, name in names.items() if name != NONE}
        if not wanted:
            raise RequestError("No column has a model; choose one for the first.")
        for name in wanted.values():
            self.shared.access.check(name, dict(request.headers))
        yield {"board": gr.HTML(busy=True), "status": busy("Loading the models …")}
        loaded = {place: engine.models.get(name) for place, name in wanted.items()}
        page = pages_settings(engine.models.get(model), block, size)
        shown = views.VIEWS[0].name if view == difference.NAME else view
        columns = {
            place: column_of(one, shown, values[f"block_{place}"], values[f"size_{place}"], page)
            for place, one in loaded.items()
        }
        yield self._offered(tray, columns)
        for sentence in self._encoded(tray, list(columns.values())):
            yield {"status": busy(sentence), "stop": gr.update(visible=True)}
        yield IDLE | self._shown(tray, list(columns.values()), view, one_basis)

    def _offered(self, tray: Tray, columns: dict[int, Column]) -> dict:
        """The choices that the columns' models have, with their prices."""
        engine, update = self.shared.engine, {}
        for place, column in columns.items():
            update[f"block_{place}"] = gr.update(choices=blocks_offered(column.model))
            update[f"size_{place}"] = gr.update(choices=sizes_offered(engine, tray, column))
        return update

    def _encoded(self, tray: Tray, columns: Sequence[Column]) -> Iterator[str]:
        """Progress while each model looks at the pictures it has not seen."""
        stop = self.shared.engine.stop_signal(tray.visitor)
        for column in columns:
            for sentence in encode(self.shared.engine, tray, column.model, column.settings, stop):
                yield f"{column.model.source.title}, {column.line}: {sentence}"

    def _shown(self, tray: Tray, columns: list[Column], view: str, one_basis: bool) -> dict:
        engine = self.shared.engine
        if view == difference.NAME:
            comparison = compare_differences(engine, tray, columns)
        else:
            comparison = compare(engine, tray, columns, one_basis=one_basis)
        return {
            "board": gr.HTML(comparison=comparison, busy=False),
            "scores": table([column.model for column in columns]),
            "status": sentences.status(columns[-1].model, columns[-1].size),
        }


def compare_component(elem_id: str = "comparison") -> gr.HTML:
    """The same pictures through several models, column by column. See `app.compare.handlers`."""
    return modules.component("compare/compare.js", elem_id, comparison={}, busy=False)


def lay_out(shared: Shared) -> Compare:
    """The tab's widgets."""
    gr.Markdown(f"{SEE}\n\n{TRY}", elem_classes="lead")
    names = list(dict.fromkeys([IN_USE, shared.access.default, *NAMED]))
    own = shared.access.own
    with gr.Row(elem_id="compare-models"):
        models = tuple(
            gr.Dropdown(
                names + ([NONE] if place == MOST_MODELS - 1 else []),
                value=FIRST_CHOICE[place],
                label=f"{ORDINALS[place]} model",
                allow_custom_value=own,
                elem_id=f"compare-{place}",
                min_width=120,
            )
            for place in range(MOST_MODELS)
        )
        shown = [view.name for view in views.VIEWS if view.takes != "words"]  # few models know any
        shown.append(difference.NAME)
        view = gr.Radio(
            shown,
            value=shown[0],
            label="View",
            show_label=False,
            container=False,
            elem_id="compare-view",
            elem_classes="pills",
        )
    with gr.Column(elem_id="compare-settings"):  # the board's toolbar shows it
        with gr.Row(elem_id="compare-places"):
            places = [
                [_text(ordinal, what, place) for what in ("block", "size")] for place, ordinal in enumerate(ORDINALS)
            ]
        one_basis = gr.Checkbox(
            label="One basis",
            info="Columns of features as wide as the first column's are shown in its components and range; "
            "otherwise each has its own, turned to be like the first's.",
            elem_id="compare-basis",
        )
    board = compare_component()
    with gr.Accordion("How much has emerged in each", open=True, elem_id="compare-table"):
        scores = gr.HTML(elem_id="compare-scores")
    with gr.Accordion("What am I seeing?", open=False, elem_id="compare-lesson", elem_classes="half-page"):
        gr.Markdown(LESSON)
    blocks, sizes = zip(*places, strict=True)
    return Compare(view, one_basis, models, blocks, sizes, board, scores)


def _text(ordinal: str, what: str, place: int) -> gr.Dropdown:
    """A column's block or resolution. The choices follow its model, and any number may be typed."""
    return gr.Dropdown(
        [PAGES],
        value=PAGES,
        label=f"{ordinal}: {'resolution' if what == 'size' else what}",
        allow_custom_value=True,
        elem_id=f"compare-{what}-{place}",
        min_width=80,
    )


def views_turn(name: str) -> bool:
    """Whether the view of that name has colours that one basis could fix."""
    return name != difference.NAME and views.find(name).turns


def written(value: str | None, usual: str) -> str:
    """A choice as in an address: nothing for the usual one."""
    return "" if value == usual else WRITTEN.get(str(value), str(value or ""))


def number_written(value: str | None) -> str:
    """A column's block or resolution as in an address: nothing for the page's own, or for what is no number."""
    number = str(value or "").removesuffix("px").strip()
    return number if is_number(number) else ""


def is_number(text: str) -> bool:
    """Whether it is a whole number from 1 that a block or a resolution can have."""
    return text.isascii() and text.isdigit() and len(text) < 7 and int(text) > 0


def view_named_by(text: str) -> str:
    """The name of the view that an address names; RequestError where there is none."""
    return difference.NAME if text == difference.NAME.lower() else views.named_by(text)


def number_named_by(name: str, text: str) -> str:
    """A column's block or resolution from an address; RequestError where it is no number."""
    if not is_number(text):
        raise RequestError(f"{name} is {text[:20]!r}; give a whole number from 1.")
    return text


def model_named_by(engine: Engine, access: Access, text: str, *, may_be_none: bool) -> str:
    """A column's model from an address; ModelError for one that an address may not make this server load."""
    if text == WRITTEN[IN_USE]:
        return IN_USE
    if text == NONE and may_be_none:
        return NONE
    if text in NAMED or text == access.default or (access.own and engine.models.ready(text)):
        return text
    raise ModelError(
        f"the model {text[:80]!r} is not loaded here. Choose it for its column, if you trust whoever gave you the link."
    )


TAB = Tab(NAME, add)
