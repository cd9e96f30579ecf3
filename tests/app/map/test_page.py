"""The map in a real browser: what a pointer, a finger and a keyboard ask of it, and what is drawn."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from app.map import files
from app.map.colours import coloured
from app.map.filtering import bits_prop
from app.map.neighbours import near_prop
from app.map.payloads import about_points, colours_prop, places_prop
from app.map.tab import atlas_component
from core.projection.components import project
from tests.app.browsing import CHROMIUM, PHONE, opened
from tests.app.component_page import launched
from tests.app.map.made import NAMES, made_atlas

pytestmark = pytest.mark.slow
ATLAS = made_atlas(300)
PLACES = project(ATLAS.vectors).coordinates
IMITATED = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking"]
ANY_CARD = """
    const ask = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (kind, wanted) {
        return ask.call(this, kind, wanted && { ...wanted, failIfMajorPerformanceCaveat: false });
    };
    const extension = WebGLRenderingContext.prototype.getExtension;
    WebGLRenderingContext.prototype.getExtension = function (name) {
        return name === "WEBGL_debug_renderer_info" ? null : extension.call(this, name);
    };
"""
"""Run first, a page takes the imitated card for a real one."""


def build_page() -> gr.Blocks:
    """The map with 300 points, a button that moves them, and a box that shows what was told."""
    with gr.Blocks() as blocks:
        atlas = atlas_component(lambda request: about_points(ATLAS, request["ids"]))
        move, dim = gr.Button("Move", elem_id="move"), gr.Button("Dim", elem_id="dim")
        log, opened_last = gr.Textbox(elem_id="log"), gr.Textbox(elem_id="opened")

        def told(kind: str):
            def tell(event: gr.EventData) -> str:
                return json.dumps([kind, event._data])

            return tell

        def near(event: gr.EventData) -> gr.HTML:
            return gr.HTML(near=near_prop(ATLAS, event._data["id"], 4) | {"token": "t"})

        for kind in ("select", "submit", "input", "like"):
            # a double click is two clicks too, whose answers may come last
            getattr(atlas, kind)(told(kind), None, opened_last if kind == "submit" else log)
        atlas.select(near, None, atlas)
        dim.click(lambda: gr.HTML(lit=bits_prop("t", len(ATLAS), range(0, len(ATLAS), 3))), None, atlas)
        colours = colours_prop(ATLAS, "t", coloured(ATLAS, PLACES, "label"))
        move.click(lambda: gr.HTML(places=places_prop("t", PLACES[:, ::-1], "turned")), None, atlas)
        blocks.load(
            lambda: gr.HTML(places=places_prop("t", PLACES, "so"), colours=colours, note="Read it so."), None, atlas
        )
    return blocks


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with launched(build_page()) as address:
        yield address


@pytest.fixture(scope="module")
def browser(playwright):
    """One with a graphics card that the processor imitates."""
    browser = playwright.chromium.launch(**CHROMIUM | {"args": IMITATED})
    yield browser
    browser.close()


@pytest.fixture(params=["2d", "webgl"])
def painter(request) -> str:
    return request.param


@contextmanager
def shown(browser, address: str, painter: str, **options) -> Iterator[Page]:
    first = ANY_CARD if painter == "webgl" else ""
    with opened(browser, address, first=first, reduced_motion="reduce", **options) as page:
        expect(page.locator(".dino-map-note")).to_have_text("Read it so.")
        yield page


@pytest.fixture
def page(browser, address, painter) -> Iterator[Page]:
    with shown(browser, address, painter, viewport={"width": 1000, "height": 900}) as page:
        yield page


@pytest.fixture
def phone(browser, address, painter) -> Iterator[Page]:
    with shown(browser, address, painter, **PHONE) as page:
        yield page


def told(page: Page) -> list:
    expect(page.locator("#log textarea, #log input").first).not_to_have_value("")
    return json.loads(page.locator("#log textarea, #log input").first.input_value())


def place_of(page: Page, point: int) -> tuple[float, float]:
    """Where a point lies on the screen, by the map's own way of fitting all of them into itself."""
    box = page.locator(".dino-map").bounding_box()
    low, high = PLACES.min(axis=0), PLACES.max(axis=0)
    inner_width, inner_height = box["width"], box["height"]
    scale = min((inner_width - 68) / (high - low)[0], (inner_height - 68) / (high - low)[1])
    x, y = (PLACES[point] - (low + high) / 2) * scale
    return box["x"] + box["width"] / 2 + float(x), box["y"] + box["height"] / 2 - float(y)


def test_an_imitated_card_is_left_alone_and_points_have_their_colours_with_and_without_one(page, painter):
    assert page.locator(".dino-atlas").get_attribute("data-painter") == painter
    expect(page.locator(".dino-map-legend button")).to_have_count(3)
    shot = page.locator(".dino-map").screenshot()
    pixels = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).reshape(-1, 3).astype(int)
    for colour in ((230, 159, 0), (86, 180, 233), (0, 158, 115)):  # Okabe and Ito's first three
        assert (np.abs(pixels - colour).max(axis=1) < 30).sum() > 50, colour


def test_a_click_tells_which_point_and_a_double_click_opens_it(page):
    page.mouse.click(*place_of(page, 0))
    kind, data = told(page)
    assert kind == "select" and data["token"] == "t" and data["id"] % 3 == 0
    page.mouse.dblclick(*place_of(page, 0))
    page.wait_for_function("document.querySelector('#opened textarea, #opened input').value.includes('submit')")


def test_hovering_shows_the_picture_with_its_name_as_text(page):
    page.mouse.move(*place_of(page, 1))
    expect(page.locator(".dino-card")).to_be_visible()
    caption = page.locator(".dino-card figcaption").inner_text()
    assert caption.split(" · ")[0] in NAMES and " · b · " in caption
    assert page.locator(".dino-card img").get_attribute("alt") in NAMES
    assert page.locator("img[src='x']").count() == 0


def test_drawing_round_points_chooses_them(page):
    page.get_by_role("button", name="Draw round").click()
    x, y = place_of(page, 0)
    page.mouse.move(x - 50, y - 50)
    page.mouse.down()
    for dx, dy in ((50, -50), (50, 50), (-50, 50), (-50, -45)):
        page.mouse.move(x + dx, y + dy, steps=4)
    page.mouse.up()
    kind, data = told(page)
    assert kind == "input" and 0 in data["ids"]
    assert {point % 3 for point in data["ids"]} == {0}


def test_the_keyboard_goes_from_point_to_point_and_opens_one(page):
    page.locator(".dino-map").focus()
    page.keyboard.press("ArrowRight")
    first = told(page)[1]["id"]
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "before => JSON.parse(document.querySelector('#log textarea, #log input').value)[1].id !== before", arg=first
    )
    second = told(page)[1]["id"]
    assert PLACES[second, 0] > PLACES[first, 0]
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#opened textarea, #opened input').value.includes('submit')")
    assert told(page)[1]["id"] == second


def test_near_points_become_pictures(page):
    asked = []
    page.on("request", lambda request: "component_server" in request.url and asked.append(request.post_data))
    box = page.locator(".dino-map").bounding_box()
    page.mouse.move(*place_of(page, 0))
    for _ in range(6):
        page.mouse.wheel(0, -400)
    page.wait_for_timeout(1500)
    assert asked, "nothing was asked about the points in sight"
    assert box["height"] > 300


def test_one_kind_can_be_shown_alone_and_the_map_be_saved(page):
    button = page.locator(".dino-map-legend button").first
    button.click()
    expect(page.locator(".dino-map-legend button").first).to_have_attribute("aria-pressed", "true")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the map").click()
    assert download.value.suggested_filename == "dinoscope-map.png"
    with Image.open(download.value.path()) as saved:
        assert max(saved.size) == 4096, "sharp on paper, however small the window"


def test_what_the_filter_leaves_out_is_dimmed_and_not_chosen(page):
    page.locator("#dim").click()
    expect(page.locator(".dino-map-legend button").nth(1)).to_have_text("b · 0 of 100")
    shot = page.locator(".dino-map").screenshot()
    pixels = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).reshape(-1, 3).astype(int)
    shown = [(np.abs(pixels - colour).max(axis=1) < 30).sum() for colour in ((230, 159, 0), (86, 180, 233))]
    assert shown[0] > 50 and shown[1] == 0
    page.get_by_role("button", name="Choose every point").click()
    kind, data = told(page)
    assert kind == "input" and data["ids"] == list(range(0, 300, 3))


def test_a_clicked_point_is_enlarged_beside_those_most_alike_to_it_until_it_is_closed(page):
    page.mouse.click(*place_of(page, 0))
    expect(page.locator(".dino-near-item")).to_have_count(4)
    clicked = told(page)[1]["id"]
    page.get_by_role("button", name="More like this").click()
    page.wait_for_function("document.querySelector('#log textarea, #log input').value.includes('like')")
    assert told(page)[1] == {"token": "t", "id": clicked}
    item = near_prop(ATLAS, clicked, 4)["items"][0]["id"]
    page.locator(".dino-near-item").first.click()
    page.wait_for_function(
        "id => JSON.parse(document.querySelector('#log textarea, #log input').value)[1].id === id", arg=item
    )
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".dino-near")).to_be_hidden()


def test_where_no_point_is_in_sight_the_map_says_how_to_come_back(page):
    expect(page.locator(".dino-map-empty")).to_be_hidden()
    box = page.locator(".dino-map").bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.wheel(0, -2500)
    expect(page.locator(".dino-map-empty")).to_contain_text("No point is in sight here")
    page.get_by_role("button", name="Show all").click()
    expect(page.locator(".dino-map-empty")).to_be_hidden()


def test_new_places_of_the_same_points_keep_what_is_known(page):
    page.locator("#move").click()
    expect(page.locator(".dino-map")).to_have_attribute("aria-description", "turned")
    expect(page.locator(".dino-map-legend button")).to_have_count(3)


def test_a_finger_taps_a_point(phone):
    phone.touchscreen.tap(*place_of(phone, 2))
    assert told(phone)[1]["id"] % 3 == 2


def test_a_saved_page_works_without_a_server(browser, tmp_path):
    path = files.page(tmp_path, ATLAS, PLACES, coloured(ATLAS, PLACES, "label"), "Read it so.")
    with opened(browser, path.as_uri()) as page:
        expect(page.locator(".dino-map-legend button")).to_have_count(3)
        page.locator(".dino-map").focus()
        page.keyboard.press("ArrowRight")
        expect(page.locator(".dino-card figcaption")).to_contain_text(" · ")
