"""Compare and the tour in a real browser: linked answers, another model, six steps by keyboard and by button."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from app.tour.steps import STOPS
from tests.app.browsing import DESKTOP, PHONE, opened, pick, typed

pytestmark = pytest.mark.slow


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def page(browser, served, request) -> Iterator[Page]:
    with opened(browser, f"{served[0]}/#compare", **request.param) as page:
        yield page


def columns(page: Page):
    return page.locator("#comparison .dino-column")


def choose(page: Page, place: int, name: str) -> None:
    field = page.locator(f"#compare-{place} input")
    field.click()
    field.fill(name)
    field.press("Enter")


def test_one_question_is_answered_by_every_column_with_its_own_model(page):
    expect(columns(page)).to_have_count(2)
    choose(page, 2, "a third")
    expect(columns(page)).to_have_count(3)
    expect(columns(page).nth(2).locator("h3")).to_have_text("Small a third")
    frame = columns(page).nth(0).locator(".dino-picture").nth(1).locator(".dino-frame").nth(1)
    frame.click(position={"x": 30, "y": 30})
    expect(page.locator("#comparison .dino-frame:visible .dino-asked")).to_have_count(3)
    expect(page.locator("#comparison .dino-frame:visible .dino-ring")).to_have_count(12)
    heats = columns(page).locator(".dino-picture:first-of-type .dino-heat")
    assert len(set(heats.evaluate_all("all => all.map(canvas => canvas.toDataURL())"))) == 3
    page.keyboard.press("Escape")
    expect(page.locator("#comparison .dino-frame:visible .dino-asked")).to_have_count(0)


def test_the_pointer_reads_every_columns_own_number(page):
    expect(columns(page)).to_have_count(2)
    page.locator("#comparison").get_by_role("button", name="Numbers").click()
    frame = columns(page).nth(0).locator(".dino-picture").nth(1).locator(".dino-frame").nth(1)
    frame.click(position={"x": 30, "y": 30})
    expect(page.locator("#comparison .dino-frame:visible .dino-number")).to_have_count(2)
    expect(page.locator("#comparison .dino-heat:not([hidden])")).to_have_count(0)
    words = page.locator("#comparison .dino-text")
    for title in columns(page).locator("h3").all_inner_texts():
        expect(words).to_contain_text(f"{title}, row ")
    expect(words).to_contain_text("component 3 (blue) ")
    expect(page.locator("#comparison .dino-spoken")).to_have_text(words.inner_text())


IN_A_ROW = """() => {
    const boxes = [...document.querySelectorAll("#comparison .dino-picture:first-of-type")];
    const tops = boxes.map((box) => box.getBoundingClientRect().top);
    return tops.length > 1 && Math.max(...tops) - Math.min(...tops) < 2;
}"""
"""Asked at once: the board may be drawn anew between two questions."""


def test_a_column_has_its_own_block_and_resolution_which_a_link_keeps(page, browser):
    lines = page.locator("#comparison .dino-column-line")
    expect(lines).to_have_text(["Block 3 of 3, 518 px"] * 2)
    page.locator("#compare-settings-fold").click()
    pick(page, "compare-block-0", "1")
    expect(lines).to_have_text(["Block 1 of 3, 518 px", "Block 3 of 3, 518 px"])
    typed(page, "compare-size-1", "112")
    page.locator("#compare-size-1 input").press("Enter")
    expect(lines).to_have_text(["Block 1 of 3, 518 px", "Block 3 of 3, 112 px"])
    choose(page, 0, "small")
    page.locator("#compare-basis input").check()
    expect(columns(page).nth(1).locator(".dino-column-note")).to_contain_text("The first column's components and range")
    typed(page, "compare-block-1", "12")
    page.locator("#compare-block-1 input").press("Enter")
    expect(columns(page).nth(1).locator(".dino-column-told")).to_contain_text("This model has 3 blocks")
    page.wait_for_function(IN_A_ROW)
    page.wait_for_function("['basis=one', 'block1=1', 'size2=112', 'block2=12'].every(x => location.hash.includes(x))")
    with opened(browser, page.url, viewport=page.viewport_size) as other:
        again = other.locator("#comparison .dino-column-line")
        expect(again).to_have_text(["Block 1 of 3, 518 px", "Block 3 of 3, 112 px"])
        expect(columns(other).nth(1).locator(".dino-column-note")).to_contain_text("The first column's components")


def test_the_difference_is_read_under_the_pointer(page):
    expect(columns(page)).to_have_count(2)
    page.locator("#compare-view label", has_text="Difference").click()
    expect(columns(page).nth(0).locator(".dino-column-note")).to_contain_text("The photographs")
    expect(page.locator("#comparison .dino-text")).to_contain_text("1: nothing in common")
    expect(page.locator("#comparison .dino-scale")).to_be_visible()
    expect(page.locator("#comparison").get_by_role("button", name="Numbers")).to_be_hidden()
    frame = columns(page).nth(0).locator(".dino-picture").nth(1).locator(".dino-frame").nth(1)
    frame.click(position={"x": 30, "y": 30})
    expect(columns(page).nth(1).locator(".dino-frame:visible .dino-number")).to_have_text(re.compile(r"^[01]\.\d\d$"))
    expect(page.locator("#comparison .dino-text")).to_contain_text(re.compile(r"disagreement [01]\.\d\d"))
    expect(page.locator("#comparison .dino-heat:not([hidden])")).to_have_count(0)


def test_every_view_and_a_model_that_is_not_there(page):
    expect(columns(page)).to_have_count(2)
    canvas = columns(page).nth(1).locator(".dino-view").first
    for view in ("Foreground", "Attention", "Norms", "Segments"):
        before = canvas.evaluate("canvas => canvas.toDataURL()")
        page.locator("#compare-view label", has_text=view).click()
        page.wait_for_function(
            "before => document.querySelectorAll('#comparison .dino-column')[1]"
            ".querySelector('.dino-view').toDataURL() !== before",
            arg=before,
        )
    choose(page, 1, "missing <b>one</b>")
    expect(page.get_by_text("'missing <b>one</b>' is not there")).to_be_visible()
    expect(columns(page)).to_have_count(2)


def test_the_tour_goes_through_its_steps_and_its_tabs(page):
    expect(columns(page)).to_have_count(2)
    page.keyboard.press("t")
    card = page.locator(".dino-tour")
    expect(card).to_be_visible()
    box = card.bounding_box()
    assert box["x"] >= 0 and box["y"] > 300 and box["x"] + box["width"] <= page.viewport_size["width"] + 1
    for number, stop in enumerate(STOPS, start=1):
        expect(card.locator(".dino-tour-count")).to_have_text(f"{number} of {len(STOPS)}")
        expect(card.locator("h2")).to_have_text(stop.title)
        tab = page.locator(f"#tab-{stop.tab}-button")
        if tab.count():
            expect(tab).to_have_attribute("aria-selected", "true")
        page.keyboard.press("ArrowRight")
    expect(card.get_by_role("button", name="Done")).to_be_visible()
    card.get_by_role("button", name="Back").click()
    expect(card.locator(".dino-tour-count")).to_have_text(f"{len(STOPS) - 1} of {len(STOPS)}")
    page.keyboard.press("Escape")
    expect(card).to_have_count(0)
    page.locator("button#tour, #tour button").first.click()
    expect(card.locator("h2")).to_have_text(STOPS[-2].title)
