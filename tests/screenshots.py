"""The pictures of the page in the README: `python -m tests.screenshots --out assets/screenshots`.

Starts the app as a newcomer does, drives it in Chromium, and keeps what each tab shows, small enough to ship.
"""

import argparse
import io
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

SIZE = {"width": 1280, "height": 860}
QUALITY = 82
PATIENCE_MS = 180_000
"""A first map waits for UMAP to be compiled."""


@contextmanager
def served(model: str) -> Iterator[str]:
    """The address of `python -m app`, its collections in a folder of their own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as collections:
        words = [sys.executable, "-m", "app", "--port", str(port), "--model", model, "--collections", collections]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            yield next(line.split()[-1] for line in process.stdout if "http" in line)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def explore(page: Page) -> None:
    """Colours of all pictures in one basis, with a question pinned to an eye."""
    expect(page.locator("#facts")).to_contain_text("Explained variance")
    page.wait_for_timeout(1500)


def match(page: Page) -> None:
    _open(page, "match")
    expect(page.locator("#match-stage svg line").first).to_be_attached()
    page.wait_for_timeout(1500)


def search(page: Page) -> None:
    """A petal of a sunflower asked, and found."""
    _open(page, "search")
    expect(page.locator("#search-results img").nth(7)).to_be_attached()
    page.get_by_role("button", name="One petal").click()
    expect(page.locator("#search-facts")).to_contain_text("most alike part")
    page.wait_for_timeout(2000)
    page.locator("#search-sides").evaluate("node => node.scrollIntoView()")


def atlas(page: Page) -> None:
    _open(page, "map")
    expect(page.locator(".dino-map-note")).to_contain_text("UMAP of")
    page.wait_for_timeout(2500)


def emergence(page: Page) -> None:
    _open(page, "emergence")
    expect(page.locator("#timeline canvas").first).to_be_attached()
    page.wait_for_timeout(2500)


def compare(page: Page) -> None:
    _open(page, "compare")
    page.wait_for_timeout(15_000)


def video(page: Page) -> None:
    _open(page, "video")
    page.wait_for_timeout(1500)


TABS: dict[str, Callable[[Page], None]] = {
    "explore": explore,
    "match": match,
    "search": search,
    "map": atlas,
    "emergence": emergence,
    "compare": compare,
    "video": video,
}


def _open(page: Page, address: str) -> None:
    page.locator(f"#tab-{address}-button, button[role=tab]", has_text=address.capitalize()).first.click()


def main(out: Path, model: str, tabs: list[str], width: int, dark: bool) -> None:
    """Write one WebP a tab."""
    out.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE_MS)
    with served(model) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport=SIZE | {"width": width}, color_scheme="dark" if dark else "light")
        page.goto(address)
        explore(page)
        for tab in tabs:
            TABS[tab](page)
            picture = Image.open(io.BytesIO(page.screenshot()))
            picture.convert("RGB").save(out / f"{tab}.webp", quality=QUALITY, method=6)
            print(out / f"{tab}.webp", flush=True)
        browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--tabs", nargs="+", choices=TABS, default=list(TABS))
    parser.add_argument("--width", type=int, default=SIZE["width"])
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    main(options.out, options.model, options.tabs, options.width, options.dark)
