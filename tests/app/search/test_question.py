"""The question of the Search tab: what asks alone, what is added, and what is left when pictures go."""

import pytest

from app.page.told import Told
from app.search import gestures, question
from app.search.question import QueryPart
from app.server.session import Tray
from core import RequestError

BOX = QueryPart("p0", box=(0.1, 0.2, 0.5, 0.6))
POINT = QueryPart("p0", point=(0.5, 0.5))
TRAY = Tray("ada").add("one.png", "1").add("two.png", "2")
ROW = {"picture": "", "against": False, "box": None, "point": None, "record": 7, "collection": "birds-1"}


def test_what_the_browser_says_is_not_trusted():
    assert question.asked_from([{"picture": "p0", "box": [-1, 0, 2, 0.5]}]) == (QueryPart("p0", box=(0, 0, 1, 0.5)),)
    assert question.asked_from([ROW]) == (QueryPart(record=7, collection="birds-1"),)
    for rubbish in (
        [{}],
        ["x"],
        [{"picture": "p0", "box": [1]}],
        [{"picture": "p0", "point": ["a", 1]}],
        [{"record": "x"}],
    ):
        with pytest.raises(RequestError, match="draw it again"):
            question.asked_from(rubbish)


def test_nothing_asked_is_not_the_same_as_nothing_asked_yet():
    assert question.still_there(None, TRAY) == (QueryPart("p0"),)
    assert question.still_there((), TRAY) == ()
    assert question.still_there(None, Tray()) == ()


def test_a_question_goes_with_its_pictures():
    assert question.still_there((QueryPart("p7"),), TRAY) == (QueryPart("p0"),)
    assert question.still_there((QueryPart("p1", against=True),), TRAY) == (QueryPart("p1", against=True),)
    one = QueryPart(record=7, collection="birds-1")
    assert question.still_there((one,), TRAY, "birds-1", [7]) == (one,)
    assert question.still_there((one,), TRAY, "birds-1", [8]) == (), "removed from the collection"
    assert question.still_there((one,), TRAY, "cats-2", [7]) == (), "another collection's"


@pytest.mark.parametrize("part", [BOX, POINT])
def test_a_part_is_compared_with_parts_and_the_mode_says_so(part):
    for mode in ("cls", "mean", "region"):
        assert question.fitting_mode((QueryPart("p1"), part), mode) == "region"
    assert question.fitting_mode((QueryPart("p0"),), "region", before=(part,)) == "cls", "no part is left"
    assert question.fitting_mode((QueryPart("p0"),), "region", before=(QueryPart("p0"),)) == "region", "it was chosen"
    assert gestures.compared((part,), "cls") == {"asked": (QueryPart("p0"),)}, "whole pictures have no box"
    assert gestures.compared((part,), "region") == {"asked": (part,)}
    assert gestures.compared(None, "mean") == {"asked": None}


def test_more_like_this_asks_alone_and_beside():
    before = (QueryPart("p0"),)

    def asked(how: str, before=before):
        return gestures.liked(before, "cls", "birds-1", Told({"id": 7, "how": how}))["asked"]

    row = QueryPart(record=7, collection="birds-1")
    assert asked("only") == (row,) and asked("and") == (*before, row)
    assert asked("not", (row, *before)) == (*before, QueryPart(record=7, collection="birds-1", against=True))
    with pytest.raises(RequestError, match="choose only, and, or not"):
        asked("or")


def test_parts_are_taken_out_one_by_one_or_all_at_once():
    before = (POINT, QueryPart("p1"))
    assert gestures.taken_out(before, "region", Told({"place": 0})) == {"asked": (QueryPart("p1"),), "mode": "cls"}
    assert gestures.taken_out((POINT,), "region", Told({"place": 0}))["asked"] == ()
    assert gestures.taken_out(before, "region", Told({"place": 9}))["asked"] == before
    assert gestures.cleared(before) == {"asked": ()}


def test_the_question_in_words():
    parts = question.in_order((QueryPart("p2", against=True), QueryPart("p1"), POINT, QueryPart("p3", against=True)))
    assert [one.picture for one in parts] == ["p1", "p0", "p2", "p3"]
    assert question.spoken(parts) == [
        ("Pictures like", ""),
        ("and like", ", the part that was clicked"),
        ("but unlike", ""),
        ("and unlike", ""),
    ]
    assert question.spoken([QueryPart("p2", against=True)]) == [("Unlike", "")]
