"""Every control of the page in a real browser: no console error, no request to another host, and the right answer."""

import io
import json
import time
import zipfile
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from app.server.trays import FIRST_SHOWN
from tests.app.browsing import open_fold, opened, pick, set_number
from tests.app.small import photograph

pytestmark = pytest.mark.slow


@pytest.fixture
def page(browser, served) -> Iterator[Page]:
    """An opened page with its first view."""
    with opened(browser, served[0]) as page:
        expect(page.locator("#facts")).to_contain_text("Explained variance")
        yield page


def choose(page: Page, view: str) -> None:
    page.locator("#view label", has_text=view).click()


def facts(page: Page):
    return page.locator("#facts")


def painted(page: Page) -> str:
    """What the stage was last sent as its view."""
    return page.locator("#stage canvas").first.evaluate("canvas => canvas.toDataURL()")


def repainted(page: Page, before: str) -> None:
    """Wait until the first picture is painted otherwise; numbers in words may be equal for two heads."""
    page.wait_for_function("before => document.querySelector('#stage canvas').toDataURL() !== before", arg=before)


def test_it_opens_with_a_finished_picture_and_says_what_the_model_is(page):
    expect(page.locator("#model-chip")).to_contain_text("Small small")
    expect(page.locator("#status")).to_contain_text("518 px · cpu")
    assert page.locator("#stage canvas").count() >= 4
    assert page.locator("#tray img").count() == FIRST_SHOWN


def test_each_view_has_its_controls_and_its_facts(page):
    expected = {"Foreground": "Threshold", "Attention": "Largest share", "Norms": "median", "Segments": "groups"}
    for view, words in expected.items():
        choose(page, view)
        expect(facts(page)).to_contain_text(words)
        expect(page.locator(f"#controls-{view.lower()}")).to_be_visible()
        expect(page.locator("#controls-pca")).to_be_hidden()
    page.keyboard.press("1")
    expect(facts(page)).to_contain_text("Explained variance")


def test_the_colours_of_pca(page):
    page.locator("#stages label", has_text="Two stages").click()
    expect(facts(page)).to_contain_text("component 1")
    pick(page, "red", "5")
    expect(facts(page)).to_contain_text("red component 5")
    pick(page, "green", "4")
    expect(facts(page)).to_contain_text("green component 4")
    pick(page, "blue", "1")
    expect(facts(page)).to_contain_text("blue component 1")
    before = painted(page)
    page.locator("#flip input").check()
    page.wait_for_function("before => document.querySelector('#stage canvas').toDataURL() !== before", arg=before)
    open_fold(page, "pca-more")
    before = painted(page)
    set_number(page, "low", 10)
    page.wait_for_function("before => document.querySelector('#stage canvas').toDataURL() !== before", arg=before)
    before = painted(page)
    set_number(page, "high", 90)
    page.wait_for_function("before => document.querySelector('#stage canvas').toDataURL() !== before", arg=before)


def test_a_basis_is_saved_and_applied(page, tmp_path):
    open_fold(page, "pca-more")
    with page.expect_download() as download:
        page.locator("#basis-save").click()
    path = tmp_path / "mine.safetensors"
    download.value.save_as(path)
    with page.expect_file_chooser() as chooser:
        page.locator("#basis-load").click()
    chooser.value.set_files(path)
    expect(page.locator("#basis-note")).to_contain_text("mine.safetensors")
    page.locator("#basis-forget").click()
    expect(page.locator("#basis-forget")).to_be_hidden()


def test_foreground_threshold_invert_method_and_cut_outs(page):
    choose(page, "Foreground")
    expect(facts(page)).to_contain_text("Otsu")
    words = facts(page).inner_text()
    page.locator("#invert input").check()
    expect(facts(page)).not_to_have_text(words)
    words = facts(page).inner_text()
    handle = page.locator("#threshold [role=slider]")
    handle.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(facts(page)).not_to_have_text(words)
    with page.expect_download() as download:
        page.locator("#cut-out").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert len(archive.namelist()) == 4
        with Image.open(io.BytesIO(archive.read(archive.namelist()[0]))) as image:
            assert image.mode == "RGBA"
    page.locator("#method label").nth(1).click()
    page.wait_for_timeout(500)


def test_attention_of_heads_and_of_a_pinned_patch(page):
    choose(page, "Attention")
    expect(facts(page)).to_contain_text("Largest share")
    before = painted(page)
    pick(page, "head", "2")
    repainted(page, before)
    page.locator("#stage .dino-frame:visible").first.click(position={"x": 60, "y": 60})
    page.wait_for_timeout(400)
    page.mouse.move(0, 0)
    before = painted(page)
    pick(page, "asking", "pinned patch")
    repainted(page, before)


def test_a_refusal_is_told_and_leaves_nothing_waiting(page):
    choose(page, "Attention")
    expect(facts(page)).to_contain_text("Largest share")
    pick(page, "asking", "pinned patch")
    expect(page.get_by_text("No patch is pinned")).to_be_visible()
    expect(page.locator("#status")).to_contain_text("What was there before stays.")
    expect(page.locator("#stop")).to_be_hidden()
    pick(page, "asking", "cls")
    expect(facts(page)).to_contain_text("Largest share")


def test_segments(page):
    choose(page, "Segments")
    expect(facts(page)).to_contain_text("groups")
    set_number(page, "segments", 3)
    page.wait_for_function("document.querySelector('#facts').innerText.split('%').length === 4")
    page.locator("#grouping label", has_text="spectral").click()
    page.wait_for_timeout(1500)


def test_pictures_are_added_ticked_and_removed(page, tmp_path):
    (tmp_path / "<img src=x onerror=alert(1)> снимок.png").write_bytes(photograph(11))
    (tmp_path / "broken.png").write_bytes(b"nothing")
    page.locator("#side input[type=file]").first.set_input_files(sorted(tmp_path.iterdir()))
    expect(page.locator("#tray img")).to_have_count(FIRST_SHOWN + 1)
    expect(page.get_by_text("broken.png", exact=False).first).to_be_visible()
    assert page.locator("#tray img[src='x']").count() == 0
    expect(page.locator("#tray")).to_contain_text("снимок")
    expect(page.locator("#stage canvas").nth(4)).to_be_attached()


def test_the_samples_and_the_code(page):
    open_fold(page, "samples-fold")
    page.locator("#samples img").nth(6).click()
    expect(page.locator("#tray img")).to_have_count(FIRST_SHOWN + 1)
    open_fold(page, "program")
    expect(page.locator("#program-text")).to_contain_text("core.load_model")
    open_fold(page, "lesson")
    expect(page.locator("#lesson")).to_contain_text("Oquab et al. 2023")
    open_fold(page, "camera-fold")
    page.wait_for_timeout(500)


def test_downloads(page):
    open_fold(page, "downloads")
    with page.expect_download() as download:
        page.locator("#download-png").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert len(archive.namelist()) == 4
    with page.expect_download() as download:
        page.locator("#download-npz").click()
    arrays = np.load(download.value.path())
    provenance = json.loads(str(arrays["provenance"]))
    assert provenance["settings"]["size"] == 518 and len(provenance["pictures"]) == 4
    assert sum(name.endswith(".patches") for name in arrays.files) == 4
    with page.expect_download() as download:
        page.locator("#download-safetensors").click()
    assert download.value.suggested_filename == "dinoscope.safetensors"
    for kind in ("png", "svg", "pdf"):
        with page.expect_download() as download:
            page.locator(f"#download-figure-{kind}").click()
        assert download.value.suggested_filename == f"dinoscope-pca-figure.{kind}"


def test_all_blocks_and_heads_are_there_to_choose_from(page):
    open_fold(page, "multiples")
    tiles = page.locator("#multiples .dino-tile")
    expect(tiles).to_have_count(3)
    expect(tiles.nth(2)).to_have_attribute("aria-pressed", "true")
    tiles.nth(0).click()
    expect(page.locator("#block input[type=number]")).to_have_value("1")
    expect(tiles.nth(0)).to_have_attribute("aria-pressed", "true")
    choose(page, "Attention")
    expect(tiles).to_have_count(5)
    before = painted(page)
    page.get_by_role("button", name="cheetah, head 2").or_(tiles.nth(4)).first.click()
    expect(page.locator("#head input")).to_have_value("2")
    repainted(page, before)


def test_light_and_dark_and_help(page):
    dark = page.evaluate("document.body.classList.contains('dark')")
    page.locator("#shade").click()
    assert page.evaluate("document.body.classList.contains('dark')") is not dark
    page.locator("#help").click()
    expect(page.locator("#help-panel")).to_contain_text("gradio_client")
    page.locator("#help").click()
    expect(page.locator("#help-panel")).to_be_hidden()


def test_one_visitor_s_pictures_and_model_are_not_another_s(page, browser, served):
    other = browser.new_page()
    other.goto(served[0])
    expect(other.locator("#facts")).to_contain_text("Explained variance")
    page.locator("#model-chip").click()
    pick(page, "model-choice", "untrained")
    page.locator("#model-load").click()
    expect(page.locator("#model-chip")).to_contain_text("Small untrained")
    page.locator("#side input[type=file]").first.set_input_files(
        {"name": "mine.png", "mimeType": "image/png", "buffer": photograph(12)}
    )
    expect(page.locator("#tray img")).to_have_count(FIRST_SHOWN + 1)
    choose(other, "Norms")
    expect(other.locator("#facts")).to_contain_text("median")
    expect(other.locator("#model-chip")).to_contain_text("Small small")
    assert other.locator("#tray img").count() == FIRST_SHOWN
    other.close()


def test_a_visitor_who_closes_the_page_is_forgotten(browser, served, monkeypatch):
    address, engine = served
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    expect(page.locator("#facts")).to_contain_text("Explained variance")
    before = set(engine.library.visitors())
    page.locator("#side input[type=file]").first.set_input_files(
        {"name": "mine.png", "mimeType": "image/png", "buffer": photograph(13)}
    )
    expect(page.locator("#tray img")).to_have_count(FIRST_SHOWN + 1)
    (visitor,) = set(engine.library.visitors()) - before
    leaving = []
    monkeypatch.setattr(engine, "leave", lambda who, grace=60.0: leaving.append(who))
    context.close()
    for _ in range(300):
        if leaving:
            break
        time.sleep(0.1)
    assert leaving[0] == visitor


def test_a_long_forward_pass_of_one_visitor_stops_nobody_else_and_can_be_stopped(page, browser, served):
    address, engine = served
    with engine.models.get("small").lock:  # as if another picture were being computed
        set_number(page, "size", 322)  # which no other test has asked for
        expect(page.locator("#status")).to_contain_text("Looking at 4 pictures at 322 px")
        other = browser.new_page()
        other.goto(address)
        expect(other.locator("#facts")).to_contain_text("Explained variance")
        choose(other, "Segments")
        expect(other.locator("#facts")).to_contain_text("groups")
        other.close()
        page.locator("#stop").click()
        expect(page.locator("#status")).to_contain_text("Stopped")
        assert page.locator("#stage .dino-photograph").count() >= 4  # the picture before is still there
    choose(page, "Norms")
    expect(page.locator("#facts")).to_contain_text("median")
