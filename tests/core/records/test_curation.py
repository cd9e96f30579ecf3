"""The folder of a curation as whoever looks at it finds it: pages, and sentences for what is none."""

from pathlib import Path

import pytest

from core import RequestError
from core.records.curation import DROPPED, PAGE, REPORT, Curation, Dropped, Kind, Step, open_curation, write_dropped

STEPS = [Step("Pool", 60, ""), Step("each picture once", 30, "− 30 near-duplicates")]
FEW, MANY = Kind("few", "few ones", "kept", 2, 2), Kind("many", "many ones", "kept", 90, PAGE + 1)


def named(count: int):
    return (Dropped(f"{n} <b>.png", b"picture", "other.png", None, n / 100) for n in range(count))


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "curation"
    write_dropped(folder, STEPS, [(FEW, named(99)), (MANY, named(99))])
    (folder / REPORT).write_text("<h1>Répört</h1>", encoding="utf-8")
    return folder


def test_what_was_written_is_read_page_by_page(root):
    curation = open_curation(root)
    assert (curation.root, list(curation.steps), curation.kinds) == (root, STEPS, (FEW, MANY))
    assert [one.name for one in curation.page("few", 0)] == ["0 <b>.png", "1 <b>.png"]
    assert [len(curation.page("many", number)) for number in (0, 1)] == [PAGE, 1]
    (last,) = curation.page("many", 1)
    assert last == Dropped(f"{PAGE} <b>.png", b"picture", "other.png", None, pytest.approx(0.24))
    assert curation.report() == "<h1>Répört</h1>"


@pytest.mark.parametrize(("kind", "number"), [("few", 1), ("many", 2), ("many", -1)])
def test_there_are_only_so_many_pages(root, kind, number):
    with pytest.raises(RequestError, match="no page"):
        open_curation(root).page(kind, number)


def test_an_unknown_kind_is_refused_by_name(root):
    with pytest.raises(RequestError, match=r"'nobody' is no kind .* few, many"):
        open_curation(root).page("nobody", 0)


def test_nothing_dropped_is_no_page(tmp_path):
    write_dropped(tmp_path, STEPS, [])
    assert open_curation(tmp_path) == Curation(tmp_path, tuple(STEPS), ())


def test_what_is_no_curation_is_told_so_with_the_remedy(root, tmp_path):
    for nowhere in (tmp_path / "nowhere", tmp_path / ("x" * 300), Path("\0")):
        with pytest.raises(RequestError, match="no folder here"):
            open_curation(nowhere)
    with pytest.raises(RequestError, match=f"has no {DROPPED}.*python -m train.curate report --out"):
        open_curation(tmp_path)
    (root / DROPPED).write_bytes((root / DROPPED).read_bytes()[:-30])
    with pytest.raises(RequestError, match=r"cannot be read .*python -m train.curate report --out"):
        open_curation(root)


def test_links_that_lead_out_of_the_folder_are_not_followed(root, tmp_path):
    secret = tmp_path / "secret.html"
    secret.write_text("secret")
    (root / REPORT).unlink()
    (root / REPORT).symlink_to(secret)
    with pytest.raises(RequestError, match="is a link to another folder"):
        open_curation(root).report()
    other = tmp_path / "other"
    other.mkdir()
    (other / DROPPED).symlink_to(root / DROPPED)
    with pytest.raises(RequestError, match="is a link to another folder"):
        open_curation(other)
