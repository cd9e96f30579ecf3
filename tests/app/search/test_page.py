"""The Search tab in a real browser: asked with a picture, a part and a box, filled, marked, taken away."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.app.browsing import open_fold, opened, set_number, typed
from tests.app.small import photograph

pytestmark = pytest.mark.slow
NAMES = ["=1+1.png", "<img src=x onerror=alert(1)>.png", "猫.png"]


@pytest.fixture
def page(browser, served) -> Iterator[Page]:
    """The page on its Search tab, nothing there to be searched yet."""
    address, engine = served
    for one in engine.shelf.listed():
        engine.shelf.remove(one.key)
    with opened(browser, address) as page:
        page.get_by_role("tab", name="Search").click()
        yield page


def test_a_collection_is_made_filled_asked_and_taken_away(page, tmp_path):
    expect(page.locator("#search-facts")).to_contain_text("no collection yet")
    open_fold(page, "search-manage")
    typed(page, "search-title", "Mine <b>")
    page.locator("#search-create").click()
    expect(page.locator("#search-progress")).to_contain_text("Mine <b> is there")

    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        (folder / name).write_bytes(photograph(number))
    (folder / "broken.jpg").write_bytes(b"nothing")
    typed(page, "search-new-tags", "one, two")
    typed(page, "search-path", str(folder))
    page.locator("#search-add-path").click()
    expect(page.locator("#search-progress")).to_contain_text("3 pictures added; 1 could not be used")
    expect(page.locator("#search-results li")).to_have_count(3)
    expect(page.locator("#search-results")).to_contain_text(NAMES[1])
    expect(page.locator("#search-facts")).to_contain_text("by their cls token")

    frame = page.locator(".dino-query-frame").first
    box = frame.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#search-facts")).to_contain_text("most alike part")
    expect(page.locator("#search-mode input[value=region]")).to_be_checked()
    expect(page.locator(".dino-query-point")).to_be_visible()
    page.locator("#search-mode label", has_text="mean patch").click()
    expect(page.locator("#search-facts")).to_contain_text("by their mean patch")
    page.locator(".dino-query li").nth(1).get_by_role("button", name="Results unlike").click()
    expect(page.locator("li.dino-against")).to_have_count(1)

    open_fold(page, "search-downloads")
    with page.expect_download() as download:
        page.locator("#search-csv").click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    assert {row["name"] for row in rows} == {f"'{NAMES[0]}", *NAMES[1:]}

    open_fold(page, "search-duplicates")
    set_number(page, "search-threshold", 0.7)
    page.locator("#search-find-groups").click()
    expect(page.locator("#search-facts")).to_contain_text("groups with a cosine of 0.7")
    expect(page.locator("#search-facts")).to_be_in_viewport()
    spoken = page.locator("#search-results [role=status]")
    expect(spoken).to_have_text(page.locator("#search-facts").inner_text())

    page.locator("#search-results input[type=checkbox]").first.check()
    page.locator("#search-remove").click()
    expect(page.locator("#search-results li")).to_have_count(2)
    trays = page.locator("#tray img").count()
    page.locator("#search-results").get_by_role("button", name="to the tray").first.click()
    expect(page.locator("#tray img")).to_have_count(trays + 1)
    page.locator("#search-delete").click()
    page.locator("#search-really").click()
    expect(page.locator("#search-facts")).to_contain_text("no collection yet")
