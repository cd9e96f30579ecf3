"""Figures in a real browser: fetched when a fold is opened and not before, turned, asked, held, and taken away."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.app.browsing import DESKTOP, PHONE, open_fold, opened

pytestmark = pytest.mark.slow
SPACE = "#patches .dino-solid"
POINTS = "node => node._fullData.map((trace) => [trace.meta, trace.x.length])"


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def page(browser, served, request) -> Iterator[Page]:
    with opened(browser, served[0], **request.param) as page:
        expect(page.locator("#facts")).to_contain_text("Explained variance")
        yield page


def in_space(page: Page) -> None:
    """Open the patches in space and wait until they are drawn."""
    open_fold(page, "patches")
    expect(page.locator(f"{SPACE} .gl-container canvas").first).to_be_visible()
    page.wait_for_function(f"document.querySelector('{SPACE}')._fullLayout?.scene?._scene?.glplot")


def found(page: Page) -> tuple[float, float]:
    """Where on the page some patch lies, by moving the pointer over the points; it is pointed at then."""
    page.locator(SPACE).evaluate("node => node.scrollIntoView({ block: 'center' })")
    box = page.locator(SPACE).bounding_box()
    for across in range(30, 71, 2):
        for down in (40, 46, 52):
            x, y = box["x"] + box["width"] * across / 100, box["y"] + box["height"] * down / 100
            page.mouse.move(x, y)
            page.wait_for_timeout(80)
            if "row" in page.locator(".dino-patch-text").first.inner_text():
                return x, y
    raise AssertionError("no patch was found")


def test_the_script_comes_with_the_first_figure_and_once(page):
    assert page.evaluate("typeof window.Plotly") == "undefined"
    in_space(page)
    open_fold(page, "numbers")
    expect(page.locator("#numbers .main-svg").first).to_be_visible()
    entries = page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
    assert sum(name.endswith("/plotly.min.js") for name in entries) == 1


def test_patches_in_space_ask_and_hold_their_patch_in_the_picture(page):
    in_space(page)
    ids = page.evaluate("window.dinoscope.pictures.map((picture) => picture.info.id)")
    patches = page.evaluate("window.dinoscope.pictures.map(({ info }) => info.rows * info.columns)")
    assert page.locator(SPACE).evaluate(POINTS) == [list(pair) for pair in zip(ids, patches, strict=True)]
    x, y = found(page)
    expect(page.locator("#stage .dino-heat:visible")).to_have_count(len(ids))  # every picture answers
    expect(page.locator("#patches .dino-crop")).to_be_visible()
    expect(page.locator("#stage .dino-asked:visible")).to_have_count(0)
    if page.viewport_size == PHONE["viewport"]:
        page.touchscreen.tap(x, y)
    else:
        page.mouse.click(x, y)
    held = page.locator("#stage .dino-asked:visible")
    expect(held).to_have_count(1)
    name, place = page.locator("#patches .dino-patch-text").inner_text().split(": row ")
    row, column = (int(number) - 1 for number in place.split(", column "))
    figure = page.locator("#stage .dino-picture", has=page.locator(".dino-asked:visible"))
    expect(figure.locator(".dino-name")).to_have_text(name)
    box, frame = held.bounding_box(), figure.locator(".dino-frame:visible").bounding_box()
    info = page.evaluate("name => window.dinoscope.pictures.find(({ info }) => info.name === name).info", name)
    left, top, right, bottom = info["covered"]
    middle = [
        (box["x"] + box["width"] / 2 - frame["x"]) / frame["width"],
        (box["y"] + box["height"] / 2 - frame["y"]) / frame["height"],
    ]
    assert (middle[0] - left) / (right - left) * info["columns"] == pytest.approx(column + 0.5, abs=0.3)
    assert (middle[1] - top) / (bottom - top) * info["rows"] == pytest.approx(row + 0.5, abs=0.3)
    page.mouse.move(x, y + 400)
    page.keyboard.press("Escape")
    expect(held).to_have_count(0)


def test_turning_the_points_holds_nothing_and_a_repaint_keeps_the_angle(page):
    in_space(page)
    found(page)
    page.mouse.down()
    box = page.locator(SPACE).bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.3, steps=5)
    page.mouse.up()
    page.wait_for_timeout(500)
    expect(page.locator("#stage .dino-asked:visible")).to_have_count(0)
    camera = "document.querySelector('#patches .dino-solid')._fullLayout.scene._scene.getCamera().eye"
    turned = page.evaluate(camera)
    assert turned["x"] != pytest.approx(1.6, abs=0.01)
    colour = f"document.querySelector('{SPACE}').data[0].marker.color[0]"
    before = page.evaluate(colour)
    page.locator("#flip input").check()
    page.wait_for_function(f"before => {colour} !== before", arg=before)
    assert page.evaluate(camera) == pytest.approx(turned, abs=0.01)


def test_the_patches_are_taken_away_as_a_page_that_needs_no_network(page, browser, tmp_path):
    in_space(page)
    points = page.locator(SPACE).evaluate(POINTS)
    with page.expect_download() as download:
        page.locator("#patches-download").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name == "dinoscope-patches.html"
    with opened(browser, path.as_uri()) as alone:
        expect(alone.locator("#figures .gl-container canvas").first).to_be_visible()
        assert alone.locator(".js-plotly-plot").evaluate(POINTS) == points
        assert alone.get_by_role("button", name="Share").count() == 0


def test_the_numbers_follow_the_view_while_their_fold_is_open(page):
    open_fold(page, "numbers")
    title = page.locator("#numbers .gtitle")
    expect(title).to_have_text("Explained variance")
    page.locator("#view label", has_text="Norms").click()
    expect(title).to_have_text("Norms")
    light = title.evaluate("node => getComputedStyle(node).fill")
    page.locator("#shade").click()
    page.wait_for_function(
        "light => getComputedStyle(document.querySelector('#numbers .gtitle')).fill !== light", arg=light
    )
    open_fold(page, "numbers")
    page.locator("#view label", has_text="Segments").click()
    expect(page.locator("#facts")).to_contain_text("groups")
    open_fold(page, "numbers")
    expect(title).to_have_text("Sizes of the groups")


def test_the_curves_of_the_shipped_run_as_figures(browser, served):
    with opened(browser, f"{served[0]}/#emergence") as page:
        expect(page.locator("#timeline .dino-step")).to_contain_text("Step")
        open_fold(page, "curves")
        titles = page.locator("#curves .gtitle")
        expect(titles.first).to_have_text("Losses")
        expect(titles.filter(has_text="k-NN category")).to_have_count(1)
        with page.expect_download() as download:
            page.locator("#curves-download").click()
        assert download.value.suggested_filename == "dinoscope-run.html"
