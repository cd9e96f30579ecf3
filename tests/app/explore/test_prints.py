"""Figures for print: their size on paper, their scale and legend, every picture and name in each kind of file."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from app.explore import handlers, prints
from app.explore.settings import Settings
from app.explore.views import attention, foreground
from app.server.session import Tray
from app.server.uploads import add_bytes
from tests.app.small import SIZE, photograph

SVG = "{http://www.w3.org/2000/svg}"
VIEWS = ("PCA", "Foreground", "Attention", "Norms", "Segments")


@pytest.fixture
def shown(engine):
    """A function: settings → (screen, settings, model)."""
    tray = add_bytes(engine.library, Tray("ada"), photograph(1), "../../up <b>:одна.png")
    tray = add_bytes(engine.library, tray, photograph(2, 90, 150), "two\x0b.jpg")
    tray = add_bytes(engine.library, tray, photograph(3, 900, 7), "a name that is far longer than its picture is wide")
    model = engine.models.get("small")
    return lambda settings: (handlers.show(engine, tray, model, settings), settings, model)


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_is_a_sheet_with_all_that_is_needed_to_read_it(shown, tmp_path, view):
    screen, settings, model = shown(Settings(view=view, size=SIZE))
    root = ET.parse(prints.svg(tmp_path, screen, settings, model)).getroot()
    assert root.get("width") == "180mm" and float(root.get("height").removesuffix("mm")) > 40
    words = " ".join(node.text or "" for node in root.iter(f"{SVG}text"))
    assert "up <b>:одна.png" in words and "two.jpg" in words and "Small small · 112 px · block 3 of 3" in words
    legend = screen.painted.legend
    images = list(root.iter(f"{SVG}image"))
    assert len(images) == 3 + bool(legend)
    assert all(node.get("href").startswith("data:image/png;base64,") for node in images)
    if legend:
        assert legend["low"] in words and legend["high"] in words
    chips = [node for node in root.iter(f"{SVG}rect") if node.get("width") != "100%"]
    assert len(chips) == {"PCA": 3, "Segments": 6}.get(view, 0)
    assert all(named in words for _, named in prints.entries(screen))


def test_nothing_leaves_the_sheet(shown):
    for view in VIEWS:
        sheet = prints.sheet(*shown(Settings(view=view, size=SIZE)))
        for panel in [*sheet.panels, *sheet.strips]:
            assert panel.left > 0 and panel.left + panel.width <= sheet.width + 1e-6
            assert panel.top > 0 and panel.top + panel.height < sheet.height
        for line in sheet.lines:
            assert line.top + prints.TEXT < sheet.height
            assert line.left + prints._length(line.text) < sheet.width


def test_the_png_is_180_mm_at_300_dpi_and_the_pdf_a_page_of_that_size(shown, tmp_path):
    told = shown(Settings(view="Norms", size=SIZE))
    with Image.open(prints.png(tmp_path, *told)) as image:
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert image.width == round(180 / 25.4 * 300)
        inches = image.height / 300
    page = prints.pdf(tmp_path, *told).read_bytes()
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", page)
    assert page.startswith(b"%PDF") and box
    assert (float(box[1]), float(box[2])) == pytest.approx((180 / 25.4 * 72, inches * 72), abs=0.5)


def test_pictures_have_no_more_pixels_than_the_original(shown):
    panels = prints.sheet(*shown(Settings(view="PCA", size=SIZE))).panels
    assert panels[0].image.size == (160, 120) and panels[1].image.size == (90, 150)


def test_the_object_is_left_as_it_is_and_the_ground_is_dimmed(shown):
    options = foreground.Options(threshold=0.5)
    screen, settings, _ = shown(Settings(view="Foreground", size=SIZE, options=options))
    whole = np.asarray(screen.encoded.items[0].image, np.float32)
    made = np.asarray(prints.painted(screen, settings, 0, 160, 120), np.float32)
    scores = screen.painted.layers[0] / 255
    assert np.abs(made - whole)[scores > 0.6].max() <= 1
    ground = made[scores < 0.4]
    assert np.ptp(ground, axis=1).max() == 0 and ground.max() <= 255 * prints.DIM + prints.DARK + 1


def test_what_was_set_by_hand_is_said(shown):
    sheet = prints.sheet(*shown(Settings("Attention", size=SIZE, block=2, options=attention.Options(head="2"))))
    assert sheet.lines[-1].text == "Attention · Small small · 112 px · block 2 of 3 · head 2"


def test_words_are_wrapped_and_none_is_lost():
    words = "one two three " * 30 + "w" * 300
    lines = prints.wrapped(words, 60)
    assert "".join(lines).replace(" ", "") == words.replace(" ", "")
    assert max(map(prints._length, lines)) <= 60.5
