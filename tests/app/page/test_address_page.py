"""Back, reload and links in a real browser: the address is the view."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from app.server.trays import FIRST_SHOWN
from tests.app.browsing import LEAVING, PHONE, opened, pick, set_number, typed
from tests.app.small import SIZE, photograph

pytestmark = pytest.mark.slow
MINE = {"name": "mine.png", "mimeType": "image/png", "buffer": photograph(71)}


@pytest.fixture
def page(browser, served) -> Iterator[Page]:
    """An opened page with its first view, the address of which is complete."""
    with opened(browser, served[0], wanted=LEAVING, permissions=["clipboard-read", "clipboard-write"]) as page:
        expect(page.locator("#facts")).to_contain_text("Explained variance")
        names(page, "view=pca")
        yield page


def names(page: Page, part: str) -> None:
    """Wait until the address has a part."""
    page.wait_for_function("part => decodeURIComponent(location.hash).includes(part)", arg=part)


def is_looked_at(page: Page, tab: str) -> None:
    expect(page.locator(f"#tab-{tab}-button")).to_have_attribute("aria-selected", "true")
    names(page, f"#{tab}?")


def asked(page: Page) -> Locator:
    return page.locator("#stage .dino-asked:visible")


def add_mine(page: Page) -> None:
    page.locator("#side input[type=file]").first.set_input_files(MINE)
    expect(page.locator("#tray img")).to_have_count(FIRST_SHOWN + 1)
    names(page, ",own-")


SETTLED_MS = 1000
"""After which the server, too, knows what is held: a double click is no question."""


def hold(page: Page, picture: int, x: int = 60) -> None:
    page.locator("#stage .dino-picture").nth(picture).locator(".dino-frame:visible").first.click(
        position={"x": x, "y": 40}
    )
    names(page, "pins=")


def test_back_and_forward_go_through_the_tabs_and_nothing_is_lost(page):
    hold(page, 1)
    page.wait_for_timeout(SETTLED_MS)
    before = page.evaluate("history.length")
    page.locator("#tab-match-button").click()
    is_looked_at(page, "match")
    page.locator("#tab-compare-button").click()
    is_looked_at(page, "compare")
    page.go_back()
    is_looked_at(page, "match")
    page.go_back()
    is_looked_at(page, "explore")
    expect(asked(page)).to_have_count(1)
    page.go_forward()
    is_looked_at(page, "match")
    page.go_forward()
    is_looked_at(page, "compare")
    names(page, "pins=lion:")
    assert page.evaluate("history.length") == before + 2


def test_what_is_set_within_a_tab_is_in_the_address_but_no_step_of_the_history(page):
    before = page.evaluate("history.length")
    page.locator("#view label", has_text="Norms").click()
    set_number(page, "size", 210)
    set_number(page, "block", 2)
    page.locator("#tray .dino-pick").first.click()
    for part in ("view=norms", "size=210", "block=2", "model=small", "pictures=lion,"):
        names(page, part)
    assert page.evaluate("history.length") == before


def test_a_reload_brings_the_tray_and_the_view_back(page):
    add_mine(page)
    page.locator("#view label", has_text="Norms").click()
    expect(page.locator("#stage .dino-picture")).to_have_count(5)
    hold(page, 4)
    names(page, "view=norms")
    names(page, "pins=own-")
    address = page.evaluate("location.hash")
    for _ in range(2):
        page.reload()
        expect(page.locator("#facts")).to_contain_text("median")
        expect(page.locator("#tray img")).to_have_count(FIRST_SHOWN + 1)
        expect(page.locator("#tray")).to_contain_text("mine")
        expect(asked(page)).to_have_count(1)
        assert page.evaluate("location.hash") == address
    assert page.locator(".toast-body").count() == 0


def test_a_duplicated_tab_has_the_tray_too_and_each_then_its_own(page, served):
    add_mine(page)
    with page.expect_popup() as popup:
        page.evaluate("window.open(location.href)")  # which copies what the tab keeps, as duplicating it does
    twin = popup.value
    expect(twin.locator("#tray img")).to_have_count(FIRST_SHOWN + 1)
    expect(twin.locator("#facts")).to_contain_text("Explained variance")
    secrets = [one.evaluate("sessionStorage.getItem('dinoscope-tray')") for one in (page, twin)]
    assert secrets[0] != secrets[1]
    twin.get_by_role("button", name="Remove mine.png").click()
    expect(twin.locator("#tray img")).to_have_count(FIRST_SHOWN)
    twin.close()
    page.reload()
    expect(page.locator("#tray img")).to_have_count(FIRST_SHOWN + 1)
    expect(page.locator("#stage .dino-picture")).to_have_count(5)


def test_a_link_shows_another_the_same(page, browser, served):
    address, engine = served
    key = engine.shelf.create("Linked", engine.models.get("untrained"), SIZE)
    page.locator("#model-chip").click()
    pick(page, "model-choice", "untrained")
    page.locator("#model-load").click()
    expect(page.locator("#model-chip")).to_contain_text("Small untrained")
    page.locator("#view label", has_text="Norms").click()
    set_number(page, "block", 2)
    set_number(page, "size", 210)
    page.locator("#tray .dino-pick").nth(2).click()
    add_mine(page)
    hold(page, 1)
    for part in ("model=untrained", "view=norms", "block=2", "size=210"):
        names(page, part)
    page.locator("#tab-search-button").click()
    pick(page, "search-collection", "Linked · 0")
    names(page, f"collection={key}")
    page.get_by_role("button", name="Copy link").press("Enter")
    expect(page.locator(".dino-link-words")).to_contain_text("Your own picture is not in it")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{address}/#search?") and "own-" not in link
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Copy link")).to_be_focused()
    with opened(browser, link, **PHONE) as other:
        is_looked_at(other, "search")
        expect(other.locator("#search-collection input")).to_have_value("Linked · 0")
        expect(other.locator("#model-chip")).to_contain_text("Small untrained")
        other.locator("#tab-explore-button").click()
        expect(other.locator("#facts")).to_contain_text("median")
        expect(other.locator("#status")).to_contain_text("210 px")
        expect(other.locator("#block input[type=number]")).to_have_value("2")
        expect(other.locator("#stage .dino-picture")).to_have_count(3)
        expect(asked(other)).to_have_count(1)
        names(other, link.split("&pins=")[1])
        assert other.locator(".toast-body").count() == 0
    engine.shelf.remove(key)


def test_what_an_address_names_is_computed_once(browser, served):
    address, engine = served
    before = engine.forwards
    with opened(browser, f"{address}/#explore?view=norms&block=1&size=238&pictures=lion,rocket") as page:
        expect(page.locator("#facts")).to_contain_text("median")
        expect(page.locator("#status")).to_contain_text("238 px · cpu")
        names(page, "block=1&size=238&view=norms")
        assert engine.forwards == before + 2


def test_without_the_clipboard_the_link_is_there_to_be_copied_by_hand(browser, served):
    none = (
        "Object.defineProperty(navigator, 'clipboard', { value: undefined });"  # as on a page that came by plain http
    )
    with opened(browser, served[0], first=none) as page:
        expect(page.locator("#facts")).to_contain_text("Explained variance")
        names(page, "view=pca")
        page.get_by_role("button", name="Copy link").click()
        expect(page.locator(".dino-link-words")).to_have_text(
            "Copy this link: it opens this view, with its samples and pins."
        )
        assert page.locator(".dino-link-field").input_value() == page.url
        page.locator("#wordmark").click()
        expect(page.locator(".dino-link-panel")).to_be_hidden()


def test_what_an_address_asks_for_in_vain_is_told_once(browser, served):
    rubbish = "#nowhere?view=<img src=x onerror=hacked=1>&block=99&size=12&model=hf:evil/one&pictures=own-000000000000"
    with opened(browser, f"{served[0]}/{rubbish}&pins=a:b:c&collection=none") as page:
        expect(page.locator(".toast-body")).to_have_count(1)
        for words in (
            "no tab 'nowhere'",
            "blocks 1 to 3",
            "in steps of 14",
            "is not loaded here",
            "no collection",
            "a pin",
        ):
            expect(page.locator(".toast-body")).to_contain_text(words)
        expect(page.locator("#facts")).to_contain_text("Explained variance")
        expect(page.locator("#model-chip")).to_contain_text("Small small")
        is_looked_at(page, "explore")
        names(page, "model=small&block=3&size=518&view=pca")


def test_another_address_put_in_the_place_of_this_one_is_opened_with_the_tray_that_is_there(page):
    add_mine(page)
    page.evaluate("location.hash = '#explore?view=norms&pictures=rocket'")
    expect(page.locator("#facts")).to_contain_text("median")
    expect(page.locator("#stage .dino-picture")).to_have_count(1)
    expect(page.locator("#tray img")).to_have_count(FIRST_SHOWN + 2)
    names(page, "model=small")
    page.go_back()
    expect(page.locator("#facts")).to_contain_text("Explained variance")
    expect(page.locator("#stage .dino-picture")).to_have_count(5)


def test_a_model_of_one_s_own_is_there_after_a_reload(page):
    page.locator("#model-chip").click()
    pick(page, "model-choice", "own path or hf:owner/name")
    typed(page, "model-path", "my/own run")
    page.locator("#model-load").click()
    names(page, "model=my/own run")
    page.reload()
    expect(page.locator("#model-chip")).to_contain_text("Small my/own run")
