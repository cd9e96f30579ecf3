"""Long changes of a collection: what is told on the way, and how they end when they are cancelled."""

import threading

import pytest

from app.search.changes import Changes
from app.server.engine import Engine
from app.server.session import Tray
from core.collection import transport
from tests.app.small import photograph


@pytest.fixture
def filled(engine: Engine) -> str:
    model = engine.models.get("small")
    key = engine.shelf.create("birds", model, 64)
    engine.shelf.open(key, model).add([photograph(seed) for seed in range(3)])
    return key


@pytest.fixture
def changes(engine: Engine) -> Changes:
    made = Changes.__new__(Changes)  # without its widgets
    made.engine, made.shelf, made.jobs = engine, engine.shelf, {}
    return made


def test_an_export_is_there_at_the_end(changes, filled):
    *_, last = changes.exported(Tray("ada"), filled)
    assert last["file"].endswith("birds.zip") and changes.jobs == {}


def test_an_export_ends_when_it_is_cancelled_and_leaves_nothing(changes, filled, monkeypatch):
    told = iter(changes.exported(Tray("ada"), filled))
    reached, go_on = threading.Event(), threading.Event()
    members = transport._members

    def slow(*arguments):
        reached.set()
        go_on.wait(20)
        yield from members(*arguments)

    monkeypatch.setattr(transport, "_members", slow)
    assert "Exporting" in next(told)["progress"] and reached.wait(20)
    changes.cancelled(Tray("ada"))
    assert next(told)["progress"] == "Stopping …"
    go_on.set()
    *_, last = told
    assert "nothing was exported" in last["progress"] and "file" not in last


def test_pictures_at_the_model_are_let_go_when_an_addition_is_cancelled(engine, filled, monkeypatch):
    opened = engine.shelf.open(filled, engine.models.get("small"))
    blocks, seen = type(opened.encoder.model.blocks[0]), []
    forward = blocks.forward
    monkeypatch.setattr(blocks, "forward", lambda self, *given: (seen.append(self), forward(self, *given))[1])
    added = opened.add([photograph(9)], cancelled=lambda: len(seen) > 0)
    assert added.cancelled and not added.ids and len(seen) == 1 and len(opened) == 3
