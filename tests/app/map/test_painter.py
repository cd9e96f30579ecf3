"""What the map's painter without a graphics card leaves on its canvas, where points are many."""

import pytest

from app.page.modules import sources
from tests.app.browsing import opened

pytestmark = pytest.mark.slow
SIDE, COUNT = 20, 5000
PAINT = """async ([text, count, side, faint]) => {
    const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    const { createFlatPainter } = await import(url);
    const canvas = document.createElement("canvas");
    document.body.append(canvas);
    const painter = createFlatPainter(canvas);
    Object.assign(painter.canvas, { width: side, height: side });
    // all in the middle but three: one near the left edge, one over the right edge, one far outside
    const to = new Float32Array(2 * count);
    to.set([-8, 0, 10, 4, 1000, 0]);
    const levels = new Uint8Array(count).fill(1);
    levels[count - 1] = 2;
    const table = new Uint8Array(1024);
    table.set([255, 0, 0, 255], 4);
    table.set([0, 0, 255, faint], 8);
    painter.load(to, to, levels, table);
    painter.draw({ x: 0, y: 0, scale: 1, width: side, height: side, ratio: 1, share: 1, side: 3 });
    return [...painter.canvas.getContext("2d").getImageData(0, 0, side, side).data];
}"""


def painted(browser, faint: int) -> dict[tuple[int, int], list[int]]:
    """Colours by (row, column), of the pixels that are not empty."""
    with opened(browser, "data:text/html,<body>") as page:
        data = page.evaluate(PAINT, [sources()["map/painter.js"], COUNT, SIDE, faint])
    pixels = {(at // SIDE, at % SIDE): data[4 * at : 4 * at + 4] for at in range(SIDE * SIDE)}
    return {place: pixel for place, pixel in pixels.items() if pixel[3]}


def test_points_are_squares_where_they_belong_and_end_at_the_edge(browser):
    found = painted(browser, 255)
    rows = {row for row, _ in found}
    middle = {place for place in found if 7 < place[1] < 13}
    left = {place for place in found if place[1] <= 7}
    right = {place for place in found if place[1] >= 13}
    assert len(middle) == len(left) == 9 and 0 < len(right) < 9 and len(rows) < 9
    assert {column for _, column in right} <= {SIDE - 2, SIDE - 1}, "nothing comes in again at the other side"


@pytest.mark.parametrize(("faint", "colour"), [(26, [255, 0, 0, 255]), (255, [0, 0, 255, 255])])
def test_faint_points_lie_under_those_that_are_looked_at(browser, faint, colour):
    assert painted(browser, faint)[SIDE // 2, SIDE // 2] == colour
