"""Who may still write: answers that end in another order than they were asked for, by hand."""

import contextlib
from types import SimpleNamespace

import gradio as gr
import pytest

from app.page.wiring import FAILED, STOPPED, answer
from app.server.latest import Latest
from app.server.turns import Stopped
from core import RequestError

ADA, BOB = (SimpleNamespace(session_hash=name) for name in ("ada", "bob"))


def listener(handler, **options):
    """What Gradio would call: a function of (values, request)."""
    return answer(lambda wired, **_: wired, handler, {}, {"page": "page"}, **options)


def steps(*parts):
    def handler():
        for part in parts:
            if isinstance(part, Exception):
                raise part
            yield {"page": part}

    return handler


def test_a_newer_answer_silences_the_one_before_it_of_that_visitor_alone():
    latest = Latest()
    old, new = (listener(steps(*parts), latest=latest) for parts in (("old 1", "old 2"), ("new 1", "new 2")))
    first, others = old({}, ADA), old({}, BOB)
    assert [next(first), next(others)] == [{"page": "old 1"}] * 2
    second = new({}, ADA)
    assert next(second) == {"page": "new 1"}
    assert list(first) == [gr.skip()]
    assert list(second) == [{"page": "new 2"}]
    assert list(others) == [{"page": "old 2"}]


def test_an_answer_that_only_gives_way_silences_nobody_and_is_dropped_once_it_is_late():
    latest = Latest()
    shown, told = (listener(steps("one", "two"), **kind) for kind in ({"latest": latest}, {"unless": latest}))
    showing, telling = shown({}, ADA), told({}, ADA)
    next(showing)
    assert list(telling) == [{"page": "one"}, {"page": "two"}]
    assert next(showing) == {"page": "two"}
    late = told({}, ADA)
    next(late)
    next(shown({}, ADA))
    assert list(late) == [gr.skip()]


@pytest.mark.parametrize("single", [True, False])
def test_an_error_of_an_answer_nobody_waits_for_is_not_shown(monkeypatch, single):
    warned, latest = [], Latest()
    monkeypatch.setattr(gr, "Warning", lambda text, **_: warned.append(text))

    def overtaken():
        latest.claim("ada")
        raise RequestError("of a choice before")

    def step_by_step():
        yield {"page": "busy"}
        overtaken()

    wired = listener(overtaken if single else step_by_step, latest=latest)
    if single:
        assert wired({}, ADA) == gr.skip()
    else:
        assert list(wired({}, ADA)) == [{"page": "busy"}, gr.skip()]
    assert warned == []
    assert list(listener(steps(RequestError("of this one")), latest=latest)({}, ADA)) == [gr.skip()]
    assert warned == ["of this one"]


def test_nothing_reaches_a_visitor_who_has_left(engine):
    latest = engine.latest["a tab"]
    running = listener(steps("one", "two"), latest=latest)({}, ADA)
    next(running)
    engine.leave("ada")
    assert list(running) == [gr.skip()]


@pytest.mark.parametrize(
    ("raised", "status"),
    [(Stopped(), STOPPED), (RequestError("no"), FAILED), (ZeroDivisionError(), FAILED)],
    ids=["stopped", "refused", "broken"],
)
def test_whatever_ends_an_answer_leaves_nothing_waiting(monkeypatch, raised, status):
    monkeypatch.setattr(gr, "Warning", lambda text, **_: None)
    outputs = {"page": "page", "status": "status", "stop": "stop"}
    wired = answer(
        lambda wired, **_: wired, steps("busy", raised), {}, outputs, idle={"page": "at rest", "stop": "hidden"}
    )
    running = wired({}, ADA)
    assert next(running) == {"page": "busy"}
    assert next(running) == {"page": "at rest", "stop": "hidden", "status": status}
    with pytest.raises(type(raised)) if isinstance(raised, ZeroDivisionError) else contextlib.nullcontext():
        assert list(running) == []


def test_an_answer_that_says_nothing_leaves_everything_as_it_was():
    assert list(listener(steps())({}, ADA)) == [gr.skip()]
