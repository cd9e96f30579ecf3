"""What other tabs ask of Search, and the filter that it shares with them."""

from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from app.page.linked import Filtered, Sought
from app.search import linking
from app.search.linking import Linking
from app.search.question import QueryPart
from core.collection.facets import Filter
from tests.app.small import SIZE, photograph

NOTHING: dict = {"tags": [], "labels": [], "folders": [], "days": []}


@pytest.fixture
def key(engine) -> str:
    model = engine.models.get("small")
    key = engine.shelf.create("Three", model, SIZE)
    opened = engine.shelf.open(key, model)
    opened.add([photograph(number) for number in range(3)])
    opened.tag([1, 2], ["some"])
    return key


@pytest.fixture
def linked(engine) -> Linking:
    return Linking(SimpleNamespace(engine=engine), MagicMock(), MagicMock(), MagicMock())


def test_a_picture_of_the_map_becomes_the_question_in_its_collection(linked, key):
    told = linked.asked(Sought(key, 2), "region", "another")
    assert told["asked"] == (QueryPart(record=2, collection=key),)
    assert told["collection"]["value"] == key and told["mode"] == "cls"
    part = linked.asked(Sought(picture="p1", point=(0.5, 0.25)), "cls", key)
    assert part["asked"] == (QueryPart("p1", point=(0.5, 0.25)),)
    assert part["collection"]["value"] == key and part["mode"] == "region"
    assert linked.asked(Sought(), "cls", key) is None


def test_the_filter_of_the_map_is_taken_over_as_search_is_looked_at(linked, key):
    chosen = Filtered(key, Filter(tags=("some", "gone")))
    asked = {"filtered": chosen, "model": "small", "collection": key, **NOTHING}
    told = linked.adopted(visible="Search", **asked)
    assert told["tags"]["value"] == ["some"] and told["tags"]["choices"] == [("some · 2", "some")]
    assert linked.adopted(visible="Map", **asked) is None
    assert linked.adopted(visible="Search", **asked | {"filtered": Filtered("another", chosen.only)}) is None
    some = {"model": "small", "collection": key, **NOTHING, "tags": ["some"]}
    kept = linking.filtered("Search", Filtered(), **some)["filtered"]
    assert kept == Filtered(key, Filter(tags=("some",)))
    assert linking.filtered("Search", kept, **some) is None and linking.filtered("Map", Filtered(), **some) is None
    assert linked.adopted(visible="Search", **asked | {"filtered": kept, "tags": ["some"]}) is None, "nothing is new"
