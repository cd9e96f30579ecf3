"""Where patches are on the page of components, what is marked there, and what the cosines are by the definition."""

import json

import numpy as np
from playwright.sync_api import Page, expect

from tests.app.component_page import IMAGES, MAPS


def frame(page: Page, picture: int):
    return page.locator(".dino-picture").nth(picture).locator(".dino-frame").nth(1)


def place(page: Page, picture: int, row: int, col: int) -> dict:
    """Where a patch's middle is within its frame, by the geometry."""
    box = frame(page, picture).bounding_box()
    x, y = MAPS[picture].geometry.center(row, col)
    return {"x": x / IMAGES[picture].width * box["width"], "y": y / IMAGES[picture].height * box["height"]}


def ring(page: Page, picture: int) -> tuple[tuple[int, int], float]:
    """The patch under the ring, and the cosine beside it."""
    marked = frame(page, picture).locator(".dino-ring")
    box, around = marked.bounding_box(), frame(page, picture).bounding_box()
    x = (box["x"] + box["width"] / 2 - around["x"]) / around["width"] * IMAGES[picture].width
    y = (box["y"] + box["height"] / 2 - around["y"]) / around["height"] * IMAGES[picture].height
    return MAPS[picture].geometry.patch_at(x, y), float(marked.locator("span").inner_text().replace("−", "-"))


def cosines(query: np.ndarray, picture: int) -> np.ndarray:
    patches = MAPS[picture].patches.double().numpy()
    return patches @ query / np.linalg.norm(patches, axis=-1) / np.linalg.norm(query)


def unit(picture: int, row: int, col: int) -> np.ndarray:
    vector = MAPS[picture].patches[row, col].double().numpy()
    return vector / np.linalg.norm(vector)


def log(page: Page):
    return page.locator("#log textarea, #log input")


def expect_log(page: Page, data: object) -> None:
    expect(log(page)).to_have_value(json.dumps(data))


def expect_no_heat(page: Page) -> None:
    expect(page.locator(".dino-heat:not([hidden])")).to_have_count(0)
