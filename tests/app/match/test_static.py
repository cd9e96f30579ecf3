"""The stage of the Match tab in a real browser: what is followed, drawn and told, without the rest of the page."""

import json
from collections.abc import Iterator

import gradio as gr
import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect

from app.match.tab import match_component
from app.page import modules, stage
from core.analysis.matching import transfer_point
from core.features import FeatureMap
from tests.app.browsing import PHONE, opened
from tests.app.component_page import IDS, IMAGES, MAPS, NAMES, launched, told

pytestmark = pytest.mark.slow
LINES = {
    "p1": [[0.25, 0.5, 0.75, 0.25, "#0072b2"], [0.5, 0.5, 0.5, 0.5, "#e69f00"]],
    "p2": [[0.25, 0.75, 0.1, 0.9, "#cc79a7"]],
}


def matches(show: str = "lines", smoothing: int = 1, reference: str = "p0") -> dict:
    layers = {"p1": stage.png_uri(np.full((*MAPS[1].grid, 4), 90, np.uint8))} if show == "parts" else {}
    told = {"caption": f"caption of {show}", "pairs": LINES, "layers": layers, "region": None}
    return {"reference": reference, "show": show, "smoothing": smoothing, **told}


def build_page() -> gr.Blocks:
    pictures = [stage.StagePicture(*parts, m.geometry) for *parts, m in zip(IDS, NAMES, IMAGES, MAPS, strict=True)]
    with gr.Blocks() as blocks:
        shown = match_component()
        choice = gr.Radio(["lines", "dots", "parts", "sharp", "turned", "single", "none"], elem_id="choice")
        log = gr.Textbox(elem_id="log")

        def chosen(name: str) -> gr.HTML:
            if name in ("single", "none"):
                return gr.HTML(pictures=stage.pictures_prop(pictures[: int(name == "single")]), matches={})
            if name == "turned":
                return gr.HTML(matches=matches(reference="p1"))
            return gr.HTML(matches=matches("lines", 0) if name == "sharp" else matches(name))

        choice.change(chosen, choice, shown)
        for trigger in (shown.select, shown.submit, shown.clear):
            trigger(told, None, log)
        start = {"pictures": stage.pictures_prop(pictures), "features": stage.features_prop(IDS, MAPS)}
        blocks.load(lambda: gr.HTML(**start, matches=matches()), None, shown)
    return blocks


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with launched(build_page()) as address:
        yield address


@pytest.fixture
def page(browser, address) -> Iterator[Page]:
    """The stage with three pictures and their lines."""
    with opened(browser, address) as page:
        expect(page.locator(".dino-all line")).to_have_count(3)
        yield page


@pytest.fixture
def phone(browser, address) -> Iterator[Page]:
    with opened(browser, address, **PHONE) as page:
        expect(page.locator(".dino-all line")).to_have_count(3)
        yield page


def frame(page: Page, picture: int):
    return page.locator(".dino-picture .dino-frame").nth(picture)


def at(page: Page, picture: int, x: float, y: float) -> dict:
    """A place in shares of a picture, within its frame."""
    box = frame(page, picture).bounding_box()
    return {"x": x * box["width"], "y": y * box["height"]}


def patch(page: Page, picture: int, row: int, column: int) -> dict:
    x, y = MAPS[picture].geometry.center(row, column)
    return at(page, picture, x / IMAGES[picture].width, y / IMAGES[picture].height)


def circles(page: Page, group: str) -> np.ndarray:
    """Middles [n, 2] of the circles of a group, in px of the page."""
    return np.array(
        page.locator(f"{group} circle").evaluate_all(
            "nodes => nodes.map(node => { const b = node.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2] })"
        )
    )


def place(page: Page, picture: int, x: float, y: float) -> np.ndarray:
    """A place in pixels of a picture, in px of the page."""
    box = frame(page, picture).bounding_box()
    return np.array([
        box["x"] + x / IMAGES[picture].width * box["width"], box["y"] + y / IMAGES[picture].height * box["height"],
    ])  # fmt: skip


def choose(page: Page, name: str) -> None:
    page.locator("#choice label", has_text=name).click()


def expect_log(page: Page, data: object) -> None:
    expect(page.locator("#log textarea, #log input")).to_have_value(json.dumps(data))


def test_lines_join_the_shares_they_were_sent_with(page):
    found = circles(page, ".dino-all")
    sent = [
        (picture, x * IMAGES[picture].width, y * IMAGES[picture].height)
        for key, pairs in LINES.items()
        for ax, ay, bx, by, _ in pairs
        for picture, x, y in ((0, ax, ay), (IDS.index(key), bx, by))
    ]
    assert np.abs(found - [place(page, *one) for one in sent]).max() < 1
    choose(page, "dots")
    expect(page.locator(".dino-all line")).to_have_count(0)
    expect(page.locator(".dino-all circle")).to_have_count(6)
    choose(page, "parts")
    expect(page.locator(".dino-all circle")).to_have_count(0)
    expect(page.locator(".dino-view:visible")).to_have_count(1)
    expect(page.locator(".dino-text")).to_have_text("caption of parts")


@pytest.mark.parametrize(("choice", "smoothing"), [("lines", 1), ("sharp", 0)])
def test_a_pointed_patch_is_followed_to_where_core_carries_it(page, choice, smoothing):
    if choice == "sharp":
        choose(page, choice)
        page.wait_for_timeout(500)
    frame(page, 0).hover(position=patch(page, 0, 4, 6))
    expect(page.locator(".dino-following")).to_be_visible()
    rings = circles(page, ".dino-all + g")
    places = transfer_point(MAPS[0], MAPS[1:], MAPS[0].geometry.center(4, 6), smoothing)
    for picture, found in enumerate(places, start=1):
        nearest = np.abs(rings - place(page, picture, found.x, found.y)).max(axis=1).min()
        assert nearest < 1.5, f"no ring where {NAMES[picture]} is most alike"
    cosines = [float(text.replace("−", "-")) for text in page.locator(".dino-all + g text").all_text_contents()]
    assert cosines == pytest.approx([found.score for found in places], abs=0.03)
    page.mouse.move(2, 2)
    expect(page.locator(".dino-following")).to_have_count(0)


def test_points_are_held_added_and_forgotten_and_stay_above_the_focus(page):
    frame(page, 0).click(position=patch(page, 0, 4, 6))
    frame(page, 1).click(position=patch(page, 1, 2, 3), modifiers=["Shift"])
    page.mouse.move(2, 2)
    expect(page.locator(".dino-all + g text")).to_have_count(4)  # two points in two other pictures each
    expect(page.get_by_role("button", name="Clear")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".dino-all + g text")).to_have_count(0)


def test_a_way_that_does_not_lead_back_is_dashed(page):
    frame(page, 0).hover(position=patch(page, 0, 4, 6))
    places = transfer_point(MAPS[0], MAPS[1:], MAPS[0].geometry.center(4, 6))
    dashed = 0
    for picture, found in enumerate(places, start=1):
        home = transfer_point(MAPS[picture], [MAPS[0]], (found.x, found.y))[0]
        row, column = MAPS[0].geometry.patch_at(home.x, home.y)
        dashed += max(abs(row - 4), abs(column - 6)) > 1
    expect(page.locator(".dino-all + g line[stroke-dasharray]")).to_have_count(dashed)


def test_a_region_is_drawn_told_and_cleared(page):
    page.get_by_role("button", name="Draw a region").click()
    corners = [(0.2, 0.2), (0.6, 0.2), (0.6, 0.7), (0.2, 0.7)]
    box = frame(page, 1).bounding_box()
    for number, (x, y) in enumerate(corners):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        if number == 0:
            page.mouse.down()
    page.mouse.up()
    expect(page.locator(".dino-outline").first).to_be_visible()
    page.wait_for_function("document.querySelector('#log textarea, #log input').value.includes('outline')")
    drawn = json.loads(page.locator("#log textarea, #log input").input_value())
    outline = np.array(drawn["outline"])
    assert drawn["picture"] == "p1"
    for corner in corners:
        assert np.abs(outline - corner).max(axis=1).min() < 0.01
    assert page.locator(".dino-all + g text").count() == 0  # drawing asks nothing
    page.keyboard.press("Escape")
    expect(page.locator(".dino-outline")).to_have_count(0)
    expect_log(page, {})


def test_the_keyboard_follows_and_draws_a_box(page):
    frame(page, 0).focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp"):  # the first shows the middle
        page.keyboard.press(key)
    expect(page.locator(".dino-spoken")).to_contain_text("Row 5, column 7. ")
    expect(page.locator(".dino-spoken")).to_contain_text("wide.png row ")
    page.get_by_role("button", name="Draw a region").press("Enter")
    frame(page, 0).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#log textarea, #log input').value.includes('outline')")
    drawn = json.loads(page.locator("#log textarea, #log input").input_value())
    assert np.array(drawn["outline"]).shape == (4, 2)
    assert np.ptp(np.array(drawn["outline"]), axis=0) == pytest.approx([0.2, 0.6], abs=0.01)  # 2 × 6 of 10 × 10 patches


def test_another_picture_is_made_the_reference(page):
    page.get_by_role("button", name="Make wide.png the reference").click()
    expect_log(page, {"reference": "p2"})
    choose(page, "turned")
    expect(page.locator(".dino-lead").nth(1)).to_have_text("Reference")
    assert frame(page, 1).bounding_box()["x"] < frame(page, 0).bounding_box()["x"]


def test_with_less_than_two_it_says_what_to_do(page):
    choose(page, "single")
    expect(page.locator(".dino-empty")).to_contain_text("Select a second picture")
    expect(page.locator(".dino-board")).to_be_hidden()
    choose(page, "none")
    expect(page.locator(".dino-empty")).to_contain_text("Select two pictures")


def test_names_are_text_and_pictures_have_alternatives(page):
    assert page.locator(".dino-name").all_inner_texts() == NAMES
    assert page.locator(".dino-photograph").nth(1).get_attribute("alt") == NAMES[1]


def test_a_finger_follows_and_the_others_lie_beside_the_reference(phone):
    frame(phone, 0).tap(position=patch(phone, 0, 4, 6))
    expect(phone.locator(".dino-all + g text")).to_have_count(2)
    boxes = [frame(phone, picture).bounding_box() for picture in range(3)]
    assert min(boxes[1]["x"], boxes[2]["x"]) > boxes[0]["x"] + boxes[0]["width"]
    assert boxes[2]["y"] > boxes[1]["y"] + boxes[1]["height"]


def test_smoothed_cosines_equal_the_definition(browser):
    """Against an independent sum over neighbours, on a grid of random numbers."""
    generator = torch.Generator().manual_seed(3)
    maps = [
        FeatureMap(torch.randn(r, c, 8, generator=generator), torch.zeros(8), MAPS[0].geometry)
        for r, c in ((5, 6), (4, 7))
    ]
    prop = stage.features_prop(["a", "b"], maps)
    page = browser.new_page()
    page.set_content(modules.inlined("match/carry.js"))
    found = page.evaluate(
        """async prop => {
            const { decodeFeatures } = await import("page/similarity.js");
            const { neighbourCosines } = await import("match/carry.js");
            const features = decodeFeatures(prop);
            return Array.from(neighbourCosines(features, features.grids.get("b"), { picture: "a", row: 0, col: 2 }, 1));
        }""",
        prop,
    )
    page.close()
    a, b = (torch.nn.functional.normalize(one.patches, dim=-1) for one in maps)

    def mean(row: int, column: int, sign: int) -> float:
        pairs = [(i, 2 + j, row + i, column + sign * j) for i in (0, 1) for j in (-1, 0, 1)]
        cosines = [float(a[r, c] @ b[y, x]) for r, c, y, x in pairs if 0 <= y < 4 and 0 <= x < 7]
        return sum(cosines) / len(cosines)

    expected = [max(mean(row, column, sign) for sign in (1, -1)) for row in range(4) for column in range(7)]
    assert found == pytest.approx(expected, abs=0.02)
