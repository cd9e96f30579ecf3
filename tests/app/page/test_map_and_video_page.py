"""The Video and Map tabs on the whole page, in a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.app.browsing import open_fold, opened, pick, set_number

pytestmark = pytest.mark.slow


@pytest.fixture
def video(browser, served) -> Iterator[Page]:
    with opened(browser, f"{served[0]}/#video") as page:
        expect(page.locator("#model-chip")).to_contain_text("Small small")
        yield page


@pytest.fixture
def map_page(browser, served) -> Iterator[Page]:
    with opened(browser, f"{served[0]}/#map") as page:
        expect(page.locator("#model-chip")).to_contain_text("Small small")
        yield page


def test_a_sample_clip_is_painted(video):
    video.locator("#clip-sample").click()
    expect(video.locator("#clip-note")).to_contain_text("24 frames")
    set_number(video, "clip-size", 196)
    video.locator("#clip-start").click()
    expect(video.locator("#clip-out video")).to_be_visible(timeout=120_000)
    expect(video.locator("#clip-caption")).to_contain_text("not class")
    expect(video.locator("#clip-stop")).to_be_hidden()


def test_similarity_wants_a_place_and_takes_one(video):
    video.locator("#clip-sample").click()
    expect(video.locator("#clip-note")).to_contain_text("frames")
    video.locator("#clip-view label", has_text="Similarity").click()
    video.locator("#clip-start").click()
    expect(video.get_by_text("click a place in the first frame").first).to_be_visible()
    expect(video.locator("#clip-stop")).to_be_hidden()
    video.locator("#clip-first img").click(position={"x": 60, "y": 60})
    video.wait_for_timeout(1000)
    video.locator("#clip-start").click()
    expect(video.locator("#clip-out video")).to_be_visible(timeout=120_000)


def test_what_is_no_clip_says_so(video):
    video.locator("#clip input[type=file]").first.set_input_files(
        {"name": "notes.mp4", "mimeType": "video/mp4", "buffer": b"to do: nothing"}
    )
    expect(video.locator("#clip-note")).to_contain_text("no clip that can be painted")
    expect(video.get_by_text("notes.mp4").first).to_be_visible()


def test_the_patches_of_the_selected_pictures_are_mapped_at_once(map_page):
    note = map_page.locator(".dino-map-note")
    expect(note).to_contain_text("points", timeout=120_000)
    before = note.inner_text()
    pick(map_page, "map-source", "Patches of the selected pictures")
    expect(note).not_to_have_text(before, timeout=120_000)
    map_page.locator("#map-by label", has_text="label").click()
    expect(map_page.locator(".dino-map-legend")).to_contain_text("cheetah")
    open_fold(map_page, "map-downloads")
    with map_page.expect_download() as download:
        map_page.locator("#map-csv").click()
    assert download.value.suggested_filename == "dinoscope-map.csv"


def test_the_choice_is_kept_while_one_of_it_is_opened(map_page):
    pick(map_page, "map-source", "The tray")
    expect(map_page.locator(".dino-map-note")).to_contain_text("of 5 points", timeout=120_000)
    map_page.get_by_role("button", name="Draw round").click()
    box = map_page.locator(".dino-map").bounding_box()
    corners = ((4, 4), (box["width"] - 4, 4), (box["width"] - 4, box["height"] - 4), (4, box["height"] - 4))
    for number, (x, y) in enumerate((*corners, (4, 8))):
        map_page.mouse.move(box["x"] + x, box["y"] + y, steps=4)
        if not number:
            map_page.mouse.down()
    map_page.mouse.up()
    expect(map_page.locator("#map-chosen-note")).to_contain_text("5 chosen")
    map_page.locator("#map-gallery button.thumbnail-item").last.click()
    expect(map_page.locator("#tab-explore-button")).to_have_attribute("aria-selected", "true")
    map_page.locator("#tab-map-button").click()
    map_page.wait_for_timeout(1500)
    expect(map_page.locator("#map-chosen-note")).to_contain_text("5 chosen")
    expect(map_page.locator("#map-gallery button.thumbnail-item")).to_have_count(5)


def test_a_point_is_opened_in_explore(map_page):
    pick(map_page, "map-source", "The tray")
    expect(map_page.locator(".dino-map-note")).to_contain_text("of 5 points", timeout=120_000)
    map_page.locator(".dino-map").focus()
    map_page.keyboard.press("ArrowRight")
    map_page.wait_for_timeout(500)
    map_page.keyboard.press("Enter")
    expect(map_page.locator("#tab-explore-button")).to_have_attribute("aria-selected", "true")
