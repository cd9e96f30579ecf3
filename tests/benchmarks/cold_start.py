"""How long a newcomer waits for the page: `python -m tests.benchmarks.cold_start` (needs Chromium and playwright).

From starting the process to its address, the page laid out, the photographs in it, and the first view painted.
"""

import shutil
import signal
import socket
import subprocess
import sys
import time

from playwright.sync_api import sync_playwright

RUNS = 3
PAINTED = """() => [...document.querySelectorAll("#stage canvas")].some((canvas) => canvas.width &&
    canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0))"""
MOMENTS = {
    "page": "() => document.querySelector('#stage')",
    "photographs": "() => document.querySelectorAll('#stage img').length > 0",
    "first view": PAINTED,
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(browser) -> dict[str, float]:
    """Seconds from the start of `python -m app` to each moment."""
    port = free_port()
    page, started = browser.new_page(viewport={"width": 1280, "height": 800}), time.perf_counter()
    words = [sys.executable, "-m", "app", "--port", str(port)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        address = next(line.split()[-1] for line in process.stdout if "http" in line)
        seen = {"address": time.perf_counter() - started}
        page.goto(address, wait_until="commit")
        for moment, condition in MOMENTS.items():
            page.wait_for_function(condition, timeout=60_000)
            seen[moment] = time.perf_counter() - started
    finally:
        page.close()
        process.send_signal(signal.SIGINT)
        process.wait()
    return seen


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        print("".join(f"{name:>14}" for name in ("address", *MOMENTS)))
        for _ in range(RUNS):
            print("".join(f"{seconds:>12.1f} s" for seconds in run(browser).values()), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
