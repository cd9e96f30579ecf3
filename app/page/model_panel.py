"""Choosing another model: loaded beside the page, the old one in place until the new one is there."""

import time
from collections.abc import Iterator

import gradio as gr

from app.page import sentences
from app.page.bar import OWN
from app.page.shared import Shared
from app.page.wiring import answer, visitor
from app.server.encode import model_name
from app.server.models import Loaded, Models
from core import DinoError

POLL_S = 0.25
TASK = "model"


def wire(shared: Shared) -> None:
    """Let the panel load a model for this visitor, and what is looked at be painted anew with it."""
    engine, access, bar, model = shared.engine, shared.access, shared.bar, shared.model
    outputs = shared.fitted | {"model": model, "cancel": bar.cancel, "load": bar.load}

    def choose(current: str, choice: str, path: str, request: gr.Request) -> Iterator[dict]:
        name = model_name(path if choice == OWN else choice)
        access.check(name, dict(request.headers))
        future = engine.models.request(name)
        yield {"cancel": gr.update(visible=True), "load": gr.update(interactive=False)}
        for sentence in loading_of(engine.models, name):
            yield {"progress": sentence}
        idle = {"cancel": gr.update(visible=False), "load": gr.update(interactive=True)}
        try:
            loaded = future.result()
        except DinoError as error:
            kept = engine.models.get(current).source.title
            yield idle | {"progress": f"**That did not work.** {sentences.plain(str(error))} *{kept}* stays in use."}
            return
        yield idle | taken(shared, name, loaded, request)

    inputs = {"current": model, "choice": bar.choice, "path": bar.path}
    loading = answer(bar.load.click, choose, inputs, outputs, concurrency_id="load", concurrency_limit=8)
    shared.adopt(loading.then)
    bar.cancel.click(
        lambda: (
            gr.update(visible=False),
            gr.update(interactive=True),
            "Cancelled; the model in use is the one before.",
        ),
        None,
        [bar.cancel, bar.load, bar.progress],
        cancels=[loading],
        api_visibility="private",
        show_progress="hidden",
    )


def loading_of(models: Models, name: str) -> Iterator[str]:
    """Sentences on the loading of a model, now and then, until it is there or has failed."""
    future, started = models.request(name), time.monotonic()
    while not future.done():
        yield sentences.loading(name, models.fetched(name), time.monotonic() - started)
        time.sleep(POLL_S)


def taken(shared: Shared, name: str, model: Loaded, request: gr.Request) -> dict:
    """A model becomes this visitor's: values for `shared.fitted` and `model`. One described before counts no more."""
    shared.engine.latest[TASK].claim(visitor(request))
    return described(model) | {"model": name}


def described(model: Loaded) -> dict:
    """The page's words on a model, and the controls made to fit it: values for `Shared.fitted`."""
    config, source = model.model.config, model.source
    registers = [f"register {number}" for number in range(1, config.registers + 1)]
    asking = [*["cls"] * model.model.has_cls, *registers, "pinned patch"]
    return {
        "chip": sentences.chip(source),
        "banner": gr.update(value=sentences.banner(source.note), visible=bool(source.note)),
        "progress": f"In use: {sentences.plain(source.title)}.",
        "block": gr.update(maximum=config.depth, value=config.depth),
        "asking": gr.update(choices=asking, value=asking[0]),
        "head": gr.update(choices=["mean", *map(str, range(1, config.heads + 1))], value="mean"),
    }
