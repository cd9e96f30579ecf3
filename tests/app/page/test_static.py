"""The components in a real browser: what a pointer, a finger and a keyboard ask, and what is answered."""

import asyncio
import io
import json
import re

import pytest
from PIL import Image
from playwright.sync_api import expect
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.page import modules, stage
from tests.app.browsing import opened
from tests.app.component_page import IDS, MAPS, NAMES, build_page, foreground_view, launched
from tests.app.pointing import cosines, expect_log, frame, log, place, ring, unit

pytestmark = pytest.mark.slow


def test_pointing_rings_the_best_match_in_every_picture(page):
    frame(page, 0).hover(position=place(page, 0, 4, 6))
    for picture in (1, 2):
        values = cosines(unit(0, 4, 6), picture)
        patch, cosine = ring(page, picture)
        assert cosine == pytest.approx(values.max(), abs=0.03)
        assert values[patch] > values.max() - 0.03
    assert page.locator(".dino-heat:visible").count() == 3
    expect(page.locator(".dino-text")).to_contain_text("Similarity to the outlined patch")
    page.mouse.move(2, 2)
    expect(page.locator(".dino-heat:visible")).to_have_count(0)
    expect(page.locator(".dino-text")).to_have_text("shade 10")


def test_in_its_own_picture_the_ring_leaves_the_patch_itself_out(page):
    frame(page, 0).hover(position=place(page, 0, 4, 6))
    (row, col), _ = ring(page, 0)
    assert max(abs(row - 4), abs(col - 6)) > 1


def test_clicks_hold_add_and_subtract_and_escape_clears(page):
    frame(page, 0).click(position=place(page, 0, 4, 6))
    expect_log(page, {"picture": "p0", "row": 4, "col": 6})
    frame(page, 1).click(position=place(page, 1, 2, 3), modifiers=["Shift"])
    expect_log(page, {"picture": "p1", "row": 2, "col": 3})
    frame(page, 2).click(position=place(page, 2, 1, 8), modifiers=["Alt"])
    page.mouse.move(2, 2)
    expect(page.locator(".dino-asked:visible")).to_have_count(3)
    query = unit(0, 4, 6) + unit(1, 2, 3) - unit(2, 1, 8)
    values = cosines(query, 1)
    values[1:4, 2:5] = -1  # next to a patch that asks
    assert ring(page, 1)[1] == pytest.approx(values.max(), abs=0.03)
    page.keyboard.press("Escape")
    expect(page.locator(".dino-asked:visible")).to_have_count(0)
    expect_log(page, {})


def test_a_double_click_enlarges_and_asks_nothing(page):
    before = frame(page, 1).bounding_box()["width"]
    frame(page, 1).dblclick(position=place(page, 1, 2, 3))
    expect(page.locator(".dino-stage.dino-large")).to_be_visible()
    assert frame(page, 1).bounding_box()["width"] > before
    page.keyboard.press("Escape")
    expect(page.locator(".dino-large")).to_have_count(0)
    assert frame(page, 1).bounding_box()["width"] == pytest.approx(before)
    page.wait_for_timeout(400)
    expect(log(page)).to_have_value("")


def test_the_keyboard_asks_too(page):
    frame(page, 0).focus()
    page.keyboard.press("ArrowRight")  # the first key shows the middle
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".dino-spoken")).to_contain_text("Row 5, column 7. Best matches: tabby.png 0")
    page.keyboard.press("Enter")
    expect_log(page, {"picture": "p0", "row": 4, "col": 6})


def test_a_finger_taps_and_draws(phone):
    frame(phone, 0).tap(position=place(phone, 0, 4, 6))
    expect_log(phone, {"picture": "p0", "row": 4, "col": 6})
    assert frame(phone, 0).evaluate("node => getComputedStyle(node).touchAction") == "none"


def test_another_view_sends_neither_features_nor_pictures_and_keeps_the_page(page):
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    received = []
    session.on("Network.dataReceived", lambda event: received.append(event["dataLength"]))
    page.evaluate("window.kept = document.querySelector('.dino-view')")
    page.locator("#view label").nth(1).click()
    expect(page.locator(".dino-text")).to_have_text("scores")
    view = len(json.dumps(foreground_view()))
    everything = len(json.dumps(stage.features_prop(IDS, MAPS))) + view
    assert sum(received) < min(view + 2000, everything)
    assert page.evaluate("window.kept === document.querySelector('.dino-view')")


def test_the_foreground_follows_the_threshold_while_it_moves(page):
    page.locator("#view label").nth(1).click()
    expect(page.locator(".dino-text")).to_have_text("scores")
    plot = page.locator(".dino-plot").bounding_box()
    page.mouse.move(plot["x"] + plot["width"] * 0.5, plot["y"] + 20)
    page.mouse.down()
    page.mouse.move(plot["x"] + plot["width"] * 0.75, plot["y"] + 20)
    page.wait_for_timeout(100)
    expect(log(page)).to_have_value("")
    shown = page.locator(".dino-view").first.evaluate(
        "canvas => Array.from(canvas.getContext('2d').getImageData(0, 70, canvas.width, 1).data.filter((_, i) => i % 4 == 3))"
    )
    assert sum(alpha == 0 for alpha in shown) == pytest.approx(0.25 * len(shown), abs=4)  # the object is left as it is
    page.mouse.up()
    page.wait_for_function("document.querySelector('#log textarea, #log input').value.includes('threshold')")
    assert json.loads(log(page).input_value())["threshold"] == pytest.approx(0.75, abs=0.01)
    page.get_by_role("slider", name="Threshold").press("ArrowLeft")
    expect(page.locator(".dino-handle")).to_have_attribute("aria-valuenow", "0.74")
    page.get_by_role("button", name="Back to Otsu").click()
    expect_log(page, {"threshold": None})
    expect(page.locator(".dino-handle")).to_have_attribute("aria-valuenow", "0.40")


def test_side_by_side_and_patchy(page):
    before = frame(page, 0).bounding_box()["width"]
    page.get_by_role("button", name="Side by side").click()
    expect(page.locator(".dino-plain:visible")).to_have_count(3)
    page.locator(".dino-plain").first.hover()
    expect(page.locator(".dino-heat:visible")).to_have_count(3)
    page.get_by_role("button", name="Side by side").click()
    assert frame(page, 0).bounding_box()["width"] == pytest.approx(before)
    page.get_by_role("button", name="Smooth").click()
    rendering = page.locator(".dino-view").first.evaluate("canvas => getComputedStyle(canvas).imageRendering")
    assert rendering == "pixelated"


def test_the_old_picture_stays_while_python_works(page):
    page.locator("#view label").nth(1).click()
    expect(page.locator("#stage .html-container.pending")).to_be_visible()
    assert page.locator("#stage .html-container").evaluate("node => getComputedStyle(node).opacity") == "1"
    expect(page.locator("#stage [data-testid=status-tracker]")).to_be_hidden()
    expect(page.locator(".dino-view:visible")).to_have_count(3)


def test_names_are_text(page):
    assert page.locator(".dino-name").all_inner_texts() == NAMES
    assert page.locator("#tray img").nth(1).get_attribute("alt") == NAMES[1]


def test_the_tray_selects_refuses_a_ninth_and_removes(page):
    picks = page.locator(".dino-pick")
    picks.nth(8).click()
    expect(page.locator(".dino-count")).to_contain_text("8 pictures are shown together at most")
    picks.nth(0).click()
    expect_log(page, {"id": "p0", "selected": False})
    expect(picks.nth(0)).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".dino-count")).to_have_text("7 of 10 selected")
    page.get_by_role("button", name="Remove wide.png").click()
    expect_log(page, {"id": "p2"})
    picks.nth(4).press("Delete")
    expect_log(page, {"id": "p4"})


FILES = """kind => {
    const files = new DataTransfer();
    files.items.add(new File([new Uint8Array([1, 2, 3])], `${kind}ed.png`, { type: "image/png" }));
    const made = kind === "paste"
        ? new ClipboardEvent("paste", { clipboardData: files, bubbles: true })
        : new DragEvent("drop", { dataTransfer: files, bubbles: true });
    document.querySelector("#stage").dispatchEvent(made);
}"""


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_files_pasted_or_dropped_anywhere_are_uploaded(page, kind):
    page.evaluate(FILES, kind)
    expect_log(page, [f"{kind}ed.png"])


def test_number_keys_choose_the_view_but_not_while_typing(page):
    page.keyboard.press("2")
    expect(page.locator("#view input").nth(1)).to_be_checked()
    page.locator("#notes textarea, #notes input").press("1")
    expect(page.locator("#view input").nth(1)).to_be_checked()


def test_without_pictures_it_says_what_to_do(page):
    page.keyboard.press("3")
    expect(page.locator(".dino-empty")).to_contain_text("No picture is selected")
    with page.expect_file_chooser():
        page.locator(".dino-empty button").click()


def test_what_is_shown_is_saved(page):
    page.locator(".dino-blend input").fill("1")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save tabby.png as shown").click()
    assert download.value.suggested_filename == "tabby-pca.png"
    with Image.open(io.BytesIO(download.value.path().read_bytes())) as saved:
        box = frame(page, 0).bounding_box()
        assert saved.size == pytest.approx((box["width"], box["height"]), abs=1)
        assert saved.convert("RGB").getpixel((saved.width // 2, saved.height // 2)) == (10, 10, 10)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save PNG").click()
    with Image.open(io.BytesIO(download.value.path().read_bytes())) as saved:
        board = page.locator(".dino-board").bounding_box()
        assert saved.width == pytest.approx(board["width"] + 24, abs=1)


def test_what_is_smaller_on_the_screen_is_saved_at_its_own_size(page):
    page.set_viewport_size({"width": 240, "height": 400})
    expect(page.locator(".dino-picture").first).to_have_class(re.compile("dino-small"))
    shown = frame(page, 2).bounding_box()["width"]
    board = page.locator(".dino-board").bounding_box()["width"]
    widths = []
    for button in ("Save wide.png", "Save PNG"):
        with page.expect_download() as download:
            page.get_by_role("button", name=button).dispatch_event("click")  # hidden where there is no room for it
        with Image.open(io.BytesIO(download.value.path().read_bytes())) as saved:
            widths.append(saved.width)
    assert widths[0] == 196 > shown
    assert widths[1] > (board + 24) * 196 / shown * 0.99


def test_on_a_narrow_window_the_others_lie_below_the_enlarged_one_and_can_be_enlarged_too(page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Enlarge tabby.png").click()
    expect(page.locator(".dino-stage")).to_have_class(re.compile("dino-large"))
    boxes = [frame(page, number).bounding_box() for number in range(3)]
    assert boxes[0]["width"] > 330 and min(box["width"] for box in boxes[1:]) > 130
    assert boxes[1]["y"] > boxes[0]["y"] + boxes[0]["height"]
    page.get_by_role("button", name="Enlarge wide.png").click()
    assert frame(page, 2).bounding_box()["width"] > 330


def test_the_shade_is_remembered(page):
    page.evaluate("window.dinoscope.toggleShade()")
    assert page.evaluate("document.body.classList.contains('dark')")
    page.reload()
    expect(page.locator(".dino-picture")).to_have_count(3)
    assert page.evaluate("document.body.classList.contains('dark')")


def test_what_is_told_before_the_modules_come_is_shown_when_they_do(browser):
    route = modules.route()

    async def late(request) -> Response:
        await asyncio.sleep(1.5)
        return await route.endpoint(request)

    with launched(build_page(), Route(route.path, late)) as address, opened(browser, address) as page:
        page.wait_for_selector("#stage", state="attached")
        assert page.locator(".dino-stage").count() == 0
        expect(page.locator(".dino-picture")).to_have_count(3)
        expect(page.locator(".dino-tray li")).to_have_count(10)
        expect(page.locator(".dino-text")).to_have_text("shade 10")


def test_a_module_that_does_not_come_is_told(browser):
    lost = Route(modules.route().path, lambda request: PlainTextResponse("", 404))
    with (
        launched(build_page(), lost) as address,
        opened(browser, address, wanted="Failed to") as page,
    ):
        expect(page.locator("#stage")).to_have_text(modules.LOST)
