"""Widgets to handlers by name, the lines in which long work waits, and what becomes of an error."""

import inspect
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from html import escape
from typing import Any

import gradio as gr
from gradio.blocks import Block

from app.page.told import Told
from app.server.latest import Latest
from app.server.lines import Line
from app.server.presence import Caller
from app.server.spool import full_disk_told
from app.server.turns import Stopped
from core import DinoError
from core.templates import html

STOPPED = "Stopped. What was there before stays."
STOPPING = "Stopping …"
FAILED = "That did not work. What was there before stays."
WAITING = "Others are before you; waiting for a turn …"

log = logging.getLogger(__name__)

HEAVY: dict[str, Any] = {"line": Line("views", total=16, each=2)}
"""Events that may wait for a model: they wait for one another, never before the light ones."""
LONG: dict[str, Any] = {"line": Line("long", total=4, each=2)}
"""Jobs of many passes or minutes."""
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
    line: Line | None = None,
    **options,
) -> Any:
    """Let `handler` answer an event, such as `button.click`; the dependency, for `.then` and `cancels`.

    It gets the value of each input by name, and `request` and `event` (a `Told`) where it has parameters of these names. It
    returns, or yields, a dict of output names to values; names left out stay as they are. A `DinoError` is shown to
    the visitor and changes nothing.

    With `latest`, it is the newest of those answers, and what those before it have still to say is dropped; with
    `unless`, it is dropped itself once one of them was asked for after it.

    `idle` are the outputs as they are while nothing is computed, for a handler that makes them busy: they come back
    where it is stopped or fails, wherever that happens, and `status`, unless it is among them, then says which.

    In a `line`, it waits for its place; nothing is computed for a visitor who has left, nor what a newer one replaces.
    """
    wanted = inspect.signature(handler).parameters

    def arguments(values: dict, request: gr.Request, event: gr.EventData | None) -> dict[str, Any]:
        special = {"request": request, "event": Told(event._data if event else None)}
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

    def once(current: Callable[[], bool], values: dict, request: gr.Request, event: gr.EventData | None) -> Any:
        try:
            with full_disk_told():
                result = handler(**arguments(values, request, event)) if current() else None
            return placed(result) if current() else gr.skip()
        except DinoError as error:
            if current():
                _tell(error)
            return gr.skip()

    def steps(current: Callable[[], bool], values: dict, request: gr.Request, event: gr.EventData | None) -> Iterator:
        silent = True
        try:
            with full_disk_told():
                for result in handler(**arguments(values, request, event)) if current() else ():
                    if not current():
                        break
                    silent = False
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
        else:
            if silent and current():
                yield gr.skip()  # a generator that yields nothing empties what it could have filled
        if not current():
            yield gr.skip()

    in_steps = inspect.isgeneratorfunction(handler)
    said = (lambda: placed({"status": busy(WAITING)})) if "status" in outputs else None
    run = (
        _in_line(line, steps if in_steps else once, wanted_by, said)
        if line
        else _at_once(steps if in_steps else once, wanted_by)
    )
    settings = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None} | options
    return trigger(run, inputs=set(inputs.values()), outputs=list(outputs.values()), **settings)


def _at_once(work: Callable, wanted_by: Callable) -> Callable:
    """What Gradio calls, for work that needs no place in a line; it reads the annotations."""

    def once(values: dict, request: gr.Request, event: gr.EventData = None):  # type: ignore[assignment]
        return work(wanted_by(request), values, request, event)

    def steps(values: dict, request: gr.Request, event: gr.EventData = None):  # type: ignore[assignment]
        yield from work(wanted_by(request), values, request, event)

    return steps if inspect.isgeneratorfunction(work) else once


def _in_line(line: Line, work: Callable, wanted_by: Callable, while_waiting: Callable[[], Any] | None) -> Callable:
    """The same for work that waits in a line; what it shows counts from the moment of asking."""

    async def once(values: dict, request: gr.Request, event: gr.EventData = None):  # type: ignore[assignment]
        try:
            return await line.once(Caller(visitor(request)), partial(work, wanted_by(request), values, request, event))
        except Stopped:
            return gr.skip()
        except DinoError as error:
            _tell(error)
            return gr.skip()

    async def steps(values: dict, request: gr.Request, event: gr.EventData = None) -> AsyncIterator:  # type: ignore[assignment]
        start = partial(work, wanted_by(request), values, request, event)
        try:
            async for result in line.steps(Caller(visitor(request)), start, while_waiting):
                yield result
        except Stopped:
            yield gr.skip()
        except DinoError as error:
            _tell(error)
            yield gr.skip()

    return steps if inspect.isgeneratorfunction(work) else once


def stops(button: gr.Button, handler: Callable, inputs: Mapping[str, Block], outputs: Mapping[str, Block], says: str):
    """Let `handler` stop what runs, at a click; before any server hears of it, the element with the id `says` tells so."""
    button.click(None, None, None, js=f"() => window.dinoscope.stopping({says!r})", api_visibility="private")
    return answer(button.click, handler, inputs, outputs)


def any_of(triggers: Sequence[Callable]) -> Callable:
    """One trigger for several: `answer(any_of([a.change, b.click]), ...)`."""
    return lambda listener, **options: gr.on(list(triggers), listener, **options)


def warn(text: str, title: str = "That did not work") -> None:
    """Show a sentence to the visitor. Names of files may be in it, so nothing in it is taken for HTML."""
    gr.Warning(escape(text, quote=False), title=title, duration=12)


def visitor(request: gr.Request) -> str:
    """The name under which a page's visitor is known to the server."""
    return request.session_hash or ""


def busy(sentence: str) -> str:
    """The status line while something is computed."""
    return html('<span class="busy" role="status">{{ sentence }}</span>', sentence=sentence)


def _tell(error: DinoError) -> None:
    log.info("%s: %s", type(error).__name__, error)
    warn(str(error))
