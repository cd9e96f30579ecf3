import base64
import io
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from app.map import handlers
from app.map.desk import UmapDesk
from app.map.handlers import PATCHES, TRAY, MapRoom, MapState
from app.map.payloads import about_points, colours_prop, places_prop
from app.map.points import Atlas
from app.server.built_in import GALLERY, PHOTOGRAPHS, built_in
from app.server.engine import Engine
from app.server.session import Tray
from app.server.shelf import Shelf
from app.server.turns import Stopped
from app.server.uploads import add_bytes
from core import RequestError
from core.collection.collection import Collection
from core.projection.components import project
from core.projection.umap import Progress, UmapSettings
from tests.app.map.made import made_atlas
from tests.app.small import SIZE, photograph


class Run:
    """UMAP that is there at once: the places mirrored."""

    def __init__(self, vectors, settings, cache, known):
        self.progress, self.done, self.result = Progress("done"), True, lambda: -project(vectors).coordinates


@pytest.fixture
def room(engine: Engine, tmp_path) -> MapRoom:
    return MapRoom(engine, UmapDesk(tmp_path / "maps", Run))


@pytest.fixture
def tray(engine: Engine) -> Tray:
    tray = Tray("ada")
    for seed in range(6):
        tray = add_bytes(engine.library, tray, photograph(seed), f"{seed}.png")
    return replace(tray, selected=tray.selected[:2])


def opened(room: MapRoom, source: str, tray: Tray) -> tuple[Atlas, list[str]]:
    model = room.engine.models.get("small")
    *sentences, atlas = room.open(source, tray, model, -1, SIZE, threading.Event())
    return atlas, sentences


def test_the_tray_is_mapped_whole_by_cls_features(room, tray):
    atlas, sentences = opened(room, TRAY, tray)
    assert list(atlas.names) == [f"{seed}.png" for seed in range(6)] and sentences
    model = room.engine.models.get("small")
    maps = room.engine.feature_maps(model, room.engine.items(tray, tray.pictures), -1, SIZE)
    assert np.array_equal(atlas.vectors, torch.stack([one.cls for one in maps]).numpy())
    assert opened(room, TRAY, tray)[1] == [], "nothing is waited for when all is known"
    assert opened(room, TRAY, tray)[0].token == atlas.token


def test_patches_carry_their_picture_as_label_and_a_piece_of_it_as_thumbnail(room, tray):
    atlas, _ = opened(room, PATCHES, tray)
    assert len(atlas) == 2 * 6 * 8 and atlas.names[9] == "0.png, row 2, column 2" and atlas.labels[95] == "1.png"
    assert atlas.thumbnail(9)[1] != atlas.thumbnail(60)[1]
    for cut in (atlas.thumbnail(0)[1], atlas.enlarged(0)[1]):
        with Image.open(io.BytesIO(cut)) as corner:
            assert np.asarray(corner)[:8, :8].mean() > 10, "nothing black beyond the picture's edge"
    with Image.open(io.BytesIO(atlas.enlarged(9)[1])) as large, Image.open(io.BytesIO(atlas.thumbnail(9)[1])) as small:
        assert min(large.size) > max(small.size)
    grown = room.into_tray(MapState(atlas.token), 95, replace(tray, selected=()))
    assert grown.selected == (tray.pictures[1].id,)


@pytest.fixture
def cats(room) -> tuple[str, Collection]:
    """A collection of three pictures, one of them removed."""
    key = room.engine.shelf.create("Cats", room.engine.models.get("small"), SIZE)
    collection = room.engine.shelf.open(key, room.engine.models.get("small"))
    collection.add([photograph(seed) for seed in (20, 21, 22)])
    collection.remove([collection.records()[1].id])
    return key, collection


def test_a_collection_is_mapped_without_what_was_removed(room, tray, cats):
    key, collection = cats
    assert room.sources()[-1] == ("Cats · 2", key) and room.sources()[-3:-1] == [(TRAY, TRAY), (PATCHES, PATCHES)]
    atlas, _ = opened(room, key, tray)
    records = collection.records()
    assert atlas.title == "Cats" and list(atlas.names) == [record.name for record in records]
    assert atlas.vectors.tolist() == collection.vectors("cls")[1].astype(np.float32).tolist()
    assert atlas.thumbnail(1) == ("image/webp", collection.thumbnail(records[1].id))
    assert list(atlas.dates) == [record.added for record in records]
    grown = room.into_tray(MapState(atlas.token), 1, tray)
    assert grown.pictures[-1].name == records[1].name and grown.pictures[-1].id in grown.selected


def test_what_ships_is_looked_at_once_for_a_model_and_says_whom_to_thank(engine, tray, tmp_path):
    real, world = built_in()
    few = [replace(one, pictures=one.pictures[:6]) for one in (real, world)]
    engine.shelf = Shelf(tmp_path / "collections", tmp_path / "cache", few)
    room = MapRoom(engine, UmapDesk(tmp_path / "maps", Run))
    assert [key for _, key in room.sources()] == [PHOTOGRAPHS, GALLERY, TRAY, PATCHES]
    atlas, sentences = opened(room, PHOTOGRAPHS, tray)
    assert len(atlas) == 6 and {*atlas.labels} == {real.pictures[0].label} and sentences
    assert atlas.picture(0)[1] == engine.shelf.original(PHOTOGRAPHS, atlas.names[0]).read_bytes()
    assert opened(room, PHOTOGRAPHS, tray)[0].token == atlas.token
    for arrived in (True, False):
        assert "CC BY 4.0" in handlers.caption(atlas, room.components(atlas), arrived, UmapSettings())
    assert opened(room, GALLERY, tray)[0].credit == ""


def test_what_is_not_there_is_refused_and_stopping_stops(room, tray):
    with pytest.raises(RequestError, match="no collection 'Dogs'"):
        opened(room, "Dogs", tray)
    with pytest.raises(RequestError, match="no longer kept"):
        room.atlas("elsewhere")
    signal = threading.Event()
    signal.set()
    with pytest.raises(Stopped):
        list(room.open(TRAY, tray, room.engine.models.get("small"), -1, SIZE, signal))


def test_components_are_shown_until_umap_has_arrived(room, tray):
    atlas, _ = opened(room, TRAY, tray)
    shown = MapState(atlas.token, room.ask(atlas, UmapSettings()))
    components = project(atlas.vectors).coordinates
    assert np.array_equal(room.places(shown), components)
    room.look(shown)
    assert np.array_equal(room.places(replace(shown, arrived=True)), -components)
    assert "UMAP of 6 points" in handlers.caption(atlas, room.components(atlas), True, UmapSettings())
    assert "of their variance" in handlers.caption(atlas, room.components(atlas), False, UmapSettings())


def test_too_few_points_ask_for_no_umap(room, tray, cats):
    atlas, _ = opened(room, cats[0], tray)
    assert room.ask(atlas, UmapSettings()) is None and room.look(MapState(atlas.token)) is None


def test_an_empty_tray_is_a_map_of_nothing(room):
    assert len(opened(room, TRAY, Tray("bob"))[0]) == 0 and len(opened(room, PATCHES, Tray("bob"))[0]) == 0


def test_only_who_knows_the_token_hears_of_points(room, tray):
    atlas, _ = opened(room, TRAY, tray)
    told = room.about({"token": atlas.token, "ids": [0, 5, 6, -1, "x"]})
    assert list(told) == ["0", "5"] and told["0"]["name"] == "0.png"
    assert told["0"]["uri"].startswith("data:image/jpeg;base64,")
    assert room.about({"token": "guessed", "ids": [0]}) == {} and room.about({}) == {}


def test_what_the_browser_gets_can_be_read_back():
    atlas = made_atlas(12)
    places = project(atlas.vectors).coordinates
    sent = places_prop(atlas.token, places, "so")
    assert np.array_equal(np.frombuffer(base64.b64decode(sent["data"]), "<f4").reshape(-1, 2), places)
    found = handlers.coloured(atlas, places, "label")
    colours = colours_prop(atlas, atlas.token, found)
    assert np.array_equal(np.frombuffer(base64.b64decode(colours["data"]), np.uint8), found.levels)
    assert len(colours["table"]) == 256 and colours["table"][0] == colours["legend"][0]["colour"] == "#e69f00"
    assert [entry["name"] for entry in colours["legend"]] == ["a", "b", "c"]
    assert len(about_points(atlas, range(500))) == 12
