"""The Match tab of a running app in a real browser: every control, what is drawn, what is taken away."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.app.browsing import open_fold, opened, set_number
from tests.app.small import photograph

pytestmark = pytest.mark.slow


@pytest.fixture
def page(browser, served) -> Iterator[Page]:
    """The tab, opened by its address, with its first example in the tray, to which two animals are added."""
    with opened(browser, f"{served[0]}/#match?pictures=motorcycle,motorcycle-right") as page:
        expect(facts(page)).to_contain_text("Matches of motorcycle")
        expect(page.locator("#match-stage .dino-picture")).to_have_count(2)
        for _ in range(2):
            page.locator("#tray .dino-pick[aria-pressed=false]").first.click()
        expect(facts(page)).to_contain_text("Matches of cheetah")
        expect(page.locator("#match-stage .dino-picture")).to_have_count(4)
        yield page


def facts(page: Page):
    return page.locator("#match-facts p")


def shown(page: Page, show: str) -> None:
    page.locator("#match-show label", has_text=show).click()


def found(page: Page) -> int:
    """Matches in all pictures, by the sentence below them."""
    return sum(map(int, re.findall(r"(\d+) in ", facts(page).inner_text())))


def downloaded(page: Page, kind: str) -> bytes:
    with page.expect_download() as download:
        page.locator(f"#match-{kind}").click()
    assert download.value.suggested_filename == f"matches.{kind}"
    return download.value.path().read_bytes()


def test_every_control_matches_anew_without_the_model(page, served):
    engine = served[1]
    before, few = engine.forwards, found(page)
    assert page.locator("#match-stage .dino-all line").count() == few
    words = facts(page).inner_text()
    set_number(page, "match-density", 1)
    expect(facts(page)).not_to_have_text(words)
    assert found(page) > few
    for identity in ("match-mutual", "match-inside"):
        words = facts(page).inner_text()
        page.locator(f"#{identity} input").uncheck()
        expect(facts(page)).not_to_have_text(words)
    words = facts(page).inner_text()
    set_number(page, "match-smoothing", 3)
    expect(facts(page)).not_to_have_text(words)
    assert engine.forwards == before


def test_dots_parts_and_back(page):
    shown(page, "Dots")
    expect(page.locator("#match-stage .dino-all line")).to_have_count(0)
    shown(page, "Parts")
    expect(facts(page)).to_contain_text("Sizes of the parts")
    expect(page.locator("#match-stage .dino-view:visible")).to_have_count(4)
    expect(page.locator("#match-parts")).to_be_visible()
    set_number(page, "match-parts", 2)
    page.wait_for_function("document.querySelector('#match-facts').innerText.split('%').length === 3")
    shown(page, "Lines")
    expect(page.locator("#match-parts")).to_be_hidden()
    expect(facts(page)).to_contain_text("Matches of cheetah")


def test_a_point_is_followed_a_region_carried_and_another_picture_leads(page):
    frame = page.locator("#match-stage .dino-frame").first
    frame.hover(position={"x": 60, "y": 60})
    expect(page.locator("#match-stage .dino-all + g text")).to_have_count(3)
    page.get_by_role("button", name="Draw a region").click()
    box = frame.bounding_box()
    for number, (x, y) in enumerate([(0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.6)]):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        if number == 0:
            page.mouse.down()
    page.mouse.up()
    expect(facts(page)).to_contain_text("patches of cheetah, covers of the others: lion")
    expect(page.locator("#match-stage .dino-view:visible")).to_have_count(4)
    expect(page.locator("#match-stage .dino-outline").first).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(facts(page)).to_contain_text("Matches of cheetah")
    expect(page.locator("#match-stage .dino-view:visible")).to_have_count(0)
    page.get_by_role("button", name="Make lion the reference").click()
    expect(facts(page)).to_contain_text("Matches of lion")


def test_the_opening_example_is_the_tabs_own_until_pictures_are_chosen(browser, served):
    ticked = "#tray .dino-pick[aria-pressed=true]"
    with opened(browser, f"{served[0]}/#match") as page:
        expect(facts(page)).to_contain_text("the example “One motorcycle, two cameras”")
        expect(page.locator("#match-stage .dino-picture")).to_have_count(2)
        expect(page.locator(ticked)).to_have_count(4)
        page.wait_for_function("location.hash.includes('pictures=cheetah,')")
        page.get_by_role("button", name="Make motorcycle-right the reference").click()
        expect(facts(page)).to_contain_text("Matches of motorcycle-right")
        page.locator("#tab-explore-button").click()
        expect(page.locator("#stage .dino-picture")).to_have_count(4)
        page.go_back()
        expect(facts(page)).to_contain_text("Matches of motorcycle-right")
        page.locator("#match-own").click()
        expect(facts(page)).to_contain_text("Matches of cheetah")
        expect(page.locator("#match-own")).to_be_hidden()
        page.wait_for_function("location.hash.includes('chosen=1')")
        page.reload()
        expect(facts(page)).to_contain_text("Matches of cheetah")


def test_examples_the_tray_and_what_is_lacking(page):
    page.locator("#match-example-0").click()
    expect(facts(page)).to_contain_text("Matches of motorcycle")
    expect(page.locator("#match-stage .dino-picture")).to_have_count(2)
    page.locator("#tray .dino-pick[aria-pressed=true]").first.click()
    expect(page.locator("#match-stage .dino-empty")).to_contain_text("Select a second picture")
    expect(facts(page)).to_contain_text("Two pictures are needed")
    unselected = page.locator("#tray .dino-pick[aria-pressed=false]")
    for _ in range(3):  # as quickly as one can: none of the clicks is lost
        unselected.first.click()
    expect(page.locator("#match-stage .dino-picture")).to_have_count(4)
    page.locator("#tab-explore-button").click()
    expect(page.locator("#stage .dino-picture")).to_have_count(4)


def test_names_are_text_wherever_they_are_shown(page):
    page.locator("#side input[type=file]").first.set_input_files(
        {"name": "&lt;b&gt; _снимок_ [1](x).png", "mimeType": "image/png", "buffer": photograph(21)}
    )
    expect(facts(page)).to_contain_text("снимок")
    name = page.locator("#match-stage .dino-name").last.inner_text()  # as Gradio lets it through
    expect(facts(page)).to_contain_text(name)
    assert page.locator("#match-facts").locator("b, em, a").count() == 0


def test_points_and_pictures_are_taken_away(page):
    page.locator("#match-example-1").click()
    expect(facts(page)).to_contain_text("Matches of elephant")
    count = found(page)
    open_fold(page, "match-downloads")
    content = json.loads(downloaded(page, "json"))
    assert sum(len(pair["points"]) for pair in content["matches"]) == count
    assert len(list(csv.reader(io.StringIO(downloaded(page, "csv").decode("utf-8-sig"))))) == count + 1
    assert len([node for node in ET.fromstring(downloaded(page, "svg")).iter() if node.tag.endswith("}line")]) == count
    with Image.open(io.BytesIO(downloaded(page, "png"))) as image:
        assert image.width > image.height > 600
    open_fold(page, "match-lesson")
    expect(page.locator("#match-lesson")).to_contain_text("Oquab et al. 2023")
