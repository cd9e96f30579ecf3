"""What the fold "Curation run" is sent, and who may open folders there."""

import json

import pytest

from app.search.curation import curation_prop, opened, page_prop
from app.server.access import Access
from core import RequestError
from core.records.curation import Dropped, Kind, Step, write_dropped

KIND = Kind("near-duplicate", "near-duplicates", "kept instead", 40, 26)


@pytest.fixture
def root(tmp_path):
    images = [Dropped(f"{n}.png", b"abc", "kept.png", None, 0.5) for n in range(26)]
    return write_dropped(tmp_path / "out", [Step("Pool", 66, "")], [(KIND, images)]).parent


def test_the_browser_is_sent_counts_and_a_page(root):
    curation = opened(f"  {root} ")
    assert curation_prop(curation) == {
        "title": str(root),
        "steps": [["Pool", 66, ""]],
        "kinds": [
            {
                "key": "near-duplicate", "title": "near-duplicates", "other": "kept instead", "images": 40,
                "shown": 26, "pages": 2,
            }
        ],
    }  # fmt: skip
    page = page_prop(curation, "near-duplicate", 1)
    assert (page["first"], len(page["items"])) == (25, 2)
    assert page["items"][0] == {
        "name": "24.png", "uri": "data:image/webp;base64,YWJj", "because": "kept.png", "because_uri": "",
        "cosine": 0.5, "problem": None,
    }  # fmt: skip
    json.dumps(page, allow_nan=False)


@pytest.mark.parametrize("path", ["", "   ", None])
def test_an_empty_path_says_what_to_type(path):
    with pytest.raises(RequestError, match="Type the path of a curation"):
        opened(path)


def test_a_home_that_nobody_has_is_no_folder():
    with pytest.raises(RequestError, match="no folder here"):
        opened("~nobody-of-that-name/curation")


@pytest.mark.parametrize(
    ("access", "headers", "fine"),
    [
        (Access(loopback=True, password=False), {}, True),
        (Access(loopback=True, password=False), {"x-forwarded-for": "203.0.113.9"}, False),
        (Access(loopback=False, password=True), {}, True),
        (Access(loopback=False, password=False), {}, False),
    ],
)
def test_the_servers_disk_is_for_its_owner_and_those_with_the_password(access, headers, fine):
    if fine:
        access.check_looking(headers)
    else:
        with pytest.raises(RequestError, match="behind a password"):
            access.check_looking(headers)
