"""An address may hold anything: what it asks for is checked, the rest stays as usual and is told."""

from collections.abc import Callable

import gradio as gr
import pytest

from app.page import address
from app.page.address import (
    LONGEST,
    MOST_PICTURES,
    MOST_PINS,
    PageAddress,
    Wanted,
    place_block,
    place_pictures,
    place_pins,
    place_size,
    read_fragment,
    usual_unless_allowed,
)
from app.server.access import Access
from app.server.engine import Engine
from app.server.session import Tray
from app.server.trays import FIRST_SELECTED, address_name, open_tray
from app.server.uploads import add_bytes
from core import RequestError
from tests.app.small import SIZE, photograph

HOME = Access(loopback=True, password=False, default="small")
PROXY = {"x-forwarded-for": "1.2.3.4"}


@pytest.fixture
def tray(engine: Engine) -> Tray:
    return add_bytes(engine.library, open_tray(engine, "ada"), photograph(), "mine.png")


def names(tray: Tray) -> list[str]:
    return [picture.name for picture in tray.chosen]


def test_a_fragment_is_a_tab_and_parts():
    assert read_fragment("#match?model=hf:a/b&pictures=a%20b,c") == (
        "match", Wanted({"model": "hf:a/b", "pictures": "a b,c"})
    )  # fmt: skip
    assert read_fragment("") == ("", Wanted()) and read_fragment("#match") == ("match", Wanted())


@pytest.mark.parametrize("rubbish", [None, 3, ["#a"], "#a?" + "b=1&" * 40, "#" + "a" * LONGEST])
def test_rubbish_asks_for_nothing_and_is_told(rubbish):
    _, wanted = read_fragment(rubbish)
    assert wanted.parts == {} and len(wanted.problems) == 1


def test_samples_are_shown_by_name_and_own_pictures_by_hash(engine, tray):
    own = address_name(tray.pictures[-1])
    assert own.startswith("own-") and len(own) == 16
    shown, problems = place_pictures(engine, tray, Wanted({"pictures": f"rocket,lion,{own}"}))
    assert sorted(names(shown)) == ["lion", "mine.png", "rocket"] and problems == []


def test_pictures_that_are_not_there_are_told_and_the_others_shown(engine):
    opened = open_tray(engine, "bob")
    shown, problems = place_pictures(engine, opened, Wanted({"pictures": "lion,unicorn,own-0123456789ab"}))
    assert names(shown) == ["lion"]
    assert "one picture of a visitor's own" in problems[0] and "no sample 'unicorn'" in problems[1]
    shown, problems = place_pictures(engine, opened, Wanted({"pictures": "<b>,../../etc"}))
    assert shown == opened and len(problems) == 2
    shown, problems = place_pictures(engine, opened, Wanted({"pictures": ",".join(["lion"] * (MOST_PICTURES + 1))}))
    assert shown == opened and "24 are the most" in problems[0]


def test_without_pictures_in_the_address_the_tray_stays(engine):
    opened = open_tray(engine, "bob")
    assert place_pictures(engine, opened, Wanted()) == (opened, [])
    assert len(opened.chosen) == FIRST_SELECTED


def test_the_opening_pictures_count_as_chosen_where_the_address_says_so_or_pins_one(engine):
    opened = open_tray(engine, "bob")
    pictures = ",".join(names(opened))
    shown, _ = place_pictures(engine, opened, Wanted({"pictures": pictures}))
    assert shown == opened and shown.untouched
    for more in ({"chosen": "1"}, {"pins": "lion:0.5:0.5"}):
        shown, _ = place_pictures(engine, opened, Wanted({"pictures": pictures} | more))
        assert shown.chosen == opened.chosen and not shown.untouched
    shown, _ = place_pictures(engine, opened, Wanted({"pictures": "lion"}))
    assert not shown.untouched
    shown, _ = place_pictures(engine, opened, Wanted({"pictures": "unicorn", "pins": "unicorn:0.5:0.5"}))
    assert shown == opened


def test_pins_are_marks_on_the_pictures_that_are_shown(engine):
    opened = open_tray(engine, "bob")
    marks, problems = place_pins(opened, Wanted({"pins": "cheetah:0.5:0.25,-cheetah-running:0:0.9"}))
    assert problems == [] and marks == [
        {"picture": "p0", "x": 0.5, "y": 0.25, "sign": 1},
        {"picture": "p3", "x": 0.0, "y": 0.9, "sign": -1},
    ]


@pytest.mark.parametrize(
    "pin", ["unicorn:0.5:0.5", "cheetah", "cheetah:nan:0", "cheetah:0:inf", "cheetah:-1:0", "cheetah:1:0", "cheetah:a:b",
            "cheetah:0:0:0", "motorcycle:0:0", "-", ":::"],
)  # fmt: skip
def test_a_pin_that_lies_nowhere_is_told(engine, pin):
    marks, problems = place_pins(open_tray(engine, "bob"), Wanted({"pins": f"lion:0:0,{pin}"}))
    assert len(marks) == 1 and problems == ["a pin lies on no picture that is shown."]


def test_pins_are_bounded(engine):
    marks, problems = place_pins(open_tray(engine, "bob"), Wanted({"pins": "lion:0:0," * 500}))
    assert len(marks) == MOST_PINS and len(problems) == 1


def test_models_with_a_name_for_everybody_are_loaded_for_everybody(engine):
    stranger = Access(loopback=False, password=False, default="small")
    for name in ("untrained", "small"):
        assert usual_unless_allowed(engine, stranger, Wanted({"model": name}), {}) == (name, [])
    assert usual_unless_allowed(engine, stranger, Wanted(), {}) == ("small", [])


def test_an_address_loads_no_path_or_repository_that_nobody_has_loaded_by_hand(engine):
    wanted = Wanted({"model": "hf:who/knows"})
    model, (problem,) = usual_unless_allowed(engine, HOME, wanted, {})
    assert model == "small" and "'hf:who/knows' is not loaded here" in problem
    engine.models.get("hf:who/knows")
    assert usual_unless_allowed(engine, HOME, wanted, {}) == ("hf:who/knows", [])


@pytest.mark.parametrize(
    ("access", "headers"), [(Access(loopback=False, password=False, default="small"), {}), (HOME, PROXY)]
)
def test_a_stranger_gets_no_own_model_even_if_it_is_loaded(engine, access, headers):
    engine.models.get("/runs/mine")
    model, (problem,) = usual_unless_allowed(engine, access, Wanted({"model": "/runs/mine"}), headers)
    assert model == "small" and "only where the app runs on one's own machine" in problem


def test_a_block_or_resolution_is_one_that_the_model_has(engine):
    model = engine.models.get("small")
    assert place_block(model, "2")["block"]["value"] == 2
    placed = place_size(model, "210")
    assert placed["size"]["value"] == 210 and placed["own_size"] == 0
    for text in ("0", "4", "-1", "1.5", "two", "9" * 30, "²"):
        with pytest.raises(RequestError, match="this model has blocks 1 to 3"):
            place_block(model, text)
    for text in ("0", "211", "99999", "518px", "", "٣٣٦"):
        with pytest.raises(RequestError, match="in steps of 14"):
            place_size(model, text)


@pytest.fixture
def addressed(engine, monkeypatch) -> PageAddress:
    """A page's address, its events not yet wired."""
    from app.build import TABS, _lay_out

    made: list[PageAddress] = []
    monkeypatch.setattr(PageAddress, "wire", lambda self, blocks: made.append(self))
    with gr.Blocks() as blocks:
        _lay_out(engine, HOME, blocks, TABS)
    return made[0]


@pytest.fixture
def page(addressed, monkeypatch) -> Callable:
    """Calls what a page's address asks for, with the sentences that the visitor is told."""
    told: list[str] = []
    monkeypatch.setattr(address, "warn", lambda text, title: told.append(text))
    return lambda model, parts, *problems: (list(addressed.placed(model, Wanted(parts, problems)))[-1], told)


@pytest.mark.parametrize(("fragment", "visible"), [("#match", "Match"), ("#emergence?run=shipped", "Emergence")])
def test_the_tab_of_an_address_is_drawn_before_any_is_clicked(addressed, fragment, visible):
    asked = gr.Request(session_hash="ada", headers={})
    assert addressed.opened({"fragment": fragment}, asked)["visible"] == visible
    assert "visible" not in addressed.opened({"fragment": "#garden"}, asked)
    assert "visible" not in addressed.opened({"fragment": ""}, asked)


def test_all_that_is_wrong_is_told_at_once_and_the_usual_stays(page):
    parts = {"view": "colours", "block": "77", "size": "5", "collection": "../secret", "map": "none", "what": "ever"}
    values, told = page("small", parts, "there is no tab 'x'.")
    assert values["model"] == "small" and values["block"]["value"] == 3
    assert "view" not in values and "collection" not in values and "size" not in values
    (sentence,) = told
    for words in (
        "no tab 'x'",
        "view is 'colours'",
        "blocks 1 to 3",
        "steps of 14",
        "no collection '../secret'",
        "'none'",
    ):
        assert words in sentence


def test_what_is_there_is_shown(page, engine):
    key = engine.shelf.create("Birds", engine.models.get("small"), SIZE)
    values, told = page("untrained", {"view": "norms", "block": "2", "size": "210", "collection": key, "map": key})
    assert (values["view"], values["block"]["value"], values["size"]["value"]) == ("Norms", 2, 210)
    assert values["model"] == "untrained" and values["collection"]["value"] == values["map"]["value"] == key
    assert told == []


def test_a_model_that_cannot_be_loaded_leaves_the_usual_one(page):
    values, (sentence,) = page("missing", {"block": "2"})
    assert values["model"] == "small" and values["block"]["value"] == 2 and "'missing' is not there" in sentence
