"""The tour on the whole page: what a step speaks of is never behind its bar, and steps of one's own are read or refused."""

import json
from collections.abc import Iterator
from dataclasses import asdict

import pytest
from playwright.sync_api import Page, expect

from app.tour.steps import STOPS
from tests.app.browsing import opened

pytestmark = pytest.mark.slow
STEP = {"title": "Mine", "see": "A <b>picture</b>.", "ask": "Why?", "tab": "match"}
TIMELINE = {"at": "first", "view": "pca", "swipe": False}
WRONG = {
    "no JSON": ("{", "This is no JSON"),
    "a list": ("[]", "The file is no object"),
    "no steps": ('{"steps": []}', "The file has no steps"),
    "another key": ('{"steps": [], "name": 1}', 'has "name", which means nothing here; it may have "steps"'),
    "too many": (json.dumps({"steps": [STEP] * 51}), "51 steps; a tour takes 50"),
    "a step that is none": ('{"steps": [null]}', "Step 1 is no object"),
    "a key too many": (json.dumps({"steps": [STEP, STEP | {"url": "x"}]}), 'Step 2 has "url"'),
    "no title": (json.dumps({"steps": [STEP | {"title": " "}]}), 'Step 1 lacks "title"'),
    "too long": (json.dumps({"steps": [STEP | {"ask": "a" * 801}]}), "801 letters; 800 at most"),
    "no such tab": (
        json.dumps({"steps": [STEP | {"tab": "nowhere"}]}),
        'the tab "nowhere"; this page has "explore", "match"',
    ),
    "a timeline elsewhere": (json.dumps({"steps": [STEP | {"timeline": TIMELINE}]}), 'not on the tab "emergence"'),
    "a view of none": (
        json.dumps({"steps": [STEP | {"tab": "emergence", "timeline": TIMELINE | {"view": "x"}}]}),
        'view: "x"; give one of "pca", "foreground", "matches"',
    ),
    "too large": (json.dumps({"steps": [STEP]}) + " " * 300_000, "KB; steps take 256 KB at most"),
}


@pytest.fixture(scope="module")
def touring(browser, served) -> Iterator[Page]:
    with opened(browser, served[0], viewport={"width": 1280, "height": 720}) as page:
        expect(page.locator("#stage .dino-frame:visible")).to_have_count(4)
        page.locator("#tour").click()
        yield page


def opens(page: Page, text: str) -> None:
    file = {"name": "steps.json", "mimeType": "application/json", "buffer": text.encode()}
    page.locator(".dino-tour input[type=file]").set_input_files(file)


@pytest.mark.parametrize("number", range(len(STOPS)))
def test_the_bar_never_covers_what_a_step_speaks_of(touring, number):
    stop = STOPS[number]
    touring.locator(".dino-tour-dot").nth(number).click()
    expect(touring.locator(".dino-tour h2")).to_have_text(stop.title)
    panel = touring.locator(f"#tab-{stop.tab}")
    kinds = (
        ".dino-curves" if stop.timeline.get("at") == "play" else ".dino-board, #search-sides, .dino-map, .dino-columns"
    )
    subject = panel.locator(kinds).first
    expect(subject).to_be_visible()
    covered = "([node, bar]) => { const [a, b] = [node, bar].map(one => one.getBoundingClientRect()); "
    fits = "a.height < b.top - 20 ? a.bottom <= b.top + 1 && a.top >= 0 : a.top < b.top / 2; }"
    touring.wait_for_function(
        f"{covered} return {fits}", arg=[subject.element_handle(), touring.locator(".dino-tour").element_handle()]
    )


def test_steps_of_ones_own_are_opened_and_saved_as_they_are(touring):
    steps = {"steps": [STEP, STEP | {"tab": "emergence", "timeline": TIMELINE}]}
    opens(touring, json.dumps(steps))
    expect(touring.locator(".dino-tour-count")).to_have_text("1 of 2")
    expect(touring.locator(".dino-tour")).to_contain_text("A <b>picture</b>.")
    expect(touring.locator("#tab-match-button")).to_have_attribute("aria-selected", "true")
    with touring.expect_download() as download:
        touring.get_by_role("button", name="Save these steps").click()
    assert json.loads(download.value.path().read_text("utf-8")) == steps


@pytest.mark.parametrize(("text", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_file_is_said(touring, text, words):
    before = touring.locator(".dino-tour h2").inner_text()
    opens(touring, text)
    expect(touring.get_by_role("alert")).to_contain_text("steps.json was not opened.")
    expect(touring.get_by_role("alert")).to_contain_text(words)
    assert touring.locator(".dino-tour h2").inner_text() == before


def test_the_shipped_steps_could_have_come_from_a_file(touring):
    bare = [{key: value for key, value in asdict(stop).items() if value != {}} for stop in STOPS]
    opens(touring, json.dumps({"steps": bare}))
    expect(touring.locator(".dino-tour-count")).to_have_text(f"1 of {len(STOPS)}")
