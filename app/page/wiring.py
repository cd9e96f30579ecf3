"""Widgets to handlers by name, and what becomes of an error."""

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import gradio as gr
from gradio.blocks import Block

from app.server.engine import Stopped
from app.server.latest import Latest
from core import DinoError
from core.templates import html

STOPPED = "Stopped. What was there before stays."
FAILED = "That did not work. What was there before stays."

log = logging.getLogger(__name__)

HEAVY: dict[str, Any] = {"concurrency_id": "forward", "concurrency_limit": 16}
"""Events that may wait for a model: they queue among themselves, never before the light ones."""
LONG: dict[str, Any] = {"concurrency_id": "long", "concurrency_limit": 2}
"""Jobs of many passes or minutes: two at a time, so that however many wait, the others' events find a thread."""
LIGHT: dict[str, Any] = {"concurrency_limit": None}
DOWNLOAD = """(file) => {
    if (!file) return;
    const link = document.createElement("a");
    link.href = file.url;
    link.download = file.orig_name;
    link.click();
}"""
"""Runs in the browser once a file is ready: a click on a link to it."""


def answer(
    trigger: Callable,
    handler: Callable[..., Any],
    inputs: Mapping[str, Block],
    outputs: Mapping[str, Block],
    *,
    latest: Latest | None = None,
    unless: Latest | None = None,
    idle: Mapping[str, Any] | None = None,
    **options,
) -> Any:
    """Let `handler` answer an event, such as `button.click`; the dependency, for `.then` and `cancels`.

    It gets the value of each input by name, and `request` and `event` where it has parameters of these names. It
    returns, or yields, a dict of output names to values; names left out stay as they are. A `DinoError` is shown to
    the visitor and changes nothing.

    With `latest`, it is the newest of those answers, and what those before it have still to say is dropped; with
    `unless`, it is dropped itself once one of them was asked for after it.

    `idle` are the outputs as they are while nothing is computed, for a handler that makes them busy: they come back
    where it is stopped or fails, wherever that happens, and `status`, unless it is among them, then says which.
    """
    wanted = inspect.signature(handler).parameters

    def arguments(values: dict, request: gr.Request, event: gr.EventData | None) -> dict[str, Any]:
        special = {"request": request, "event": event}
        named = {name: values[component] for name, component in inputs.items()}
        return named | {name: value for name, value in special.items() if name in wanted}

    def placed(result: dict[str, Any] | None) -> Any:
        return {outputs[name]: value for name, value in result.items()} if result else gr.skip()

    def at_rest(status: str) -> dict[str, Any]:
        said = {"status": status} if idle and "status" in outputs else {}
        return said | dict(idle or {})

    def wanted_by(request: gr.Request) -> Callable[[], bool]:
        checks = [latest.claim(visitor(request))] if latest else []
        checks += [unless.watch(visitor(request))] if unless else []
        return lambda: all(check() for check in checks)

    def once(values: dict, request: gr.Request, event: gr.EventData = None):  # type: ignore[assignment]  # Gradio reads the annotation
        current = wanted_by(request)
        try:
            result = handler(**arguments(values, request, event))
            return placed(result) if current() else gr.skip()
        except DinoError as error:
            if current():
                _tell(error)
            return gr.skip()

    def step_by_step(values: dict, request: gr.Request, event: gr.EventData = None):  # type: ignore[assignment]  # Gradio reads the annotation
        current = wanted_by(request)
        try:
            for result in handler(**arguments(values, request, event)):
                if not current():
                    break
                yield placed(result)
        except Stopped:
            if current():
                yield placed(at_rest(STOPPED))
        except DinoError as error:
            if current():
                _tell(error)
                yield placed(at_rest(FAILED))
        except Exception:
            if current():
                yield placed(at_rest(FAILED))
            raise
        if not current():
            yield gr.skip()  # a generator that yields nothing empties what it could have filled

    listener = step_by_step if inspect.isgeneratorfunction(handler) else once
    settings = {"api_visibility": "private", "show_progress": "hidden", **LIGHT} | options
    return trigger(listener, inputs=set(inputs.values()), outputs=list(outputs.values()), **settings)


def any_of(triggers: Sequence[Callable]) -> Callable:
    """One trigger for several: `answer(any_of([a.change, b.click]), ...)`."""
    return lambda listener, **options: gr.on(list(triggers), listener, **options)


def warn(text: str, title: str = "That did not work") -> None:
    """Show a sentence to the visitor. Names of files may be in it, so nothing in it is taken for HTML."""
    gr.Warning(escape(text), title=title, duration=12)


def visitor(request: gr.Request) -> str:
    """The name under which a page's visitor is known to the server."""
    return request.session_hash or ""


def busy(sentence: str) -> str:
    """The status line while something is computed."""
    return html('<span class="busy" role="status">{{ sentence }}</span>', sentence=sentence)


def _tell(error: DinoError) -> None:
    log.info("%s: %s", type(error).__name__, error)
    warn(str(error))
