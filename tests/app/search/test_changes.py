"""Collections as the Search tab changes them: made of what is dropped, removed from and back."""

import datetime
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from app.search.changes import Changes, title_for
from app.server.access import Access
from app.server.session import Tray
from app.server.shelf import GALLERY
from core import RequestError
from tests.app.small import photograph


@pytest.fixture
def changes(engine):
    access = Access(loopback=True, password=False)
    shared = SimpleNamespace(engine=engine, access=access, inputs=lambda *names: {})
    return Changes(shared, MagicMock(), MagicMock(), MagicMock())


@pytest.fixture
def given(tmp_path):
    """What the widgets hold when three files are dropped on the field and nothing is typed."""
    files = []
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(photograph(number))
        files.append(str(tmp_path / f"{number}.png"))
    return {
        "tray": Tray("ada"),
        "model": "small",
        "collection": "",
        "title": "",
        "tags": "",
        "size": 112,
        "files": files,
    }


def last(steps) -> dict:
    *_, final = steps
    return final


@pytest.mark.parametrize("chosen", ["", GALLERY])
def test_what_is_dropped_where_no_own_collection_is_chosen_becomes_one(engine, changes, given, chosen):
    told = last(changes.uploaded(**given | {"collection": chosen}))
    key = told["collection"]["value"]
    assert "3 pictures added" in told["progress"] and len(engine.shelf.look(key)) == 3
    assert engine.shelf.look(key).title == title_for([Path(file) for file in given["files"]])
    assert not any(Path(file).exists() for file in given["files"]), "temporary copies are deleted"


def test_what_is_dropped_joins_the_chosen_collection_unless_a_name_is_typed(engine, changes, given, tmp_path):
    key = engine.shelf.create("Mine", engine.models.get("small"), 112)
    assert last(changes.uploaded(**given | {"collection": key}))["collection"]["value"] == key
    (tmp_path / "0.png").write_bytes(photograph(0))
    named = given | {"collection": key, "title": " Other ", "files": given["files"][:1]}
    other = last(changes.uploaded(**named))["collection"]["value"]
    assert other != key and engine.shelf.look(other).title == "Other"


def test_many_files_become_a_collection_of_their_own_whatever_is_chosen(engine, changes, given):
    key = engine.shelf.create("Mine", engine.models.get("small"), 112)
    made = last(changes.made(**given | {"collection": key}))["collection"]["value"]
    assert made != key and len(engine.shelf.look(made)) == 3


def test_every_removal_is_undone_the_last_one_first(engine, changes, given):
    key = last(changes.uploaded(**given))["collection"]["value"]
    opened = engine.shelf.look(key)
    before = opened.records()
    told, undo = {}, ()
    for one in before[:2]:
        told = changes.removed(collection=key, marked=(one.id,), undo=undo)
        undo = told["undo"]
    assert told["progress"] == "1 picture removed from the collection." and told["back"]["visible"] and len(opened) == 1
    told = changes.undone(undo=undo, collection="another that is looked at by now")
    assert told["progress"] == "1 picture brought back." and told["back"]["visible"]
    assert [record.id for record in opened.records()] == [before[1].id, before[2].id]
    opened.tidy()
    told = changes.undone(undo=told["undo"])
    assert told["progress"] == "0 pictures brought back. 1 other cannot: add the files again."
    assert not told["back"]["visible"]
    with pytest.raises(RequestError, match="Nothing was removed"):
        changes.undone(undo=())


def test_a_collection_without_a_name_is_called_by_what_it_holds():
    assert title_for([Path("/spool/birds.tar.gz")]) == "birds"
    assert title_for([Path("/spool/.png")]) == "Pictures"
    today = datetime.datetime.now().astimezone()
    assert title_for([Path("a.png")] * 290).startswith(f"290 pictures, {today.day} ")
