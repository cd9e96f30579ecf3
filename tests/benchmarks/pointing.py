"""How long a browser takes to answer the pointer: `python -m tests.benchmarks.pointing` (needs Chromium, playwright).

A frame has 16.7 ms. Features of 64 numbers, as `core.analysis.compact` sends them.
"""

import shutil
import statistics

from playwright.sync_api import sync_playwright

from app.page import modules

TIMES = """async ({ pictures, side, following }) => {
    const { answers } = await import("page/similarity.js");
    const { paintHeat } = await import("page/layers.js");
    const { palettePixels } = await import("page/palettes.js");
    const { carriedPlaces } = await import("match/carry.js");
    const grids = new Map();
    for (let i = 0; i < pictures; i++) {
        const data = Int8Array.from({ length: side * side * 64 }, (_, k) => ((k * 2654435761) >>> 24) - 128);
        grids.set(`p${i}`, { rows: side, columns: side, data });
    }
    const features = { dims: 64, scales: new Float32Array(64).fill(1 / 600), grids };
    const colours = palettePixels("viridis");
    const pixels = new ImageData(side, side);
    return Array.from({ length: 40 }, (_, i) => {
        const asked = { picture: "p0", row: i % side, col: 3, sign: 1 };
        const start = performance.now();
        if (following) carriedPlaces(features, asked, 1);
        else for (const { values } of answers(features, [asked]).values()) paintHeat(pixels, values, { low: 0, high: 1 }, colours);
        return performance.now() - start;
    });
}"""
ASKED = (
    ("similarity in eight pictures of 37 × 37 patches", 8, 37, False),
    ("similarity in eight pictures of 74 × 74 patches", 8, 74, False),
    ("a point followed into six pictures of 37 × 37", 6, 37, True),
)


def main() -> None:
    """Print the median and the slowest of forty answers."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        print(f"{'':<50}{'median':>10}{'slowest':>10}")
        for told, pictures, side, following in ASKED:
            page = browser.new_page()
            page.set_content(modules.inlined("page/layers.js", "match/carry.js"))
            times = page.evaluate(TIMES, {"pictures": pictures, "side": side, "following": following})
            print(f"{told:<50}{statistics.median(times):>7.1f} ms{max(times):>7.1f} ms")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
