"""What is chosen, filtered, tagged and clicked on a map of a collection, without a browser."""

import base64
import threading
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest

from app.map.choice import Choice
from app.map.desk import UmapDesk
from app.map.handlers import PATCHES, MapRoom, MapState
from app.map.neighbours import near_prop, nearest
from app.page.linked import Filtered, Sought
from app.page.told import Told
from app.server.session import Tray
from app.server.uploads import add_bytes
from core import RequestError
from core.collection.facets import Filter
from tests.app.map.made import made_atlas
from tests.app.small import SIZE, photograph

NOBODY = Tray("ada")
NOTHING: dict = {"tags": [], "labels": [], "folders": [], "days": []}


@pytest.fixture
def room(engine, tmp_path) -> MapRoom:
    return MapRoom(engine, UmapDesk(tmp_path / "maps"))


@pytest.fixture
def choice(engine, room) -> Choice:
    return Choice(SimpleNamespace(engine=engine), room, MagicMock(), MagicMock(), MagicMock())


@pytest.fixture
def key(engine) -> str:
    """Six pictures of which the second is removed: points 0 to 4, ids 1, 3, 4, 5, 6; the first two are tagged."""
    model = engine.models.get("small")
    key = engine.shelf.create("Six", model, SIZE)
    opened = engine.shelf.open(key, model)
    opened.add([photograph(number) for number in range(6)])
    opened.remove([2])
    opened.tag([1, 3], ["some"])
    return key


def opened(room: MapRoom, source: str, tray: Tray = NOBODY):
    *_, atlas = room.open(source, tray, room.engine.models.get("small"), -1, SIZE, threading.Event())
    return atlas


@pytest.fixture
def atlas(room, key):
    return opened(room, key)


def lit(update, prop: str = "lit") -> list[int]:
    """The points that an update of the map leaves, or has as chosen."""
    data = base64.b64decode(update.props[prop]["data"])
    return np.flatnonzero(np.unpackbits(np.frombuffer(data, np.uint8))).tolist()


def drawn(choice: Choice, atlas, ids: list[int]) -> MapState:
    return choice.chosen(MapState(atlas.token), Told({"token": atlas.token, "ids": ids}), **NOTHING)["shown"]


def test_the_filter_dims_what_it_leaves_out_and_is_told_to_search(choice, atlas, key):
    shown = MapState(atlas.token)
    some = NOTHING | {"tags": ["some"]}
    told = choice.filtered(shown, "Map", Filtered(), **some)
    assert lit(told["atlas"]) == [0, 1] and told["filtered"] == Filtered(key, Filter(tags=("some",)))
    assert told["filter_note"] == "2 of 5 pictures are left; the others are dimmed."
    cleared = choice.filtered(shown, "Map", told["filtered"], **NOTHING)
    assert cleared["atlas"].props["lit"] == {} and cleared["filtered"] == Filtered(key), "none is dimmed"
    assert choice.filtered(shown, "Map", told["filtered"], **some) is None, "it is shown already"
    assert choice.filtered(shown, "Search", Filtered(), **some) is None
    other = Filtered("another", Filter(tags=("x",)))
    assert choice.filtered(shown, "Map", other, **NOTHING)["filtered"] == other, "its filter is not forgotten"


def test_counts_follow_what_is_drawn_round(choice, atlas):
    told = choice.chosen(MapState(atlas.token), Told({"token": atlas.token, "ids": [1, 2, 99]}), **NOTHING)
    assert told["shown"].chosen == (1, 2) and told["tagging"]["visible"] and lit(told["atlas"], "chosen") == [1, 2]
    assert told["tags"]["choices"] == [("some · 1", "some")] and "2 chosen pictures" in told["filter_note"]
    cleared = choice.cleared(told["shown"], **NOTHING)
    assert cleared["atlas"].props["chosen"] == {} and cleared["shown"].chosen == ()
    assert cleared["tags"]["choices"] == [("some · 2", "some")]


def test_the_filter_of_search_is_taken_over_as_the_map_is_looked_at(choice, atlas, key):
    shown = MapState(atlas.token)
    told = choice.adopted(shown, "Map", Filtered(key, Filter(tags=("some", "gone"))), **NOTHING)
    assert told["tags"]["value"] == ["some"] and lit(told["atlas"]) == [0, 1]
    assert choice.adopted(shown, "Search", Filtered(key), **NOTHING) is None
    assert choice.adopted(MapState("lost"), "Map", Filtered(key), **NOTHING) is None
    other = choice.adopted(shown, "Map", Filtered("another", Filter(tags=("none",))), **NOTHING | {"tags": ["some"]})
    assert lit(other["atlas"]) == [0, 1], "another collection's filter changes nothing here"


def test_chosen_points_are_tagged_and_the_tags_undone(choice, engine, atlas, key):
    shown = drawn(choice, atlas, [1, 2])
    told = choice.tagged(False, shown, (), "new, some", **NOTHING)
    assert told["told"] == "2 pictures: with new, some." and told["back"]["visible"]
    assert dict(told["tags"]["choices"])["new · 2"] == "new", "the facets know them at once"
    assert engine.shelf.look(key).tags() == {"some": 3, "new": 2}
    told = choice.undone(shown, told["undo"], "", **NOTHING)
    assert not told["back"]["visible"] and engine.shelf.look(key).tags() == {"some": 2}
    with pytest.raises(RequestError, match="draw round them"):
        choice.tagged(False, MapState(atlas.token), (), "new", **NOTHING)


def test_points_that_are_no_pictures_of_a_collection_have_neither_filter_nor_tags(choice, engine, room):
    tray = add_bytes(engine.library, Tray("ada"), photograph(1), "one.png")
    patches = opened(room, PATCHES, tray)
    told = choice.chosen(MapState(patches.token), Told({"token": patches.token, "ids": [0]}), **NOTHING)
    assert not told["tagging"]["visible"] and not told["fold"]["visible"] and not told["tags"]["visible"]
    with pytest.raises(RequestError, match="pictures of a collection"):
        choice.tagged(False, told["shown"], (), "new", **NOTHING)


def test_a_clicked_point_comes_with_those_most_alike_to_the_model(choice, atlas):
    told = choice.near(MapState(atlas.token), 3, Told({"token": atlas.token, "id": 2}))["atlas"].props["near"]
    units = atlas.vectors / np.linalg.norm(atlas.vectors, axis=1, keepdims=True)
    cosines = units @ units[2]
    cosines[2] = -1
    best = np.argsort(-cosines)[:3]
    assert [item["id"] for item in told["items"]] == best.tolist() and told["id"] == 2
    assert [item["cosine"] for item in told["items"]] == pytest.approx(cosines[best].tolist(), abs=1e-4)
    assert choice.near(MapState("other"), 3, Told({"token": atlas.token, "id": 2})) is None
    assert choice.near_again(MapState(atlas.token), 3) is None, "nothing is clicked"


def test_nearest_leaves_the_point_itself_out_and_takes_equal_ones_in_order():
    rows, cosines = nearest(np.array([[1, 0], [2, 0], [0, 1], [3, 0]], np.float32), 1, 9)
    assert rows.tolist() == [0, 3, 2] and cosines.tolist() == [1, 1, 0]
    made = near_prop(made_atlas(9), 0, 2)
    assert {item["id"] % 3 for item in made["items"]} == {0}


def test_more_like_a_point_is_asked_of_search(choice, engine, room, atlas, key):
    told = choice.liked(MapState(atlas.token), Tray("ada"), Sought(), Told({"token": atlas.token, "id": 1}))
    assert told["sought"] == Sought(key, 3, number=1)
    tray = add_bytes(engine.library, Tray("ada"), photograph(1), "one.png")
    patches = opened(room, PATCHES, tray)
    told = choice.liked(MapState(patches.token), tray, told["sought"], Told({"token": patches.token, "id": 9}))
    geometry = 8, 6  # columns, rows
    assert told["sought"].picture == "p0" and told["sought"].number == 2
    assert told["sought"].point == pytest.approx((1.5 / geometry[0], 1.5 / geometry[1]), abs=0.02)
    assert told["tray"].selected == ("p0",)


def test_a_collection_of_the_same_pictures_has_points_of_its_own(engine, room, key, atlas, tmp_path):
    file = engine.shelf.look(key).export(tmp_path / "copy.zip")
    copy = opened(room, engine.shelf.bring_in(file))
    assert copy.title == atlas.title and np.array_equal(copy.vectors, atlas.vectors) and copy.token != atlas.token
