"""A pointer that reads the numbers of patches, and the patches most like a held question, in a real browser."""

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.app.component_page import IDS, NAMES, NUMBERS
from tests.app.pointing import cosines, expect_no_heat, frame, log, place, unit

pytestmark = pytest.mark.slow


def words_at(picture: int, row: int, col: int) -> str:
    norm, share = (f"{100 * float(np.float16(value)):.2f} %" for value in NUMBERS[IDS[picture]][row, col])
    return f"{NAMES[picture]}, row {row + 1}, column {col + 1}: norm {norm}, share {share}."


def test_a_pointer_that_reads_says_the_number_and_paints_nothing(page):
    page.keyboard.press("r")
    switch = page.get_by_role("button", name="Numbers")
    expect(switch).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".dino-text")).to_contain_text("point at a patch")
    frame(page, 1).hover(position=place(page, 1, 3, 2))
    expect(page.locator(".dino-text")).to_have_text(words_at(1, 3, 2))
    expect(frame(page, 1).locator(".dino-number")).to_have_count(1)
    expect(page.locator(".dino-frame:visible .dino-ring")).to_have_count(0)
    frame(page, 1).click(position=place(page, 1, 3, 2))
    frame(page, 0).hover(position=place(page, 0, 0, 0))
    expect(frame(page, 1).locator(".dino-number")).to_have_count(1)  # what was clicked is kept
    expect(page.locator(".dino-text")).to_have_text(words_at(0, 0, 0))
    page.locator("#notes").hover()
    expect(page.locator(".dino-text")).to_have_text(words_at(1, 3, 2))
    expect_no_heat(page)
    expect(log(page)).to_have_value("")
    page.keyboard.press("Escape")
    expect(page.locator(".dino-number")).to_have_count(0)
    switch.click()
    frame(page, 1).hover(position=place(page, 1, 3, 2))
    expect(page.locator(".dino-frame:visible .dino-ring")).to_have_count(3)


def test_a_held_question_stays_while_the_pointer_reads_and_its_answer_is_read_too(page):
    frame(page, 0).click(position=place(page, 0, 4, 4))
    page.keyboard.press("R")
    expect_no_heat(page)
    frame(page, 1).hover(position=place(page, 1, 3, 2))
    expect(page.locator(".dino-text")).to_have_text(words_at(1, 3, 2))
    expect(frame(page, 0).locator(".dino-asked")).to_have_count(1)
    page.get_by_role("button", name="Show the answer").click()
    frame(page, 1).hover(position=place(page, 1, 3, 2))
    expected = cosines(unit(0, 4, 4), 1)[3, 2]
    expect(page.locator(".dino-text")).to_contain_text("row 4, column 3: cosine ")
    told = page.locator(".dino-text").inner_text().rpartition("cosine ")[2].partition(" ")[0].replace("−", "-")
    assert float(told) == pytest.approx(expected, abs=0.03)
    page.locator("#notes input, #notes textarea").first.type("r")  # typed, not pressed for the page
    expect(page.get_by_role("button", name="Numbers")).to_have_attribute("aria-pressed", "true")


def test_the_keyboard_and_a_finger_read_and_it_is_spoken(page, phone):
    page.keyboard.press("r")
    frame(page, 0).focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    expect(page.locator(".dino-spoken")).to_have_text(words_at(0, 4, 6))
    phone.get_by_role("button", name="Numbers").tap()
    frame(phone, 0).tap(position=place(phone, 0, 4, 6))
    expect(phone.locator(".dino-text")).to_have_text(words_at(0, 4, 6))
    expect_no_heat(phone)


def test_what_is_read_follows_the_threshold(page):
    page.locator("#view label").nth(1).click()
    expect(page.locator(".dino-text")).to_have_text("scores")
    page.keyboard.press("r")
    frame(page, 0).click(position=place(page, 0, 2, 6))
    expect(page.locator(".dino-text")).to_contain_text(
        "foreground score 0.67: object at a threshold of 0.50. 0 is ground."
    )
    page.locator(".dino-handle").focus()
    for _ in range(2):
        page.keyboard.press("PageUp")
    expect(page.locator(".dino-text")).to_contain_text("0.67: ground at a threshold of 0.70.")


def nearest_by_hand(picture: int, row: int, col: int, count: int) -> list[tuple[float, str]]:
    """Greedily, straight from the definition: the best patch that touches neither the question nor a better one."""
    query, taken, found = unit(picture, row, col), [(picture, row, col)], []
    ranked = [(value, one, *place) for one in range(3) for place, value in np.ndenumerate(cosines(query, one))]
    for value, one, r, c in sorted(ranked, reverse=True):
        if len(found) < count and all(one != p or max(abs(r - y), abs(c - x)) > 1 for p, y, x in taken):
            taken.append((one, r, c))
            found.append((value, NAMES[one]))
    return found


def test_the_most_similar_patches_are_cut_out_and_lead_to_their_place(page):
    strip = page.locator(".dino-nearest")
    expect(strip).to_be_hidden()
    frame(page, 0).click(position=place(page, 0, 4, 4))
    crops = strip.locator("button")
    expect(crops).to_have_count(8)
    expected = nearest_by_hand(0, 4, 4, 8)
    told = [float(text.replace("−", "-")) for text in strip.locator(".dino-crop-cosine").all_inner_texts()]
    assert told == sorted(told, reverse=True)
    assert told == pytest.approx([value for value, _ in expected], abs=0.03)
    assert (
        crops.first.locator("canvas").evaluate("node => node.getContext('2d').getImageData(10, 10, 1, 1).data[0]")
        == 200
    )
    crops.first.click()
    assert page.evaluate("document.activeElement.className").startswith("dino-frame")
    expect(page.locator(".dino-frame:visible .dino-cursor")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(strip).to_be_hidden()
