"""Marked pictures are tagged and removed, and each change is undone, the last one first, in its own collection."""

import pytest

from app.page import marked
from core import RequestError
from tests.app.small import SIZE, photograph


@pytest.fixture
def key(engine) -> str:
    model = engine.models.get("small")
    key = engine.shelf.create("Three", model, SIZE)
    engine.shelf.open(key, model).add([photograph(number) for number in range(3)], tags=["all"])
    return key


def tags(engine, key: str) -> list[tuple[str, ...]]:
    return [record.tags for record in engine.shelf.look(key).records()]


def test_changes_of_every_kind_are_undone_in_turn(engine, key):
    shelf, before = engine.shelf, tags(engine, key)
    told, undo = marked.tag(shelf, key, (1, 2), " new , all", False, ())
    assert told == "2 pictures: with new, all."
    told, undo = marked.tag(shelf, key, (2, 3), "new", False, undo)
    assert told == "1 picture: with new. 1 other was so already."
    told, undo = marked.tag(shelf, key, (1,), "all", True, undo)
    assert told == "1 picture: without all." and tags(engine, key)[0] == ("new",)
    told, undo = marked.remove(shelf, key, (3,), undo)
    assert told == "1 picture removed from the collection." and len(undo) == 4
    said = []
    while undo:
        told, undo = marked.undo_last(shelf, undo)
        said.append(told)
    assert said[0] == "1 picture brought back." and said[1] == "Tags of 1 picture are as before."
    assert tags(engine, key) == before


def test_what_changes_nothing_is_said_and_is_not_undone(engine, key):
    told, undo = marked.tag(engine.shelf, key, (1, 2, 3), "all", False, ())
    assert told == "Nothing changed: 3 pictures were with all already." and undo == ()
    for ids, typed in (((), "new"), ((1,), " , ")):
        with pytest.raises(RequestError, match="at least one tag"):
            marked.tag(engine.shelf, key, ids, typed, False, ())
    with pytest.raises(RequestError, match="Nothing was changed"):
        marked.undo_last(engine.shelf, ())


def test_tags_are_split_at_commas():
    assert marked.split_tags(" a ,b,, a,=1+1 ") == ("a", "b", "=1+1")
