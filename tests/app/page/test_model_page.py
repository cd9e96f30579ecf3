"""The model in use and the resolution, changed in a real browser: what follows, what it costs, and what is told."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.app.browsing import PHONE, open_fold, opened, pick, set_number, typed
from tests.app.small import NOTE

pytestmark = pytest.mark.slow


@pytest.fixture
def page(browser, served) -> Iterator[Page]:
    """An opened page with its first view."""
    with opened(browser, served[0]) as page:
        expect(page.locator("#facts")).to_contain_text("Explained variance")
        yield page


def test_resolution_says_what_it_costs_and_is_computed_on_release(page, served):
    engine = served[1]
    before = engine.forwards
    expect(page.locator("#cost")).to_contain_text("computed already")
    set_number(page, "size", 238)
    expect(page.locator("#status")).to_contain_text("238 px · cpu")
    assert engine.forwards == before + 4
    set_number(page, "block", 2)
    for _ in range(50):
        if engine.forwards == before + 8:
            break
        page.wait_for_timeout(100)
    assert engine.forwards == before + 8


def test_a_number_that_is_typed_is_rounded_and_told(page):
    note = page.locator("#size .dino-rounded")
    set_number(page, "size", 300)
    expect(page.locator("#status")).to_contain_text("294 px · cpu")
    expect(page.locator("#size input[type=number]")).to_have_value("294")
    expect(note).to_have_text("300 is rounded to 294: there are steps of 14 from 56 to 1,036.")
    field = page.locator("#size input[type=number]")
    field.fill("1")
    field.press("Enter")
    expect(page.locator("#status")).to_contain_text("56 px · cpu")
    expect(note).to_contain_text("1 is rounded to 56")
    field.fill("")
    field.press("Enter")
    expect(note).to_have_text("That is no number: 56 stays.")
    expect(field).to_have_value("56")
    set_number(page, "size", 112)
    expect(page.locator("#status")).to_contain_text("112 px · cpu")
    expect(note).to_be_hidden()
    expect(page.locator(".toast-body")).to_have_count(0)


def test_sliders_answer_to_the_keyboard(page):
    page.locator("#size input[type=range]").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#status")).to_contain_text("504 px · cpu")


def test_another_model_a_failure_and_back(page):
    page.locator("#model-chip").click()
    pick(page, "model-choice", "own path or hf:owner/name")
    typed(page, "model-path", "missing/path")
    page.locator("#model-load").click()
    expect(page.locator("#model-progress")).to_contain_text("is not there")
    expect(page.locator("#model-progress")).to_contain_text("Small small stays in use")
    typed(page, "model-path", "with registers")
    page.locator("#model-load").click()
    expect(page.locator("#model-chip")).to_contain_text("Small with registers")
    page.locator("#view label", has_text="Attention").click()
    pick(page, "asking", "register 2")
    expect(page.locator("#facts")).to_contain_text("Largest share")


def test_it_opens_at_the_models_own_resolution(browser, served, monkeypatch):
    address, engine = served
    monkeypatch.setattr(engine.models.get("small").model, "default_size", 42)
    with opened(browser, address) as page:
        expect(page.locator("#status")).to_contain_text("42 px · cpu")
        expect(page.locator("#size input[type=number]")).to_have_value("42")
        assert page.locator("#size input[type=range]").get_attribute("min") == "42"


def test_the_resolution_follows_the_model_until_it_is_set_by_hand(page):
    def load(name: str) -> None:
        typed(page, "model-path", name)
        page.locator("#model-load").click()
        expect(page.locator("#model-chip")).to_contain_text(f"Small {name}")

    page.locator("#model-chip").click()
    pick(page, "model-choice", "own path or hf:owner/name")
    load("of 336 px")
    expect(page.locator("#status")).to_contain_text("336 px · cpu")
    expect(page.locator("#cost")).to_contain_text("computed already")
    load("small")
    expect(page.locator("#status")).to_contain_text("518 px · cpu")
    set_number(page, "size", 210)
    expect(page.locator("#status")).to_contain_text("210 px · cpu")
    load("of 112 px")
    expect(page.locator("#status")).to_contain_text("210 px · cpu")
    set_number(page, "size", 112)
    expect(page.locator("#status")).to_contain_text("112 px · cpu")
    open_fold(page, "program")
    expect(page.locator("#program-text")).to_contain_text("size=112")
    load("of 336 px")
    expect(page.locator("#status")).to_contain_text("336 px · cpu")


def test_a_note_about_the_model_takes_one_line_of_a_phone_and_opens_on_a_tap(browser, served):
    with opened(browser, served[0], **PHONE) as page:
        expect(page.locator("#facts")).to_contain_text("Explained variance")
        page.locator("#model-chip").tap()
        pick(page, "model-choice", "own path or hf:owner/name")
        typed(page, "model-path", "noted")
        page.locator("#model-load").tap()
        banner = page.locator("#banner")
        expect(banner).to_contain_text(NOTE)
        assert banner.bounding_box()["height"] < 40
        banner.locator("summary").tap()
        page.wait_for_function("document.querySelector('#banner').getBoundingClientRect().height > 60")
