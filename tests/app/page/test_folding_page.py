"""What stands above the pictures: thin, folded once it was read, and out of the way on a phone and in front of a class."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.app.browsing import PHONE, opened

pytestmark = pytest.mark.slow
TABS = {
    "explore": "#stage .dino-frame",
    "match": "#match-stage .dino-frame",
    "search": "#search-result-side",
    "map": ".dino-map",
    "emergence": ".dino-timeline",
    "compare": "#comparison .dino-frame",
    "video": "#clip",
}
ON_A_PHONE = TABS | {"search": "#search-query"}
"""There the question comes before its settings, which are folded, and the results below."""
READ = f"localStorage.setItem('dinoscope-read', {json.dumps(json.dumps(list(TABS)))})"
BOARD = {"viewport": {"width": 1280, "height": 720}}
KEYS = r"/\b(Shift|Escape|Alt|Ctrl|Enter|keyboard)\b/"


@pytest.fixture(scope="module")
def phone(browser, served) -> Iterator[Page]:
    with opened(browser, served[0], **PHONE) as page:
        yield page


@pytest.fixture(scope="module")
def board(browser, served) -> Iterator[Page]:
    with opened(browser, served[0], first=READ, **BOARD) as page:
        expect(page.locator("#stage .dino-frame:visible")).to_have_count(4)
        yield page


def top_of(page: Page, tab: str, first_of: dict[str, str] = TABS) -> float:
    """Where the first picture of a tab begins, in px from the top of the page."""
    page.locator(f"#tab-{tab}-button").click()
    first = page.locator(f"{first_of[tab]}:visible").first
    expect(first).to_be_visible()
    page.evaluate("scrollTo(0, 0)")
    tops = "found => found.filter(one => one.offsetParent).map(one => one.getBoundingClientRect().top)"
    return min(page.locator(first_of[tab]).evaluate_all(tops))


def test_a_lead_folds_away_once_it_was_read_and_comes_when_it_is_asked_for(browser, served):
    with opened(browser, served[0], **BOARD) as page:
        lead, toggle = page.locator("#tab-explore .block.lead"), page.locator(".dino-lead-toggle")
        expect(lead).to_be_visible()
        page.locator("#tab-map-button").click()
        expect(page.locator("#tab-map .block.lead")).to_be_visible()
        page.locator("#tab-explore-button").click()
        expect(lead).to_be_hidden()
        toggle.click()
        expect(lead).to_be_visible()
        expect(toggle).to_have_attribute("aria-expanded", "true")
        known = json.loads(page.evaluate("localStorage.getItem('dinoscope-read')"))
        assert {"explore", "map"} <= set(known)


def test_what_was_read_another_day_is_folded_at_once(board):
    expect(board.locator("#tab-explore .block.lead")).to_be_hidden()


@pytest.mark.parametrize("tab", TABS)
def test_on_a_projector_pictures_begin_in_the_upper_part_of_the_page(board, tab):
    assert top_of(board, tab) <= 206


@pytest.mark.parametrize("tab", TABS)
def test_on_a_phone_pictures_are_within_the_first_screen(phone, tab):
    assert top_of(phone, tab, ON_A_PHONE) < 560
    assert phone.evaluate(f"!{KEYS}.test(document.body.innerText)"), "a finger has no keys"
    titled = (
        "[...document.querySelectorAll('[title]')].filter(one => one.getClientRects().length).map(one => one.title)"
    )
    assert phone.evaluate(f"{titled}.filter(title => {KEYS}.test(title) || /\\(.\\)$/.test(title))") == []


def test_on_a_phone_whatever_is_tapped_is_large_enough(phone):
    kinds = (
        "#bar button, #add-files, #tabs [role=tab], .pills label, .dino-button, .dino-map-tools button, "
        "#match-examples button, #compare-models .form input, #main button.sm"
    )
    for tab in ("explore", "match", "search", "map", "compare"):
        top_of(phone, tab)
        for one in phone.locator(kinds).all():
            box = one.bounding_box() if one.is_visible() else None
            if box and "dino-lead " not in f"{one.get_attribute('class')} ":  # it reaches beyond what is seen of it
                assert box["height"] >= 44, one.evaluate("one => one.outerHTML")


def test_on_a_phone_what_is_folded_in_search_is_shown_by_its_button(phone):
    assert top_of(phone, "search", {"search": "#search-result-side"}) < 560
    for shown in ("search-fill", "search-query-side"):
        fold, inside = phone.locator(f"#{shown}-fold"), phone.locator(f"#{shown} .block:not(#search-query):visible")
        assert fold.bounding_box()["height"] >= 44 and inside.count() == 0
        fold.click()
        expect(inside.first).to_be_visible()
        expect(fold).to_have_attribute("aria-expanded", "true")
        fold.click()
        expect(inside).to_have_count(0)


def test_on_a_phone_the_whole_map_is_in_the_first_screen(phone):
    top = top_of(phone, "map")
    assert top + phone.locator(".dino-map").bounding_box()["height"] < phone.viewport_size["height"]


def test_on_a_phone_matches_stand_in_two_columns(phone):
    top_of(phone, "match")
    expect(phone.locator("#match-stage .dino-frame:visible")).to_have_count(2)
    first, *others = [one.bounding_box() for one in phone.locator("#match-stage .dino-frame").all()]
    assert all(other["x"] > first["x"] + first["width"] for other in others)
    assert others[0]["y"] == pytest.approx(first["y"], abs=2)


def test_one_finger_scrolls_past_the_map_and_two_move_it(phone):
    top_of(phone, "map")
    surface = phone.locator(".dino-map")
    expect(phone.locator(".dino-map-note")).to_contain_text("points", timeout=120_000)
    assert surface.evaluate("node => getComputedStyle(node).touchAction") == "pan-y"
    expect(phone.locator(".dino-map-tools")).to_contain_text("Two fingers move the map")
    stopped = """(count) => {
        const target = document.querySelector('.dino-map');
        const touches = Array.from({ length: count }, (_, identifier) => new Touch({ identifier, target }));
        const moved = new TouchEvent('touchmove', { touches, bubbles: true, cancelable: true });
        target.dispatchEvent(moved);
        return moved.defaultPrevented;
    }"""
    assert phone.evaluate(stopped, 1) is False and phone.evaluate(stopped, 2) is True


def test_in_front_of_a_class_the_pictures_are_alone_and_the_spotlight_asks_nothing(board):
    top_of(board, "explore")
    board.locator("#present").click()
    expect(board.locator("#side")).to_be_hidden()
    expect(board.locator("#tab-explore .control-side")).to_be_hidden()
    frame = board.locator("#stage .dino-frame:visible").first
    board.mouse.move(5, 5)
    frame.hover(force=True)
    frame.click(force=True)
    expect(board.locator(".dino-spot")).to_be_visible()
    expect(board.locator("#stage .dino-asked, #stage .dino-cursor")).to_have_count(0)
    assert (
        frame.locator("xpath=..//following-sibling::figcaption").evaluate("one => getComputedStyle(one).fontSize")
        == "20px"
    )
    board.keyboard.press("s")
    frame.click()
    expect(board.locator("#stage .dino-asked:visible")).to_have_count(1)
    expect(board.locator(".dino-spot")).to_be_hidden()
    board.keyboard.press("Escape")
    expect(board.locator("#side")).to_be_visible()
    expect(board.locator("#stage .dino-asked:visible")).to_have_count(1)
    board.keyboard.press("p")
    expect(board.locator("#side")).to_be_hidden()
    board.keyboard.press("p")
    expect(board.locator("#side")).to_be_visible()
