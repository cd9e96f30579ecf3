"""The Compare tab: a column for each model, a row for each picture, one question to all of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import gradio as gr

from app.compare.handlers import MOST_MODELS, compare, table
from app.compare.words import LESSON, SEE, TRY
from app.explore import views
from app.explore.settings import Settings
from app.page import modules, sentences
from app.page.shared import Shared, Tab
from app.page.wiring import HEAVY, answer, any_of, busy
from app.server.access import NAMED
from app.server.encode import encode
from app.server.models import Loaded
from app.server.session import Tray

IN_USE, NONE = "the model in use", "none"
FIRST_CHOICE = ("untrained", IN_USE, NONE)
IDLE = {"board": gr.HTML(busy=False), "stop": gr.update(visible=False)}
ORDINALS = ("First", "Second", "Third")


@dataclass(frozen=True)
class Compare:
    """The tab's widgets."""

    view: gr.Radio
    models: tuple[gr.Dropdown, ...]
    board: gr.HTML
    scores: gr.HTML


def add(shared: Shared) -> None:
    """The tab laid out and wired."""
    tab = lay_out(shared)
    chosen = {f"model_{place}": widget for place, widget in enumerate(tab.models)}
    inputs = shared.inputs("tray", "model", "size") | {"view": tab.view} | chosen
    outputs = {"board": tab.board, "scores": tab.scores, "status": shared.bar.status, "stop": shared.bar.stop}

    def draw(tray: Tray, model: str, size: float, view: str, request: gr.Request, **names) -> Iterator[dict]:
        if not tray.chosen:
            yield IDLE | {"board": gr.HTML(comparison={"pictures": [], "columns": []}, busy=False), "status": ""}
            return
        wanted = [model if name == IN_USE else name for name in names.values() if name and name != NONE]
        for name in wanted:
            shared.access.check(name, dict(request.headers))
        yield {"board": gr.HTML(busy=True), "status": busy("Loading the models …")}
        loaded = [shared.engine.models.get(name) for name in wanted]
        settings = Settings(view=view, size=int(size))
        for sentence in _encoded(shared, tray, loaded, settings):
            yield {"status": busy(sentence), "stop": gr.update(visible=True)}
        comparison = compare(shared.engine, tray, loaded, settings)
        done = IDLE | {"board": gr.HTML(comparison=comparison, busy=False), "scores": table(loaded)}
        yield done | {"status": sentences.status(loaded[-1], settings.size)}

    changed = [tab.view.change, *(widget.change for widget in tab.models)]
    latest = shared.engine.latest["Compare"]
    framed = {"latest": latest, "idle": IDLE, **HEAVY}
    answer(shared.due["Compare"].change, draw, inputs, outputs, **framed)
    answer(any_of(changed), draw, inputs, outputs, trigger_mode="always_last", **framed)


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
        names = [view.name for view in views.VIEWS]
        view = gr.Radio(
            names,
            value=names[0],
            label="View",
            show_label=False,
            container=False,
            elem_id="compare-view",
            elem_classes="pills",
        )
    board = compare_component()
    with gr.Accordion("How much has emerged in each", open=True, elem_id="compare-table"):
        scores = gr.HTML(elem_id="compare-scores")
    with gr.Accordion("What am I seeing?", open=False, elem_id="compare-lesson", elem_classes="half-page"):
        gr.Markdown(LESSON)
    return Compare(view, models, board, scores)


def _encoded(shared: Shared, tray: Tray, models: list[Loaded], settings: Settings) -> Iterator[str]:
    """Progress while each model looks at the pictures it has not seen."""
    stop = shared.engine.stop_signal(tray.visitor)
    for model in models:
        for sentence in encode(shared.engine, tray, model, replace(settings), stop):
            yield f"{model.source.title}: {sentence}"


TAB = Tab("Compare", add)
