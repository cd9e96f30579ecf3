"""The components alone on a page, with a mouse and with a finger; whoever tests the whole app has pages of their own."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.app.browsing import PHONE, opened
from tests.app.component_page import build_page, launched


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with launched(build_page()) as address:
        yield address


@pytest.fixture
def page(browser, address) -> Iterator[Page]:
    """The page with its three pictures."""
    with opened(browser, address) as page:
        expect(page.locator(".dino-picture")).to_have_count(3)
        yield page


@pytest.fixture
def phone(browser, address) -> Iterator[Page]:
    with opened(browser, address, **PHONE) as page:
        expect(page.locator(".dino-picture")).to_have_count(3)
        yield page
