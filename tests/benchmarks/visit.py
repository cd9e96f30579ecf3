"""How long a visitor waits for each thing: `python -m tests.benchmarks.visit [FOLDER …]` (Chromium and playwright).

Each folder is a clone of the project (this one otherwise), so that versions are compared in one run: the app of each is
started as its users start it, on the shipped model, and driven in a browser and through its endpoints; the versions
take turns. Medians of `--rounds` visits; times are seconds, to what is seen rather than to what was sent.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gradio_client import Client, handle_file
from playwright.sync_api import Browser, Page, sync_playwright

from tests.app.browsing import CHROMIUM, DESKTOP, pick
from tests.benchmarks.cold_start import PAINTED, free_port

TABS = ("match", "search", "map", "emergence", "compare", "explore")
FULL = """(tab) => {
    const drawn = (canvas) => canvas.width && canvas.getContext("2d")
        .getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0);
    const seen = (one) => one.getClientRects().length > 0 && one.closest("[role=tabpanel], .tabitem");
    const full = (one) => one.tagName === "CANVAS" ? drawn(one) : one.complete && one.naturalWidth > 48;
    return document.querySelector(`#tab-${tab}-button[aria-selected=true]`) &&
        [...document.querySelectorAll("canvas, img")].some((one) => seen(one) && full(one));
}"""
HOVER = """() => new Promise((done) => {
    const frame = [...document.querySelectorAll("#stage .dino-frame")].filter((one) => one.clientWidth > 0).at(-1);
    const box = frame.getBoundingClientRect();
    const start = performance.now();
    const at = { bubbles: true, clientX: box.x + box.width * Math.random(), clientY: box.y + box.height * Math.random(),
        pointerType: "mouse" };
    frame.dispatchEvent(new PointerEvent("pointermove", at));
    requestAnimationFrame(() => setTimeout(() => done((performance.now() - start) / 1000)));
})"""
TIME_UMAP = """
import sys, time, numpy as np
from core.projection.umap import UmapSettings, start_umap
if __name__ == "__main__":
    random = np.random.default_rng(0)
    for seed, count in enumerate((64, *map(int, sys.argv[1:]))):
        centres = random.normal(size=(30, 192))
        vectors = centres[random.integers(30, size=count)] + random.normal(size=(count, 192)) * 0.5
        start = time.perf_counter()
        run = start_umap(vectors.astype(np.float32), UmapSettings(seed=seed))
        run.wait()
        run.result()
        print(count, time.perf_counter() - start, flush=True)
"""
UMAP_POINTS = (291, 10_000)
Times = dict[str, list[float]]


@contextmanager
def timed(times: Times, name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    times[name].append(time.perf_counter() - start)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of the folder's app, as on a machine where it never ran: nothing computed, no collections."""
    with tempfile.TemporaryDirectory() as fresh:
        words = [sys.executable, "-m", "app", "--port", str(free_port()), "--collections", fresh]
        process = subprocess.Popen(
            words,
            cwd=folder,
            env=os.environ | {"XDG_CACHE_HOME": fresh},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            yield next(line.split()[-1] for line in process.stdout if "http" in line)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def visit(browser: Browser, address: str, times: Times, size: int) -> None:
    """One visitor in the browser; `size` is a resolution that nobody has asked for."""
    page = browser.new_page(**DESKTOP)
    with timed(times, "first view"):
        page.goto(address, wait_until="commit")
        page.wait_for_function(PAINTED, timeout=60_000)
    page.wait_for_function("document.querySelector('#status')?.textContent.includes('last forward')", timeout=60_000)
    times["pointer"] += [page.evaluate(HOVER) for _ in range(20)]
    for tab in TABS:
        with timed(times, f"tab {tab}"):
            page.locator(f"#tab-{tab}-button").click()
            page.wait_for_function(FULL, arg=tab, timeout=60_000)
    with timed(times, "resolution"):
        typed = page.locator("#size input[type=number]")
        typed.fill(str(size))
        typed.press("Enter")
        typed.press("Tab")  # which earlier versions wait for
        holds(page, "#status", f"{size} px ·")
    page.locator("#model-chip").click()
    pick(page, "model-choice", "untrained")
    with timed(times, "another model"):
        page.locator("#model-load").click()
        holds(page, "#model-chip", "ntrained")
        holds(page, "#status", "last forward")
    page.keyboard.press("Escape")
    page.close()


def holds(page: Page, selector: str, words: str) -> None:
    told = "([selector, words]) => document.querySelector(selector)?.textContent.includes(words)"
    page.wait_for_function(told, arg=[selector, words], timeout=120_000)


def ask(address: str, times: Times, pictures: list[Path]) -> None:
    """One program at the endpoints."""
    client = Client(address, verbose=False)
    for picture in pictures[:5]:
        with timed(times, "search by a picture"):
            client.predict(collection="gallery", image=handle_file(picture), k=24, api_name="/search")


def add(address: str, times: Times, pictures: list[Path]) -> None:
    client = Client(address, verbose=False)
    files = [handle_file(picture) for picture in pictures]
    with timed(times, f"add {len(pictures)} to a collection"):
        client.predict(collection="Visit", images=files, tags="", size=224, api_name="/add_images")


def umap(folder: Path, times: Times) -> None:
    """Maps by the folder's core, one after the other in one process, after one that is not counted."""
    words = [sys.executable, "-c", TIME_UMAP, *map(str, UMAP_POINTS)]
    told = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout
    for line in told.splitlines()[1:]:
        count, seconds = line.split()
        times[f"UMAP of {int(count):,}"].append(float(seconds))


def made(folder: Path, count: int) -> list[Path]:
    """Rendered pictures, as many as asked for."""
    words = [sys.executable, "-m", "train.world", "--count", str(count), "--size", "128", "--out", str(folder)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return sorted((folder / "images").rglob("*.*"))[:count]


def main() -> None:
    """Print the table: a row for each wait, a column for each version."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="*", default=[Path.cwd()])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=300, help="added to a collection (300)")
    options = parser.parse_args()
    measured: dict[Path, Times] = {folder: defaultdict(list) for folder in options.folders}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        pictures = made(Path(folder) / "world", options.pictures)
        browser = playwright.chromium.launch(**CHROMIUM)
        for turn in range(options.rounds):
            for version, times in measured.items():
                with served(version) as address:
                    visit(browser, address, times, size=238 + 14 * turn)
                    ask(address, times, pictures)
                    add(address, times, pictures)
                umap(version, times)
        browser.close()
    print(f"{'':<30}" + "".join(f"{version.name:>14}" for version in measured))
    for name in next(iter(measured.values())):
        print(f"{name:<30}" + "".join(f"{statistics.median(times[name]):>12.3f} s" for times in measured.values()))


if __name__ == "__main__":
    main()
