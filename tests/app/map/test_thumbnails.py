"""How many points of a map become pictures: as many as there is room for."""

import pytest

from app.page.modules import sources
from tests.app.browsing import opened

pytestmark = pytest.mark.slow
MOST = """async ([text, sizes]) => {
    const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    const { createThumbnails } = await import(url);
    const thumbnails = createThumbnails(async () => ({}), () => {});
    return sizes.map(([width, height]) => thumbnails.mostFor({ width, height }));
}"""


def test_all_photographs_that_ship_are_pictures_at_once_on_a_screen_and_fewer_on_a_phone(browser):
    with opened(browser, "data:text/html,<body>") as page:
        screen, large, phone = page.evaluate(
            MOST, [sources()["map/thumbnails.js"], [[686, 500], [1170, 740], [340, 485]]]
        )
    assert 300 <= screen <= large <= 400 and phone < 200
