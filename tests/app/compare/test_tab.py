"""What an address may ask of the comparison, and when nothing is computed for it."""

from types import SimpleNamespace

import pytest

from app.compare.columns import PAGES
from app.compare.tab import (
    IN_USE,
    NONE,
    CompareEvents,
    model_named_by,
    number_named_by,
    number_written,
    view_named_by,
    views_turn,
    written,
)
from app.server.access import Access
from app.server.trays import open_tray
from core import ModelError, RequestError

OWNER, STRANGER = (Access(loopback, False, "small") for loopback in (True, False))


def draw(engine, access=OWNER, **changed):
    """What the tab answers for two columns of the model in use and another, at 112 px."""
    values = {f"{name}_{place}": PAGES for name in ("block", "size") for place in range(3)}
    values |= {"model_0": "registers", "model_1": IN_USE, "model_2": NONE, "visible": "Compare", "view": "PCA"}
    shared = SimpleNamespace(engine=engine, access=access)
    common = {"tray": open_tray(engine, "ada"), "model": "small", "block": 2, "size": 112, "one_basis": False}
    return CompareEvents(shared, None).draw(request=SimpleNamespace(headers={}), **common | values | changed)


def test_the_comparison_says_what_it_waits_for_and_what_is_offered(engine):
    *before, last = draw(engine, size_1="56")
    told = last["board"].props["comparison"]["columns"]
    assert [column["line"] for column in told] == ["Block 2 of 3, 112 px", "Block 2 of 3, 56 px"]
    busy = [step["status"] for step in before if "stop" in step]
    assert "Small registers, block 2 of 3, 112 px: Looking at 4 pictures" in busy[0]
    (offered,) = [step for step in before if "block_0" in step]
    assert offered["block_0"]["choices"] == [PAGES, "1", "2", "3"] and "block_2" not in offered


@pytest.mark.parametrize("view", ["PCA", "Foreground", "Difference"])
def test_every_kind_of_view_is_drawn(engine, view):
    *_, last = draw(engine, view=view, one_basis=True)
    assert {column["view"]["kind"] for column in last["board"].props["comparison"]["columns"]} == {view.lower()}


def test_nothing_is_computed_for_a_tab_that_nobody_looks_at(engine):
    assert list(draw(engine, visible="Explore")) == [] and engine.forwards == 0


def test_who_may_not_load_a_model_or_names_none_is_told(engine):
    with pytest.raises(ModelError, match="Own paths and repositories"):
        list(draw(engine, STRANGER))
    with pytest.raises(RequestError, match="No column has a model"):
        list(draw(engine, model_0=None, model_1=NONE))


def test_an_address_holds_what_is_not_as_at_first():
    assert written(NONE, NONE) == written(None, NONE) == ""
    assert (written(IN_USE, "untrained"), written(NONE, IN_USE)) == ("in-use", "none")


@pytest.mark.parametrize(("held", "number"), [("12", "12"), ("336 px", "336"), ("page's", ""), ("abc", ""), (None, "")])
def test_a_number_that_is_refused_is_not_in_the_address(held, number):
    assert number_written(held) == number
    assert view_named_by("difference") == "Difference" and view_named_by("pca") == "PCA"
    assert views_turn("PCA") and not views_turn("Difference") and not views_turn("Norms")
    for text in ("0", "-1", "x", "1234567", "¹"):
        with pytest.raises(RequestError, match="block2 is"):
            number_named_by("block2", text)


def test_an_address_makes_no_server_load_a_model_that_nobody_chose(engine):
    for text, wanted in (("in-use", IN_USE), ("untrained", "untrained"), ("small", "small")):
        assert model_named_by(engine, OWNER, text, may_be_none=False) == wanted
    assert model_named_by(engine, OWNER, "none", may_be_none=True) == NONE
    for text in ("hf:some/body", "/etc/passwd", "none"):
        with pytest.raises(ModelError, match="is not loaded here"):
            model_named_by(engine, OWNER, text, may_be_none=False)
    engine.models.get("registers")
    assert model_named_by(engine, OWNER, "registers", may_be_none=False) == "registers"
    with pytest.raises(ModelError, match="is not loaded here"):
        model_named_by(engine, STRANGER, "registers", may_be_none=False)
