"""A real browser for tests: how it is started, a page that must stay clean, and what hands do on it."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Locator, Page

CHROMIUM = {
    "executable_path": "/usr/bin/chromium",
    "args": ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--use-fake-device-for-media-stream"],
}
DESKTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
PATIENCE_MS = 60_000
"""A loaded machine is slow, not wrong."""
SETTLED = "new Promise(done => requestIdleCallback(() => requestIdleCallback(() => setTimeout(done, 100))))"
"""A widget that has just appeared takes its first value up to 25 ms later, over what quick hands have typed by then."""


@contextmanager
def opened(browser: Browser, url: str, *, first: str = "", wanted: str = "", **options) -> Iterator[Page]:
    """A page of its own visitor; afterwards nothing was wrong, nobody else was asked, no name was taken for HTML.

    `first` is a script that runs before any of the page; a complaint of the browser with `wanted` in it is no fault.
    """
    context = browser.new_context(**DESKTOP | options)
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(first)
    page = context.new_page()
    home = "/".join(url.split("/")[:3])
    wrong = []

    def is_fault(told: str) -> bool:
        return not (wanted and wanted in told)

    page.on("console", lambda told: told.type == "error" and is_fault(told.text) and wrong.append(told.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: request.url.startswith((home, "data:", "blob:")) or wrong.append(request.url))
    try:
        page.goto(url)
        yield page
        if page.evaluate("window.hacked"):
            wrong.append("a name was taken for HTML")
        too_wide = page.evaluate("document.documentElement.scrollWidth") - page.viewport_size["width"]
        if too_wide > 0:
            wrong.append(f"the page is {too_wide} pixels wider than the window")
    finally:
        context.close()
    assert wrong == [], wrong


def open_fold(page: Page, identity: str) -> None:
    page.locator(f"#{identity} button").first.click()


def pick(page: Page, identity: str, option: str) -> None:
    """One option of a dropdown."""
    field = page.locator(f"#{identity} input")
    field.wait_for()
    page.evaluate(SETTLED)
    field.click()
    page.locator(f"#{identity}").get_by_role("option", name=option, exact=True).click()


def set_number(page: Page, identity: str, value: float) -> None:
    """A slider's value, by its number field."""
    fill(page.locator(f"#{identity} input[type=number]"), str(value))


def typed(page: Page, identity: str, words: str) -> None:
    """What a text field holds."""
    fill(page.locator(f"#{identity} textarea, #{identity} input").first, words)


def fill(field: Locator, words: str) -> None:
    field.wait_for()
    field.page.evaluate(SETTLED)
    field.fill(words)
    field.blur()
