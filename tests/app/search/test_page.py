"""The Search tab in a real browser: asked with a picture, a part and a box, filled, marked, taken away."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.app.browsing import open_fold, opened, pick, set_number, typed
from tests.app.small import photograph

pytestmark = pytest.mark.slow
NAMES = ["=1+1.png", "<img src=x onerror=alert(1)>.png", "猫.png"]


@pytest.fixture
def engine(served):
    """The engine of the page, nothing there to be searched yet."""
    for one in served[1].shelf.listed():
        served[1].shelf.remove(one.key)
    return served[1]


@pytest.fixture
def page(browser, served) -> Iterator[Page]:
    """The page on its Search tab."""
    with opened(browser, served[0]) as page:
        page.get_by_role("tab", name="Search").click()
        yield page


FILES = """([count, place]) => {
    const files = new DataTransfer();
    for (let i = 0; i < count; i++) files.items.add(new File([`nothing ${i}`], `${i}.png`, { type: "image/png" }));
    document.querySelector(place).dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true }));
}"""


@pytest.fixture
def twelve(engine) -> str:
    """A collection of twelve pictures, the only one there."""
    model = engine.models.get("small")
    key = engine.shelf.create("Twelve", model, 112)
    opened = engine.shelf.open(key, model)
    opened.add([photograph(number, 160 + 4 * number) for number in range(12)], tags=["all"])
    opened.tag([record.id for record in opened.records()[:7]], ["some"])
    return key


def test_a_collection_is_made_filled_asked_and_taken_away(engine, page, tmp_path):
    expect(page.locator("#search-facts")).to_contain_text("no collection yet")
    typed(page, "search-title", "Mine <b>")
    page.locator("#search-create").click()
    expect(page.locator("#search-progress")).to_contain_text("Mine <b> is there")

    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        (folder / name).write_bytes(photograph(number))
    (folder / "broken.jpg").write_bytes(b"nothing")
    open_fold(page, "search-more")
    typed(page, "search-new-tags", "one, two")
    typed(page, "search-path", str(folder))
    page.locator("#search-add-path").click()
    expect(page.locator("#search-progress")).to_contain_text("3 pictures added; 1 could not be used")
    expect(page.locator("#search-progress")).to_be_in_viewport()
    expect(page.locator("#search-results li")).to_have_count(3)
    expect(page.locator("#search-results")).to_contain_text(NAMES[1])
    expect(page.locator("#search-facts")).to_contain_text("by their cls token")

    page.locator(".dino-query-frame").first.click()
    expect(page.locator("#search-facts")).to_contain_text("most alike part")
    expect(page.locator("#search-mode input[value=region]")).to_be_checked()
    expect(page.locator(".dino-query-point")).to_be_visible()
    expect(page.locator("#search-question")).to_contain_text("the part that was clicked")
    page.locator("#search-mode label", has_text="mean patch").click()
    expect(page.locator("#search-facts")).to_contain_text("by their mean patch")
    expect(page.locator(".dino-query-point")).to_be_hidden()
    page.locator(".dino-query li").nth(1).get_by_role("button", name="But unlike").click()
    expect(page.locator("li.dino-against")).to_have_count(1)

    open_fold(page, "search-downloads")
    with page.expect_download() as download:
        page.locator("#search-csv").click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    assert {row["name"] for row in rows} == {f"'{NAMES[0]}", *NAMES[1:]}
    open_fold(page, "search-manage")
    page.locator("#search-delete").click()
    expect(page.locator("#search-really")).to_contain_text("Really delete ")
    page.locator("#search-really").click()
    expect(page.locator("#search-facts")).to_contain_text("no collection yet")


def test_the_question_says_what_is_asked_and_nothing_asked_shows_everything(twelve, page):
    question, facts = page.locator("#search-question"), page.locator("#search-facts")
    rows = page.locator(".dino-query li")
    expect(question).to_contain_text("Pictures like")
    expect(question.locator("li")).to_have_count(1)
    rows.nth(1).get_by_role("button", name="Ask for pictures like").click()
    expect(question.locator("li")).to_have_count(1)
    expect(rows.nth(1)).to_have_class("dino-for")
    rows.nth(0).get_by_role("button", name="And like").click()
    expect(question.locator("li")).to_have_count(2)
    expect(question).to_contain_text("and like")
    question.get_by_role("button", name="Show all pictures").click()
    expect(question).to_contain_text("Nothing is asked")
    expect(page.locator("li.dino-for")).to_have_count(0)
    expect(facts).to_contain_text("12 pictures, in the order they were added")

    open_fold(page, "search-filter")
    set_number(page, "search-k", 6)
    expect(facts).to_contain_text("1 to 6 of 12 pictures")
    page.get_by_role("button", name="Next", exact=True).click()
    expect(facts).to_contain_text("7 to 12 of 12 pictures")
    page.locator("#search-order label", has_text="newest").click()
    expect(facts).to_contain_text("1 to 6 of 12 pictures, newest first")
    pick(page, "search-tags", "some · 7")
    expect(facts).to_contain_text("1 to 6 of 7 pictures tagged some (12 in all)")


def test_results_ask_in_their_turn_are_enlarged_marked_removed_and_brought_back(twelve, page):
    results, facts = page.locator("#search-results"), page.locator("#search-facts")
    expect(results.locator("li")).to_have_count(12)
    results.get_by_role("button", name="More like").nth(3).click()
    expect(results.locator(".dino-results-score").first).to_contain_text("1 · 1.000")
    asked = page.locator(".dino-query li").first  # the result itself, before the pictures of the tray
    expect(asked).to_have_class("dino-for")
    asked.locator(".dino-query-frame").click()
    expect(page.locator("#search-question")).to_contain_text("the part that was clicked")
    expect(facts).to_contain_text("most alike part")
    asked.get_by_role("button", name="The whole of").click()
    expect(page.locator("#search-question")).not_to_contain_text("the part that was clicked")
    page.locator("#search-mode label", has_text="cls").click()
    expect(facts).to_contain_text("by their cls token")
    results.get_by_role("button", name="Enlarge").nth(1).click()
    page.locator("dialog.dino-enlarged").get_by_role("button", name="But unlike this").click()
    expect(page.locator("#search-question")).to_contain_text("but unlike")

    boxes = results.locator("input[type=checkbox]")
    boxes.nth(1).click()
    boxes.nth(4).click(modifiers=["Shift"])
    expect(page.locator("#search-marked-count")).to_have_text("4 pictures marked")
    expect(boxes.nth(1)).to_have_css("appearance", "auto")  # or Gradio's styles draw no tick in it
    expect(page.locator("#search-remove")).to_be_in_viewport()
    page.locator("#search-remove").click()
    expect(results.locator("li")).to_have_count(8)
    page.locator("#search-undo").click()
    expect(results.locator("li")).to_have_count(12)
    expect(page.locator("#search-progress")).to_contain_text("4 pictures brought back")

    trays = page.locator("#tray img").count()
    results.get_by_role("button", name="to the tray").first.click()
    expect(page.locator("#tray img")).to_have_count(trays + 1)

    open_fold(page, "search-duplicates")
    set_number(page, "search-threshold", 0.7)
    page.locator("#search-find-groups").click()
    expect(facts).to_contain_text("with a cosine of 0.7")
    expect(facts).to_be_in_viewport()
    expect(results.locator("[role=status]")).to_have_text(facts.inner_text())
    results.get_by_role("button", name="all but one of each group").click()
    groups = results.locator("section")
    expect(groups.first.locator("input:checked")).to_have_count(groups.first.locator("input").count() - 1)
    set_number(page, "search-diverse-count", 3)
    page.locator("#search-find-diverse").click()
    expect(results.locator("li")).to_have_count(3)
    expect(facts).to_contain_text("3 pictures of 12 that differ most")


def test_more_than_the_tray_holds_can_become_a_collection(engine, page):
    page.get_by_role("tab", name="Explore").click()
    expect(page.locator("#tray li")).to_have_count(5)
    page.evaluate(FILES, [30, "#stage"])
    offer = page.get_by_role("dialog", name="Many files")
    expect(offer).to_contain_text("The tray has room for 19 more")
    offer.get_by_role("button", name="Make a collection of all 30").click()
    expect(page.locator("#search-progress")).to_contain_text("0 pictures added; 30 could not be used")
    expect(page.locator("#search-collection input")).to_have_value(re.compile("30 pictures, .* · 0"))
    expect(page.locator("#tray img")).to_have_count(5)

    page.evaluate(FILES, [2, "#search-add"])
    expect(page.locator("#search-progress")).to_contain_text("0 pictures added; 2 could not be used")
    assert len([one for one in engine.shelf.listed() if one.title.startswith("30 pictures")]) == 1
