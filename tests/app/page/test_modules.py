"""The page's modules as they are served: by name, for good, and never another release's."""

import json
import re
from urllib.parse import unquote

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.page import modules


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=[modules.route()]))


def test_a_module_is_served_as_a_script_that_may_be_kept(client):
    answer = client.get(f"/{modules.address('explore/stage.js')}")
    assert answer.status_code == 200 and answer.text == modules.sources()["explore/stage.js"]
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "name", ["explore/tab.py", "explore/none.js", "page/page.css", "page/..%2f..%2fbuild.py", "page/%2e%2e/build.py"]
)
def test_nothing_else_is_served(client, name):
    assert client.get(f"/modules/{modules.version()}/{name}").status_code == 404


def test_another_release_gets_no_module_of_this_one(client):
    assert client.get("/modules/0123456789abcdef/explore/stage.js").status_code == 404


def test_imports_stay_within_the_release():
    """The way from one module to another is the same in the address as on the disk."""
    here = modules.address("explore/stage.js")
    assert modules.imports("explore/stage.js")[0] == "page/elements.js"
    assert modules.address("page/elements.js") == re.sub("explore/stage.js$", "page/elements.js", here)


def test_a_name_that_is_none_is_told():
    with pytest.raises(AssertionError, match=r"stga\.js is no module"):
        modules.address("explore/stga.js")


def test_preloaded_is_what_a_module_needs_each_once():
    found = re.findall(r'href="([^"]+)"', modules.preloads("page/tray.js", "page/page.js"))
    assert found == [
        modules.address(name) for name in ("page/tray.js", "page/page.js", "page/elements.js", "page/dropping.js")
    ]


def test_an_inlined_module_knows_its_imports_by_name():
    tag = modules.inlined("map/hand.js")
    assert tag.count("</") == 1
    told = json.loads(re.fullmatch(r'<script type="importmap">(.*)</script>', tag)[1])["imports"]
    assert set(told) == set(modules.reached("map/hand.js"))
    source = unquote(told["map/hand.js"].partition(",")[2])
    assert 'from "page/elements.js"' in source and 'from "map/drawing.js"' in source and '"./' not in source


def test_style_sheets_of_the_page_come_first():
    rooms = [path.parent.name for path in modules.styles()]
    assert rooms[: rooms.count("page")] == ["page"] * rooms.count("page") and len(set(rooms)) > 5
