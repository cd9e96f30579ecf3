"""Several tabs on one page: each is drawn when it is looked at and something changed, and keeps what it holds."""

from collections.abc import Iterator

import gradio as gr
import pytest
from playwright.sync_api import Page, expect

from app.build import build, launch
from app.explore.events import TAB as EXPLORE
from app.page.shared import Fitted, FittedChoice, Shared, Tab
from app.page.wiring import answer
from app.server.access import Access
from app.server.engine import Engine
from app.server.models import Models
from tests.app.browsing import opened, typed
from tests.app.conftest import unused_port
from tests.app.small import small_model

pytestmark = pytest.mark.slow
DRAWN = []


def add_second(shared: Shared) -> None:
    """The least a tab can be: it says how many pictures are selected, and of which block."""
    shown = gr.Textbox(elem_id="second-shown")
    gr.Textbox(elem_id="second-notes")

    def draw(tray, model: str, block: float) -> dict:
        DRAWN.append(len(tray.chosen))
        return {"shown": f"{len(tray.chosen)} pictures, {model}, block {block:g}"}

    answer(shared.due["Second"].change, draw, shared.inputs("tray", "model", "block"), {"shown": shown})


@pytest.fixture(scope="module")
def served_twice() -> Iterator[tuple[str, Engine]]:
    """The address and engine of a page of two tabs."""
    engine = Engine("small", models=Models("small", load=small_model))
    blocks = build(engine, Access(loopback=True, password=False, default="small"), [EXPLORE, Tab("Second", add_second)])
    yield launch(blocks, "127.0.0.1", unused_port(), wait=False), engine
    blocks.close(verbose=False)


@pytest.fixture
def tab(browser, served_twice) -> Iterator[Page]:
    """The page with its first tab drawn."""
    DRAWN.clear()
    with opened(browser, served_twice[0]) as tab:
        expect(tab.locator("#facts")).to_contain_text("Explained variance")
        yield tab


def shown(tab: Page):
    return tab.locator("#second-shown textarea, #second-shown input")


def test_a_tab_is_drawn_when_it_is_looked_at_and_only_if_something_changed(tab):
    assert DRAWN == []
    tab.locator("#tab-second-button").click()
    expect(shown(tab)).to_have_value("4 pictures, small, block 3")
    assert tab.evaluate("location.hash.split('?')[0]") == "#second"
    tab.locator("#tray .dino-pick").first.click()
    expect(shown(tab)).to_have_value("3 pictures, small, block 3")
    expect(tab.locator("#stage .dino-picture")).to_have_count(4)  # not looked at, not drawn
    tab.locator("#tab-explore-button").click()
    expect(tab.locator("#stage .dino-picture")).to_have_count(3)
    tab.locator("#tab-second-button").click()
    tab.wait_for_timeout(500)
    assert DRAWN == [4, 3]


def test_nothing_is_lost_on_changing_tabs_and_keys_are_for_the_tab_that_is_seen(tab):
    tab.keyboard.press("5")
    expect(tab.locator("#facts")).to_contain_text("groups")
    tab.locator("#stage .dino-frame:visible").first.click(position={"x": 60, "y": 60})
    tab.locator("#tab-second-button").click()
    typed(tab, "second-notes", "kept")
    tab.keyboard.press("2")
    tab.keyboard.press("Escape")
    tab.locator("#tab-explore-button").click()
    expect(tab.locator("#facts")).to_contain_text("groups")
    expect(tab.locator(".dino-asked:visible")).to_have_count(1)
    tab.locator("#tab-second-button").click()
    expect(tab.locator("#second-notes textarea, #second-notes input")).to_have_value("kept")


def test_the_address_opens_a_tab_and_the_first_is_not_computed(browser, served_twice):
    address, _ = served_twice
    with opened(browser, f"{address}/#second") as tab:
        expect(shown(tab)).to_have_value("4 pictures, small, block 3")
        assert tab.locator("#facts").inner_text().strip() == ""
        tab.evaluate("location.hash = '#explore'")
        expect(tab.locator("#facts")).to_contain_text("Explained variance")
        tab.evaluate("location.hash = '#second'")
        expect(shown(tab)).to_be_visible()
        tab.goto(f"{address}/#nowhere")
        expect(tab.locator("#stage .dino-picture")).to_have_count(4)


def test_a_block_that_the_new_model_lacks_becomes_its_last_and_the_event_goes_on():
    block = Fitted(1, 3, value=3)
    assert [block.preprocess(value) for value in (0, 2, 12)] == [1, 2, 3]
    assert block.get_block_name() == "slider"


def test_any_number_of_a_slider_becomes_one_that_it_offers():
    size = Fitted(56, 1036, value=518, step=14)
    assert [size.preprocess(value) for value in (300, 301.5, 3, 99999, -5, 63, None)] == [
        294,
        308,
        56,
        1036,
        56,
        70,
        518,
    ]
    share = Fitted(0, 1, value=0.1, step=0.05)
    assert share.preprocess(0.43) == pytest.approx(0.45)


def test_no_slider_of_the_page_refuses_a_number(engine):
    blocks = build(engine, Access(loopback=True, password=False, default="small"))
    sliders = [block for block in blocks.blocks.values() if isinstance(block, gr.Slider)]
    assert len(sliders) > 10
    for slider in sliders:
        assert slider.preprocess(None) == slider.value
        assert slider.minimum <= slider.preprocess(1e6) <= slider.maximum


def test_a_choice_that_the_new_model_lacks_becomes_its_first_and_the_event_goes_on():
    head = FittedChoice(["mean", "1", "2"])
    assert [head.preprocess(value) for value in ("2", "12", None)] == ["2", "mean", "mean"]
    tags = FittedChoice([("cat · 3", "cat")], multiselect=True)
    assert [tags.preprocess(value) for value in (["cat", "dog"], None)] == [["cat"], []]
    assert FittedChoice([]).preprocess("a collection that is gone") is None
    assert head.get_block_name() == "dropdown"
