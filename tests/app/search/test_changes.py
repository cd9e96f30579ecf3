"""Collections as the Search tab changes them: made of what is dropped, removed from and back."""

import datetime
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import gradio as gr
import pytest

from app.search.changes import SLASH, Changes, title_for
from app.search.summaries import again_summary
from app.server.access import Access
from app.server.built_in import KEYS
from app.server.session import Tray
from core import RequestError
from core.collection.reembedding import Reembedded
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
        "labels": "folders",
        "files": files,
    }


def last(steps) -> dict:
    *_, final = steps
    return final


@pytest.mark.parametrize("chosen", ["", *KEYS])
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
    with pytest.raises(RequestError, match="Nothing was changed"):
        changes.undone(undo=())


def test_a_collection_without_a_name_is_called_by_what_it_holds():
    assert title_for([Path("/spool/birds.tar.gz")]) == "birds"
    assert title_for([Path("/spool/.png")]) == "Pictures"
    today = datetime.datetime.now().astimezone()
    assert title_for([Path("a.png")] * 290).startswith(f"290 pictures, {today.day} ")


def test_files_of_a_folder_keep_its_labels_and_a_table_among_them_comes_first(engine, changes, given, tmp_path):
    folder = tmp_path / "sent"
    folder.mkdir()
    ways = ["birds/owl/1.png", "birds/owl/2.png", "birds/jay/1.png", "birds/readme.txt"]
    files = [folder / way.replace("/", SLASH) for way in ways]
    for number, file in enumerate(files):
        file.write_bytes(photograph(number) if file.suffix == ".png" else b"words")
    told = last(changes.uploaded(**given | {"files": [str(file) for file in files]}))
    opened = engine.shelf.look(told["collection"]["value"])
    assert told["progress"].splitlines()[0] == "3 pictures added.", "what is no picture in a folder is passed over"
    assert opened.title == "birds"
    assert [(one.name, one.label) for one in opened.records()] == [(way, way.split("/")[1]) for way in ways[:3]]

    table = tmp_path / "any.csv"
    table.write_text("label;file\nOwl;1.png\n")
    for number in (1, 2):
        (tmp_path / f"{number}.png").write_bytes(photograph(10 + number))
    sent = [table, tmp_path / "1.png", tmp_path / "2.png"]
    named = given | {"title": "B", "labels": "nothing", "files": [str(file) for file in sent]}
    opened = engine.shelf.look(last(changes.uploaded(**named))["collection"]["value"])
    assert [(one.name, one.label) for one in opened.records()] == [("1.png", "Owl"), ("2.png", "")]
    table.write_text("only one column\n")
    with pytest.raises(RequestError, match="two columns"):
        last(changes.uploaded(**given | {"title": "C", "files": [str(table)]}))
    assert "C" not in [one.title for one in engine.shelf.listed()], "nothing is made of what cannot be read"


def test_a_stop_is_answered_at_once_and_what_was_added_stays(engine, changes, given):
    steps = changes.uploaded(**given | {"title": "Long"})
    assert next(steps)["cancel"]["visible"]
    assert changes.cancelled(given["tray"])["progress"].startswith("Stopping")
    *between, final = steps
    assert all(step["progress"].startswith("Stopping") and not step["cancel"]["visible"] for step in between)
    assert "added" in final["progress"] and not final["cancel"]["visible"]
    assert not changes.cancelled(given["tray"])["cancel"]["visible"], "nothing runs any more"


def test_a_collection_is_embedded_again_from_the_files_of_this_machine(engine, changes, given, tmp_path):
    originals = tmp_path / "originals"
    originals.mkdir()
    for file in given["files"]:
        (originals / Path(file).name).write_bytes(Path(file).read_bytes())
    key = last(changes.uploaded(**given | {"title": "Old", "tags": "all"}))["collection"]["value"]
    (originals / "2.png").unlink()
    home = SimpleNamespace(headers={})
    again = {"tray": given["tray"], "model": "another", "collection": key, "path": str(originals), "size": 112}
    told = last(changes.embedded_again(**again, request=home))
    new = told["collection"]["value"]
    assert (
        new != key and told["progress"].startswith("2 of 3 pictures embedded again") and "- 2.png" in told["progress"]
    )
    opened = engine.shelf.open(new, engine.models.get("another"))
    assert opened.title == "Old · another, 112 px" and opened.tags() == {"all": 2} and len(engine.shelf.look(key)) == 3
    (originals / "2.png").write_bytes(photograph(2))
    told = last(changes.embedded_again(**again, request=home))
    assert told["collection"]["value"] == new and told["progress"].startswith("3 of 3 pictures") and len(opened) == 3
    told = last(changes.embedded_again(**again | {"model": "small"}, request=home))
    assert "choose another model or resolution" in told["progress"] and not told["cancel"]["visible"]
    with pytest.raises(RequestError, match="Type the path"):
        last(changes.embedded_again(**again | {"path": " "}, request=home))
    with pytest.raises(RequestError, match="is not on this machine"):
        last(changes.embedded_again(**again | {"path": "/nowhere"}, request=home))
    with pytest.raises(RequestError, match="comes with the app"):
        last(changes.embedded_again(**again | {"collection": KEYS[0]}, request=home))
    stranger = SimpleNamespace(headers={"x-forwarded-for": "198.51.100.7"})
    with pytest.raises(RequestError, match="only from that machine itself"):
        last(changes.embedded_again(**again, request=stranger))


def test_embedding_again_that_is_stopped_goes_on_when_it_is_asked_for_once_more():
    stopped = again_summary(Reembedded(2, ["a", "b"], [], True))
    assert stopped.startswith("Stopped. 2 of 4 pictures") and stopped.endswith("Do the same once more to go on.")
    many = again_summary(Reembedded(1, [f"<b>{number}" for number in range(30)]))
    assert "30 others were not" in many and "- and 10 more" in many and "<b>" not in many


def test_only_the_collection_that_was_named_is_deleted(engine, changes):
    model = engine.models.get("small")
    old, fresh = (engine.shelf.create(title, model, 112) for title in ("Old", "Fresh"))
    asked = changes.asked_to_delete(old)
    assert asked["really"]["value"] == "Really delete Old" and asked["named"] == old
    with pytest.raises(RequestError, match="nothing was deleted"):
        changes.deleted(collection=fresh, named=old)
    with pytest.raises(RequestError, match="nothing was deleted"):
        changes.deleted(collection=fresh, named="")
    assert changes.asked_no_more(fresh, old) == {"really": gr.update(visible=False), "named": ""}
    assert changes.asked_no_more(old, old) is None
    assert changes.deleted(collection=old, named=old)["progress"] == "*Old* is deleted."
    assert [one.key for one in engine.shelf.listed() if one.key in (old, fresh)] == [fresh]
