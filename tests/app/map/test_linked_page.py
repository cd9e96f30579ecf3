"""Search and the map together in a real browser: one filter, tags from the map, a point that is searched with."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.app.browsing import open_fold, opened, pick, typed
from tests.app.small import SIZE, photograph

pytestmark = pytest.mark.slow


@pytest.fixture
def key(served) -> str:
    """A collection of nine pictures, the only one there; the first four are tagged."""
    shelf = served[1].shelf
    for one in shelf.listed():
        shelf.remove(one.key)
    model = served[1].models.get("small")
    key = shelf.create("Nine", model, SIZE)
    collection = shelf.open(key, model)
    collection.add([photograph(number, 160 + 4 * number) for number in range(9)])
    collection.tag([1, 2, 3, 4], ["some"])
    return key


@pytest.fixture
def page(browser, served, key) -> Iterator[Page]:
    """The page on its Map tab, the collection mapped."""
    with opened(browser, f"{served[0]}/#map?map={key}&collection={key}") as page:
        expect(page.locator(".dino-map-note")).to_contain_text("9 points")
        yield page


def test_what_is_filtered_tagged_and_clicked_on_the_map_is_so_in_search(page, served, key):
    open_fold(page, "map-filter")
    pick(page, "map-tags", "some · 4")
    expect(page.locator("#map-filter-note")).to_contain_text("4 of 9 pictures are left")
    page.get_by_role("button", name="Choose every point").click()
    expect(page.locator("#map-filter-note")).to_contain_text("Counts are of the 4 chosen pictures")
    typed(page, "map-tags-typed", "new")
    page.locator("#map-tag").click()
    expect(page.locator("#map-tagged")).to_contain_text("4 pictures: with new.")
    page.locator("#map-undo").click()
    expect(page.locator("#map-tagged")).to_contain_text("Tags of 4 pictures are as before.")
    assert served[1].shelf.look(key).tags() == {"some": 4}

    page.locator(".dino-map").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".dino-near-item")).to_have_count(8)
    page.get_by_role("button", name="More like this").click()
    expect(page.locator("#search-question")).to_contain_text("Pictures like")
    expect(page.locator("#search-facts")).to_contain_text("4 pictures tagged some (9 in all), best first")
    expect(page.locator("#search-results li")).to_have_count(4)


def test_a_filter_that_is_taken_away_in_search_is_gone_on_the_map(page):
    open_fold(page, "map-filter")
    pick(page, "map-tags", "some · 4")
    expect(page.locator("#map-filter-note")).to_contain_text("4 of 9")
    page.get_by_role("tab", name="Search").click()
    expect(page.locator("#search-facts")).to_contain_text("tagged some")
    open_fold(page, "search-filter")
    page.locator("#search-tags").get_by_title("Clear").click()
    expect(page.locator("#search-facts")).not_to_contain_text("tagged some")
    page.get_by_role("tab", name="Map").click()
    expect(page.locator("#map-filter-note")).to_have_text("")
