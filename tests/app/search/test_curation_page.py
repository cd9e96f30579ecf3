"""The fold "Curation run" in a real browser: opened, browsed, its report read; and what it says to rubbish."""

import io
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from core.records.curation import REPORT, Dropped, Kind, Step, write_dropped
from tests.app.browsing import open_fold, opened, typed
from tests.app.small import photograph

pytestmark = pytest.mark.slow
EVIL = '<img src=x onerror="window.hacked=1">.png'
SCRIPT = (
    "<!doctype html><html><head></head><body><h1>What was kept</h1><a href='#end'>the end</a>"
    "<script>parent.hacked = 1</script><h2 id=end style='margin-top: 3000px'>The end</h2>"
)


@pytest.fixture
def page(browser, served) -> Iterator[Page]:
    """The page on its Search tab with the fold open."""
    # that the report's script is kept from running is what the browser complains of
    with opened(browser, served[0], wanted="sandboxed") as page:
        page.get_by_role("tab", name="Search").click()
        open_fold(page, "search-curations")
        yield page


@pytest.fixture
def curation(tmp_path):
    """Thirty near-duplicates beside what was kept, an image that could not be read, and a report with a script."""
    stream = io.BytesIO()
    Image.open(io.BytesIO(photograph())).save(stream, "WEBP")
    picture = stream.getvalue()
    copies = [Dropped(f"a/{EVIL}" if n == 0 else f"{n}.png", picture, "kept.png", picture, n / 40) for n in range(30)]
    kinds = [
        (Kind("near-duplicate", "near-duplicates", "kept instead", 1234, 30), copies),
        (Kind("unreadable", "cannot be read", "", 1, 1), [Dropped("broken.jpg", problem="It is no picture.")]),
    ]
    folder = tmp_path / "curation"
    write_dropped(folder, [Step("Pool", 2000, ""), Step("each picture once", 766, f"− 1,234 {EVIL}")], kinds)
    (folder / REPORT).write_text(SCRIPT, encoding="utf-8")
    return folder


def open_folder(page: Page, path: object) -> None:
    typed(page, "search-curation-path", str(path))
    page.locator("#search-curation-open").click()


def test_a_curation_is_opened_browsed_and_its_report_read(page, curation):
    fold = page.locator("#search-curation")
    open_folder(page, curation)
    expect(fold.locator("table tr")).to_have_count(3)
    expect(fold.locator("table")).to_contain_text(EVIL)
    expect(fold.locator("td").nth(1)).to_have_css("text-align", "right")
    expect(fold.locator("[role=status]")).to_have_text("near-duplicates: 1 to 24 of 30, taken evenly from 1,234.")
    pairs = fold.locator("li")
    expect(pairs).to_have_count(24)
    expect(pairs.first).to_contain_text("cosine 0.000")
    expect(pairs.first.locator("figure").first).to_have_attribute("title", f"a/{EVIL}")
    widths = "images => Promise.all(images.map((one) => one.decode().then(() => one.naturalWidth)))"
    assert pairs.first.locator("img").evaluate_all(widths) == [160, 160]

    fold.get_by_role("button", name="Next").click()
    expect(pairs).to_have_count(6)
    expect(pairs.last).to_contain_text("cosine 0.725")
    expect(fold.get_by_role("button", name="Next")).to_be_disabled()
    fold.get_by_role("button", name="cannot be read").click()
    expect(pairs).to_have_count(1)
    expect(pairs).to_contain_text("It is no picture.")

    for _ in range(2):  # the second time nothing new is sent
        fold.get_by_role("button", name="Open the report").click()
        report = page.frame_locator("dialog iframe")
        expect(report.locator("h1")).to_have_text("What was kept")
        report.get_by_role("link").click()
        expect(report.locator("h2")).to_be_in_viewport()
        page.get_by_role("button", name="Close").click()
        expect(page.locator("dialog[open]")).to_have_count(0)


def test_what_is_no_curation_is_told_so(page, curation, tmp_path):
    for path, said in (
        (tmp_path / "nowhere", "is no folder here"),
        ("", "Type the path of a curation"),
        (tmp_path, "needs python -m train.curate report --out"),
    ):
        open_folder(page, path)
        expect(page.locator(".toast-body").last).to_contain_text(said)
    (curation / REPORT).unlink()
    (curation / REPORT).symlink_to("/etc/hostname")
    open_folder(page, curation)
    page.locator("#search-curation").get_by_role("button", name="Open the report").click()
    expect(page.locator(".toast-body").last).to_contain_text("is a link to another folder")
    expect(page.locator("dialog[open]")).to_have_count(0)
