"""A collection of real files: what is asked with a picture, a box or a part is found, with the place where it is."""

import io
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import core
from core.analysis.similarity import query_vector, similarity_map
from core.collection import collection as retrieval
from core.collection.collection import Collection, Example
from core.collection.facets import Filter
from core.errors import CollectionError, ImageError, RequestError
from tests.app.small import photograph, small_model

SIZE = 112


@pytest.fixture(scope="module")
def model():
    return small_model("small")


@pytest.fixture
def photos(tmp_path):
    """Ten pictures in two folders, one of them twice, and something that is no picture."""
    for number in range(10):
        folder = tmp_path / "photos" / ("cats" if number < 5 else "dogs")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(photograph(number, 160 + 4 * number, 120))
    (tmp_path / "photos" / "again.png").write_bytes(photograph(3, 172, 120))
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    return tmp_path / "photos"


@pytest.fixture
def collection(tmp_path, model, photos):
    made = Collection(tmp_path / "collection", model, size=SIZE)
    made.add(photos, tags=["first"])
    return made


def test_adding_counts_what_is_known_and_lists_what_cannot_be_read(tmp_path, model, photos):
    made = Collection(tmp_path / "collection", model, title="Животные", size=SIZE)
    told = []
    added = made.add([photos, photograph(77)], progress=lambda *counts: told.append(counts))
    assert (len(added.ids), added.known, len(made)) == (11, 1, 11)
    assert "broken.jpg" in added.refused[0]
    assert told[-1] == (13, 13)
    assert [record.label for record in made.records()].count("dogs") == 5
    again = made.add(photos)
    assert (again.ids, again.known) == ([], 11)
    assert Collection(made.folder).title == "Животные"
    assert Image.open(io.BytesIO(made.thumbnail(added.ids[0]))).format == "WEBP"


@pytest.mark.parametrize("mode", ["cls", "mean", "region"])
def test_a_picture_finds_itself_first(collection, photos, mode):
    path = photos / "dogs" / "7.png"
    box = (0, 0, 188, 120) if mode == "region" else None
    hits = collection.search(path, 5, mode=mode, box=box)
    assert len(hits) == 5
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    if mode != "region":
        assert (hits[0].name, round(hits[0].score, 2)) == ("dogs/7.png", 1.0)


def test_a_clicked_part_is_found_at_its_place(collection, photos, model):
    path = photos / "cats" / "2.png"
    hit = collection.search(path, 1, point=(84, 60))[0]
    assert hit.name == "cats/2.png"
    feature_map = core.extract(model, core.load_image(path), SIZE)
    row, column = feature_map.geometry.patch_at(84, 60)
    assert hit.place.box == pytest.approx(feature_map.geometry.box(row, column))
    expected = similarity_map(feature_map, query_vector(feature_map, point=(84, 60)))
    np.testing.assert_allclose(hit.place.heat, expected, atol=0.02)
    assert hit.score == pytest.approx(min(1.0, float(hit.place.heat.max())), abs=1e-5)


def test_scores_are_the_cosines_of_what_the_model_says(collection, photos, model):
    maps = {path.name: core.extract(model, core.load_image(path), SIZE) for path in photos.rglob("[0-9].png")}
    asked = maps["4.png"].cls
    for hit in collection.search(asked, 10):
        expected = torch.cosine_similarity(asked, maps[hit.name.split("/")[1]].cls, dim=0)
        assert hit.score == pytest.approx(float(expected), abs=2e-3)


def test_a_box_asks_by_its_own_cls_or_its_patches(collection, photos, model):
    image = core.load_image(photos / "cats" / "1.png")
    crop = core.extract(model, image.crop((40, 20, 120, 100)), SIZE)
    by_cls = collection.query(image, "cls", box=(40, 20, 120, 100))
    torch.testing.assert_close(by_cls.vector, torch.nn.functional.normalize(crop.cls, dim=0), atol=1e-3, rtol=0)
    with pytest.raises(RequestError, match="choose region or mean"):
        collection.search(image, mode="cls", point=(5, 5))


def test_several_for_and_against(collection, photos):
    paths = [photos / "cats" / f"{number}.png" for number in range(3)]
    liked = collection.search([paths[0], paths[1]], 10)
    assert {hit.name for hit in liked[:2]} == {"cats/0.png", "cats/1.png"}
    disliked = collection.search([paths[0], paths[1]], 10, against=[paths[1]], weight=2.0)
    rank = [[hit.name for hit in hits].index("cats/1.png") for hits in (liked, disliked)]
    assert rank[1] > rank[0]
    mixed = collection.search([Example(core.load_image(paths[0]), point=(50, 50)), paths[1]], 3, mode="mean")
    assert len(mixed) == 3
    with pytest.raises(RequestError, match="single picture"):
        collection.search(paths, box=(0, 0, 9, 9))


def test_tags_filter_and_removed_pictures_never_come(collection):
    some = [record.id for record in collection.records()][:4]
    collection.tag(some, ["=1+1", "קו"])
    assert collection.tags() == {"first": 10, "=1+1": 4, "קו": 4} | {"first": len(collection)}
    assert {hit.id for hit in collection.search(photograph(1), 9, tags=["first", "קו"])} == set(some)
    assert collection.remove(some[0]) == 1
    assert {hit.id for hit in collection.search(photograph(1), 9, tags=["קו"])} == set(some[1:])
    assert collection.search(photograph(1), 9, tags=["never"]) == []
    with pytest.raises(RequestError, match="may have been removed"):
        collection.thumbnail(some[0])


def test_near_duplicates_hang_together(tmp_path, model):
    made = Collection(tmp_path / "c", model, size=SIZE)
    image = core.load_image(photograph(1))
    ids = made.add([image, image.resize((150, 112)), photograph(50, kind="JPEG"), image.resize((140, 105))]).ids
    groups = made.near_duplicates(0.97)
    assert groups[0][:1] == [ids[0]]
    assert {ids[0], ids[1], ids[3]} <= set(groups[0])
    assert made.near_duplicates(1.0) == [] or all(len(group) > 1 for group in made.near_duplicates(1.0))
    with pytest.raises(RequestError, match="threshold"):
        made.near_duplicates(0)


def test_another_model_is_refused_and_the_remedy_named(collection, photos, model):
    other = small_model("another")
    with pytest.raises(CollectionError, match=r"was made with small .* or embed the collection again"):
        Collection(collection.folder, other)
    other.source = replace(other.source, name="small")
    with pytest.raises(CollectionError, match="Other weights have that name now"):
        Collection(collection.folder, other)
    other.source = replace(other.source, name="another")
    asked = core.extract(other, core.load_image(photograph(1)), SIZE)
    with pytest.raises(CollectionError, match="Choose that model"):
        collection.search(asked)
    with pytest.raises(RequestError, match="width 48"):
        collection.search(torch.ones(7))
    with pytest.raises(ImageError):
        collection.search(b"nothing")
    looking = Collection(collection.folder)
    assert looking.search(collection.query(photograph(1)), 2)
    with pytest.raises(CollectionError, match="needs the collection's model"):
        looking.search(photograph(1))
    with pytest.raises(CollectionError, match="holds no collection"):
        Collection(collection.folder / "nowhere")


def test_cancelling_keeps_what_was_kept(tmp_path, model, monkeypatch):
    monkeypatch.setattr("core.features.BATCH_PATCHES", {"cpu": 64})
    made = Collection(tmp_path / "c", model, size=SIZE)
    stop = threading.Event()
    pictures = [photograph(number) for number in range(12)]
    added = made.add(pictures, cancelled=stop.is_set, progress=lambda done, total: done >= 3 and stop.set())
    assert added.cancelled
    assert 3 <= len(added.ids) == len(made) < 12


def test_export_and_import_give_the_same_answers(collection, tmp_path, model):
    collection.remove([2])
    path = collection.export(tmp_path / "c.zip")
    again = Collection.bring_in(path, tmp_path / "again", model)
    answers = [[(h.record, h.score) for h in c.search(photograph(6), 5, mode="mean")] for c in (collection, again)]
    assert answers[0] == answers[1]
    assert again.thumbnail(3) == collection.thumbnail(3)
    assert len(again.add(photograph(99)).ids) == 1
    with pytest.raises(CollectionError, match="is there already"):
        Collection.bring_in(path, tmp_path / "again", model)


def test_names_and_numbers_out_of_range_are_told(collection):
    with pytest.raises(RequestError, match="at least one letter"):
        collection.rename("  ")
    collection.rename("Новое имя")
    assert collection.title == "Новое имя"
    with pytest.raises(RequestError, match="ask for 1"):
        collection.search(photograph(1), 0)
    with pytest.raises(RequestError, match="choose from cls, mean, region"):
        collection.search(photograph(1), mode="patch")
    assert retrieval.Collection(collection.folder).method().sentence.startswith("exact")
    assert collection.build_indexes() == []


def test_a_removal_is_undone_until_its_room_is_given_back(collection, photos):
    records = collection.records()
    collection.tag([records[1].id], ["kept"])
    gone = collection.records()[:3]
    before = [hit.id for hit in collection.search(photos / "cats" / "1.png", 10)]
    assert collection.remove([one.id for one in gone]) == 3 and len(collection) == 7
    assert collection.restore(gone) == 3
    assert collection.records() == sorted([*gone, *records[3:]], key=lambda one: one.id)
    assert [hit.id for hit in collection.search(photos / "cats" / "1.png", 10)] == before
    assert collection.restore(gone) == 0, "they are there"

    collection.remove([one.id for one in gone])
    collection.add(photos / "cats" / "0.png")
    assert collection.restore(gone) == 2 and len(collection) == 10, "the file that came again is there once"
    collection.remove([gone[2].id])
    collection.tidy()
    assert collection.restore(gone[2:]) == 0 and len(collection) == 9


def test_pages_follow_one_another_and_a_filter_holds_on_all_of_them(collection, photos):
    everything = [hit.id for hit in collection.search(photos / "cats" / "1.png", 10)]
    pages = [[hit.id for hit in collection.search(photos / "cats" / "1.png", 4, offset=n)] for n in (0, 4, 8, 12)]
    assert [len(page) for page in pages] == [4, 4, 2, 0] and [one for page in pages for one in page] == everything
    dogs = Filter(labels=("dogs",))
    assert {hit.record.label for hit in collection.search(photos / "cats" / "1.png", 10, only=dogs)} == {"dogs"}
    newest = [record.id for record in collection.records(1, 3, dogs, newest=True)]
    assert newest == [record.id for record in collection.records(only=dogs)][::-1][1:4]
    with pytest.raises(RequestError, match="pass over 0"):
        collection.search(photos / "cats" / "1.png", 4, offset=-1)


def test_every_choice_of_a_filter_is_counted(collection):
    first, second, *_ = collection.records()
    collection.tag([first.id, second.id], ["a"])
    collection.tag([second.id], ["b"])
    both = Filter(tags=("a", "b"))
    assert [record.id for record in collection.records(only=both)] == [second.id]
    assert collection.store.records.count(both) == 1 and collection.store.records.count() == 10
    found = collection.store.records.facets(Filter(tags=("a",)))
    assert found["tags"] == {"a": 2, "first": 2, "b": 1} and sum(found["labels"].values()) <= 2
    folders = collection.store.records.facets(Filter(labels=("cats",)))
    assert folders["labels"]["dogs"] == 5, "another label can be added to a chosen one"
    assert set(folders["folders"]) == {
        record.name.rpartition("/")[0] for record in collection.records() if record.label == "cats"
    }
    (day,) = folders["days"]
    assert collection.store.records.count(Filter(days=(day,))) == 10


def test_a_picture_of_the_collection_asks_without_the_model(collection, photos):
    identity = collection.records()[4].id
    blind = Collection(collection.folder)
    for mode in ("cls", "mean"):
        hits = blind.search(Example(blind.kept(identity)), 3, mode=mode)
        assert hits[0].id == identity and hits[0].score == pytest.approx(1, abs=2e-3)
    assert len(blind.search([Example(blind.kept(identity))], 3, mode="region")) == 3
    kept = blind.kept(identity)
    cell = kept.cells.geometry.box(1, 2)
    hits = blind.search(Example(kept, box=cell), 3, mode="region")
    assert hits[0].id == identity and hits[0].place.box == cell and hits[0].score == pytest.approx(1, abs=0.01)
    assert blind.search([Example(kept, point=(3, 3))], 3, mode="mean")
    with pytest.raises(RequestError, match=r"no pixels: .* choose region or mean"):
        blind.search([Example(kept, point=(3, 3))], 3, mode="cls")
    with pytest.raises(RequestError, match="There is no picture 999"):
        blind.kept(999)
