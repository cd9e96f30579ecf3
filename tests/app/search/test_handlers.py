"""What is asked on the Search tab and what comes of it, without a browser."""

import csv
import io
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from app.map.points import of_collection
from app.search import examples, files, handlers, payloads
from app.search.endpoints import SearchApi
from app.search.events import SearchEvents, facet_choices
from app.search.handlers import Listing, SearchSettings
from app.search.question import QueryPart
from app.search.summaries import summary
from app.server.built_in import GALLERY, KEYS, PHOTOGRAPHS, BuiltIn
from app.server.session import Tray
from app.server.shelf import Shelf
from app.server.uploads import add_bytes
from core import RequestError
from core.collection.collection import Added, Collection
from core.collection.facets import Filter
from core.collection.incoming import Incoming
from core.errors import CollectionError
from tests.app.small import photograph

HOSTILE = ["=cmd|' /C calc'!A0.png", "<img src=x onerror=alert(1)>.png", "猫.png", " =1+1.png"]


@pytest.fixture
def model(engine):
    return engine.models.get("small")


@pytest.fixture
def key(engine, model, tmp_path):
    """A collection of four pictures with names that want to be something else."""
    for number, name in enumerate(HOSTILE):
        (tmp_path / name.replace("/", "_")).write_bytes(photograph(number, 160 + 8 * number))
    key = engine.shelf.create("Птицы / birds", model, 112)
    engine.shelf.open(key, model).add([str(path) for path in sorted(tmp_path.glob("*.png"))], tags=["=tag"])
    return key


@pytest.fixture
def tray(engine):
    tray = add_bytes(engine.library, Tray("ada"), photograph(1, 168), "one.png")
    return add_bytes(engine.library, tray, photograph(2, 176), "two.png")


def find(engine, key, model, tray, asked, **settings):
    collection = engine.shelf.open(key, model)
    return collection, handlers.search(engine, collection, tray, asked, SearchSettings(key, **settings))


@pytest.mark.parametrize("mode", ["cls", "mean"])
def test_a_picture_of_the_tray_finds_itself(engine, key, model, tray, mode):
    _, found = find(engine, key, model, tray, (QueryPart("p1"),), mode=mode)
    assert found.hits[0].record.width == 176
    assert found.hits[0].score == pytest.approx(1, abs=2e-3)
    assert found.facts.startswith("4 pictures, best first.")
    assert "Exact" in found.facts


def test_parts_are_asked_in_shares_of_the_picture(engine, key, model, tray):
    collection, found = find(engine, key, model, tray, (QueryPart("p0", point=(0.5, 0.5)),), mode="region")
    expected = collection.search(photograph(1, 168), 4, point=(84, 60))
    assert [(hit.id, hit.place.box) for hit in found.hits] == [(hit.id, hit.place.box) for hit in expected]


def test_for_and_against(engine, key, model, tray):
    _, liked = find(engine, key, model, tray, (QueryPart("p0"), QueryPart("p1")))
    _, disliked = find(engine, key, model, tray, (QueryPart("p0"), QueryPart("p1", against=True)))
    assert {hit.record.width for hit in liked.hits[:2]} == {168, 176}
    assert disliked.hits[0].record.width == 168
    scores = [next(hit.score for hit in one.hits if hit.record.width == 176) for one in (liked, disliked)]
    assert scores[1] < scores[0]
    with pytest.raises(RequestError, match="only where they are like another"):
        find(engine, key, model, tray, (QueryPart("p0", against=True),))


def test_widgets_are_not_trusted():
    values = {"collection": "", "mode": "cls", "order": "added", "k": 3}
    assert handlers.settings_of(values | {"tags": ["a"], "days": None}).only == Filter(tags=("a",))
    for wrong, words in (
        ({"mode": "x"}, "choose from"),
        ({"order": "x"}, "choose from"),
        ({"k": 10**6}, "choose 1 to"),
    ):
        with pytest.raises(RequestError, match=words):
            handlers.settings_of(values | wrong)


@pytest.mark.parametrize("key", ["../../etc", "gallery", "", "a-00000000", ".hidden", "x/../y"])
def test_no_key_leads_out_of_the_folder(engine, key):
    with pytest.raises(RequestError):
        engine.shelf.look(key)
    with pytest.raises(RequestError):
        engine.shelf.remove(key)


def test_collections_are_listed_renamed_moved_and_removed(engine, key, model, tmp_path):
    engine.shelf.look(key).rename("Vögel")
    assert [(one.title, one.pictures) for one in engine.shelf.listed() if one.key == key] == [("Vögel", 4)]
    path = engine.shelf.look(key).export(tmp_path / "export.zip")
    other = engine.shelf.bring_in(path)
    assert len(engine.shelf.open(other, model)) == 4
    engine.shelf.remove(key)
    assert [one.key for one in engine.shelf.listed() if one.key not in KEYS] == [other]
    with pytest.raises(RequestError, match="There is no collection"):
        engine.shelf.look(key)
    with pytest.raises(CollectionError, match="Choose that model"):
        engine.shelf.open(other, engine.models.get("another"))


def test_what_ships_is_encoded_once_for_each_model(tmp_path, model):
    pictures = []
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(photograph(number))
        pictures.append(Incoming(f"cat/{number}.png", tmp_path / f"{number}.png", ("sketch",)))
    shipped = [BuiltIn(GALLERY, "World", pictures, "By nobody.")]
    shelf = Shelf(tmp_path / "collections", tmp_path / "cache", shipped)
    assert not shelf.is_filled(GALLERY, model)
    told_of = []
    filled = shelf.fill(GALLERY, model, lambda *counts: told_of.append(counts), lambda: False)
    assert told_of[-1] == (3, 3) and shelf.is_filled(GALLERY, model)
    assert filled.tags() == {"sketch": 3} and {record.label for record in filled.records()} == {"cat"}
    assert shelf.original(GALLERY, "cat/1.png") == tmp_path / "1.png" and shelf.original(GALLERY, "1.png") is None
    assert (shelf.credit(GALLERY), shelf.credit("mine")) == ("By nobody.", "")
    again = Shelf(tmp_path / "collections", tmp_path / "cache", shipped)
    again.fill(GALLERY, model, lambda *counts: pytest.fail("encoded twice"), lambda: False)
    assert [one.key for one in again.listed()] == [GALLERY]
    with pytest.raises(RequestError, match="World comes with the app and cannot be changed"):
        again.look(GALLERY)


def test_where_nothing_ships_the_list_is_empty_and_keys_of_what_could_are_refused(tmp_path, model):
    shelf = Shelf(tmp_path / "collections", tmp_path / "cache", shipped=())
    assert shelf.listed() == [] and examples.offered(shelf) == []
    Collection(shelf.root / PHOTOGRAPHS, model.model)
    for key in KEYS:
        with pytest.raises(RequestError, match="There is no collection"):
            shelf.open(key, model)


def test_a_part_of_a_picture_of_the_collection_is_asked_like_the_same_part_of_its_file(engine, key, model, tray):
    collection = engine.shelf.open(key, model)
    record = next(one for one in collection.records() if one.width == 168)  # the tray's first picture is the same
    for part in ({"point": (0.7, 0.3)}, {"box": (0.2, 0.2, 0.7, 0.8)}):
        asked, same = (QueryPart(record=record.id, collection=key, **part),), (QueryPart("p0", **part),)
        (_, kept), (_, file) = (find(engine, key, model, tray, one, mode="region") for one in (asked, same))
        assert [(hit.id, hit.place.box) for hit in kept.hits] == [(hit.id, hit.place.box) for hit in file.hits]
        assert [hit.score for hit in kept.hits] == pytest.approx([hit.score for hit in file.hits], abs=0.01)
    prop = payloads.query_prop(engine, collection, tray, asked)
    assert [(one["picture"], one["record"]) for one in prop["pictures"]] == [
        ("", record.id),
        ("p0", None),
        ("p1", None),
    ]
    assert prop["pictures"][0]["uri"].startswith("data:image/webp") and prop["asked"][0]["record"] == record.id


def test_a_table_that_no_spreadsheet_computes(engine, key, model, tray):
    _, found = find(engine, key, model, tray, (QueryPart("p0"),))
    data = files.table(found.hits)
    assert data.startswith("\ufeff".encode())
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4"]
    assert not any(value.startswith(("=", "+", "@")) for row in rows for value in row.values())
    assert {row["name"] for row in rows} >= {"'=cmd|' _C calc'!A0.png", "猫.png", "' =1+1.png"}
    assert float(rows[0]["score"]) == pytest.approx(1, abs=2e-3)


def test_a_contact_sheet_is_lit_where_it_matches(engine, key, model, tray):
    collection, found = find(engine, key, model, tray, (QueryPart("p0", point=(0.5, 0.5)),), mode="region")
    sheet = files.contact_sheet(collection, found.hits, columns=3)
    assert sheet.size == (3 * 212 + 12, 2 * 246 + files.LINE + 12)  # the tag in HOSTILE takes two lines
    long = replace(found.hits[0], record=replace(found.hits[0].record, name="folder/" * 20))
    assert files.contact_sheet(collection, [long]).height > files.contact_sheet(collection, found.hits[:1]).height
    lit = np.asarray(files.lit(collection, found.hits[0]))
    left, top, right, _ = (round(edge) for edge in found.hits[0].place.box)
    assert (lit[top, left:right] == 255).all(), "a white frame around the best cell"


def test_what_is_sent_holds_every_place(engine, key, model, tray):
    collection, found = find(engine, key, model, tray, (QueryPart("p0"),))
    (group,) = payloads.results_prop(collection, found)["groups"]
    first = group["items"][0]
    assert first["uri"].startswith("data:image/webp;base64,UklGR")
    assert (first["rows"], first["columns"]) == found.hits[0].place.heat.shape
    assert 0 <= min(first["box"]) <= max(first["box"]) <= 1
    everything = handlers.browse(collection, SearchSettings(key))
    rows = list(csv.DictReader(io.StringIO(files.table(everything.hits).decode("utf-8-sig"))))
    assert len(rows) == 4 and rows[0]["score"] == "" and files.contact_sheet(collection, everything.hits).width > 200
    browsing = payloads.results_prop(collection, everything)
    assert "heat" not in browsing["groups"][0]["items"][0]


def test_every_page_of_a_listing_is_reached_and_filters_hold_on_each(engine, key, model, tray):
    collection = engine.shelf.open(key, model)
    ids = [record.id for record in collection.records()]
    collection.tag(ids[1:], ["a"])
    collection.tag(ids[2:], ["b"])

    def listed(asked, page=0, **settings):
        return handlers.listed(engine, collection, tray, asked, SearchSettings(key, **settings), Listing(page=page))

    for asked in ((), (QueryPart("p0"),), (QueryPart(record=ids[0], collection=key),)):
        pages = [listed(asked, page, k=3) for page in (0, 1, 7)]
        assert sorted(one.id for page in pages[:2] for one in page.hits) == ids
        assert pages[1].hits == pages[2].hits or asked, "beyond the last page is the last"
        assert (pages[1].page, pages[2].page, pages[1].pages, pages[1].first) == (1, 1, 2, 4)
        assert pages[1].facts.startswith("4 of 4 pictures")
        both = listed(asked, tags=("a", "b"))
        assert {one.id for one in both.hits} == set(ids[2:]), "all of the tags, not the first"
        assert both.facts.startswith("2 pictures tagged a and b (4 in all)")
    assert [one.id for one in listed((), order="newest").hits] == ids[::-1]
    assert listed((QueryPart(record=ids[0], collection=key),)).hits[0].id == ids[0]
    alone = listed((QueryPart("p0", against=True),))
    assert "ask with one that they shall be like" in alone.facts and len(alone.hits) == 4
    assert listed((), tags=("=tag",), days=("1999-01-01",)).facts.startswith("0 pictures tagged =tag, added on 1999")


def test_filters_offer_what_is_there_with_counts_and_forget_what_is_not(engine, key, model):
    collection = engine.shelf.open(key, model)
    collection.tag([collection.records()[0].id], ["a"])
    kept, updates = facet_choices(collection, SearchSettings(key, tags=("a", "gone")))
    assert kept.tags == ("a",) and updates["tags"]["value"] == ["a"]
    assert updates["tags"]["choices"] == [("a · 1", "a"), ("=tag · 1", "=tag")]
    assert "value" not in updates["days"] and not updates["labels"]["visible"]


def test_a_diverse_subset_has_one_of_everything(engine, key, model, tray):
    collection = engine.shelf.open(key, model)
    found = handlers.listed(engine, collection, tray, (), SearchSettings(key), Listing("diverse", 2))
    assert len(found.hits) == 2 and "2 pictures of 4 that differ most" in found.facts
    with pytest.raises(RequestError, match="choose 2 to"):
        handlers.diverse(collection, SearchSettings(key), 1)


def test_groups_and_tags(engine, key, model):
    collection = engine.shelf.open(key, model)
    same = handlers.near_duplicates(engine, collection, SearchSettings(key), 0.7)
    assert same.facts.split()[0] == str(len(same.groups)) and all(group.spare for group in same.groups)
    collection.tag([same.hits[0].id], ["left"])
    assert handlers.near_duplicates(engine, collection, SearchSettings(key, tags=("left",)), 0.7).groups == ()


def test_what_an_addition_told_is_plain_text():
    text = summary(Added(ids=[1], known=2, refused=[f"<b>{number}</b>" for number in range(30)], cancelled=True))
    assert "1 picture added; 2 were there already; cancelled" in text
    assert "<b>" not in text
    assert "and 10 more" in text


def test_programs_fill_and_ask(engine, tmp_path, model):
    api = SearchApi(engine)
    path = tmp_path / "pictures.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(3):
            archive.writestr(f"../{number}.png", photograph(number))
        archive.writestr("broken.jpg", b"nothing")
    answer = api.add_images("Mine", [str(path)], tags="a, b", size=112)
    assert (len(answer["added"]), answer["pictures"], answer["title"]) == (3, 3, "Mine")
    assert "broken.jpg" in answer["refused"][0]
    assert api.add_images("Mine", [str(path)])["known"] == 3
    (tmp_path / "ask.png").write_bytes(photograph(1))
    sheet, numbers = api.search("Mine", str(tmp_path / "ask.png"), k=2, tags="a", point="80, 60", mode="region")
    assert sheet.width > 200
    assert numbers["results"][0]["name"] == "1.png"
    assert numbers["results"][0]["tags"] == ["a", "b"]
    for wrong, words in (({"collection": "none"}, "There is no"), ({"box": "1,2"}, "give 4"), ({"k": 0}, "1 to 200")):
        with pytest.raises(RequestError, match=words):
            api.search(**({"collection": "Mine", "image": str(tmp_path / "ask.png")} | wrong))


def test_damage_is_said_above_the_results_and_all_else_is_shown(engine, key, model, tray):
    events = SearchEvents(SimpleNamespace(engine=engine), None, None)
    folder = engine.shelf.root / key / "vectors" / "000001"
    for name in ("thumbnails.webp", "cls.f16"):
        data = bytearray((folder / name).read_bytes())
        data[30] ^= 255
        (folder / name).write_bytes(data)
    collection, found = find(engine, key, model, tray, (QueryPart("p1"),))
    assert [hit.id for hit in found.hits if hit.id == 1] == [] and len(found.hits) == 3
    assert "1 picture of the collection" in events.shown(collection, found)["facts"]

    engine.shelf = Shelf(engine.shelf.root, engine.shelf.cache, shipped=())
    collection = engine.shelf.open(key, model)
    shown = events.shown(collection, handlers.browse(collection, SearchSettings(key)))
    assert "cannot be read any more" in shown["facts"]
    items = shown["results"].props["results"]["groups"][0]["items"]
    assert [bool(item["uri"]) for item in items] == [False, True, True, True]

    atlas = of_collection(key, Shelf(engine.shelf.root, engine.shelf.cache, shipped=()).open(key, model))
    assert len(atlas) == 3, "a map has whole vectors only"


def test_a_map_shows_a_grey_square_for_a_damaged_thumbnail(engine, key, model):
    path = engine.shelf.root / key / "vectors" / "000001" / "thumbnails.webp"
    path.write_bytes(path.read_bytes()[:30] + b"?" + path.read_bytes()[31:])
    atlas = of_collection(key, engine.shelf.open(key, model))
    assert len(atlas) == 4
    assert [Image.open(io.BytesIO(atlas.thumbnail(point)[1])).size == (16, 16) for point in range(4)] == [
        True,
        *[False] * 3,
    ]
    assert Image.open(io.BytesIO(atlas.picture(0)[1])).size == (16, 16)
