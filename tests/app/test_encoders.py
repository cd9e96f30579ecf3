"""Encoders of another library through the engine, the views, the tabs and the endpoints: a CLIP, and a SigLIP without cls."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import core
from app.compare.columns import Column
from app.compare.handlers import compare, compare_differences
from app.explore import handlers
from app.explore.endpoints import ExploreApi
from app.explore.settings import Settings
from app.explore.views import VIEWS, words
from app.map.endpoints import MapApi
from app.match.endpoints import MatchApi
from app.page.model_panel import described
from app.search.endpoints import SearchApi
from app.search.events import SearchEvents
from app.search.handlers import Listing, SearchSettings, listed
from app.server.engine import Engine
from app.server.models import Models
from app.server.session import Tray
from app.server.shelf import Shelf
from app.server.uploads import add_bytes
from core.analysis.attention_maps import NO_CLS
from core.collection.facets import KINDS
from core.collection.words import search_words
from core.exchange import to_hugging_face, to_onnx
from core.records.runs import BACKBONE, save_backbone
from tests.app.small import photograph, small_model
from tests.data import encoders

SIZE = 64


@pytest.fixture(scope="module", params=["clip", "siglip"])
def name(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    encoders.saved(request.param, folder)
    encoders.add_processor(folder)
    encoders.add_tokenizer(folder)
    return str(folder)


@pytest.fixture
def engine(name, tmp_path):
    shelf = Shelf(tmp_path / "collections", tmp_path / "cache", shipped=())

    def load(asked, progress=None):
        return small_model(asked) if asked == "small" else core.load_model(asked, device="cpu", progress=progress)

    return Engine(name, models=Models(name, load=load), shelf=shelf)


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{seed}.png" for seed in range(6)]
    drawn = np.random.default_rng(0).integers(0, 256, (len(paths), 3, 4, 3), dtype=np.uint8)
    for values, path in zip(drawn, paths, strict=True):
        Image.fromarray(values).resize((160, 120), Image.Resampling.NEAREST).save(path)
    return [str(path) for path in paths]


def test_every_view_is_painted_or_says_why_not(engine, name):
    tray = Tray("ada")
    for seed in range(2):
        tray = add_bytes(engine.library, tray, photograph(seed), f"{seed}.png")
    model = engine.models.get(name)
    for view in VIEWS:
        settings = Settings(size=SIZE, view=view.name)
        if view.attends and not model.model.has_cls:
            with pytest.raises(core.RequestError, match="no cls token"):
                handlers.show(engine, tray, model, settings)
            continue
        screen = handlers.show(engine, tray, model, settings)
        assert len(screen.painted.layers) == 2
        assert len(compare(engine, tray, [Column(model, settings)] * 2)["columns"]) == 2


def test_the_place_of_words_is_painted_and_its_code_gives_the_same(engine, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tray = Tray("ada")
    for seed in range(2):
        (tmp_path / f"{seed}.png").write_bytes(photograph(seed))
        tray = add_bytes(engine.library, tray, photograph(seed), f"{seed}.png")
    model, settings = engine.models.get(name), Settings(size=SIZE, view="Words", options=words.Options("a wheel"))
    screen = handlers.show(engine, tray, model, settings)
    assert engine.forwards == 4  # features and words of two pictures
    assert engine.missing_captures(model, engine.items(tray), "words", 0, SIZE) == []
    other = handlers.show(engine, tray, model, replace(settings, options=words.Options("a cat")))
    assert engine.forwards == 4 and not np.allclose(other.painted.values[0], screen.painted.values[0])
    scope: dict = {}
    exec(screen.program, scope)
    for value, wanted in zip(scope["values"], screen.painted.values, strict=True):
        np.testing.assert_allclose(value, wanted, atol=1e-5)
    for colours, layer in zip(scope["colours"], screen.painted.layers, strict=True):
        assert np.abs(colours.astype(int) - layer.astype(int)).max() <= 1
    with pytest.raises(core.RequestError, match="no words to look for"):
        handlers.show(engine, tray, model, replace(settings, options=words.Options(" ")))


def test_a_model_of_pictures_alone_says_so_where_it_is_asked_in_words(tmp_path):
    engine = Engine("small", models=Models("small", load=small_model), shelf=Shelf(tmp_path, tmp_path, shipped=()))
    tray = add_bytes(engine.library, Tray("ada"), photograph(), "0.png")
    with pytest.raises(core.ModelError, match=r"cannot be asked in words\. Take a CLIP or SigLIP"):
        handlers.show(engine, tray, engine.models.get("small"), Settings(size=112, view="Words"))


def test_it_is_compared_with_a_model_of_ours(engine, name):
    tray = add_bytes(engine.library, Tray("ada"), photograph(), "0.png")
    columns = [Column(engine.models.get(one), Settings(size=112)) for one in (name, "small")]
    assert len(compare_differences(engine, tray, columns)["columns"]) == 2


def test_who_can_be_asked_for_attention_is_who_there_is(engine, name):
    model = engine.models.get(name)
    choices = described(model)["asking"]["choices"]
    offered = [choice[0] if isinstance(choice, tuple) else choice for choice in choices]
    assert offered == (["cls", "pinned patch"] if model.model.has_cls else ["pinned patch"])


def test_the_endpoints_answer(engine, name, files):
    model = engine.models.get(name)
    explore = ExploreApi(engine)
    for view in VIEWS:
        if not view.endpoint:
            continue
        ask = explore.view(view, view.endpoint)
        if view.attends and not model.model.has_cls:
            with pytest.raises(core.RequestError, match=NO_CLS):
                ask(files[0], SIZE)
            continue
        image, numbers = ask(files[0], SIZE)
        assert isinstance(image, Image.Image) and np.isfinite(np.array(numbers["values"], float)).all()
    assert explore.similarity(files[0], 80, 60, size=SIZE)[1]["best"]["cosine"] == pytest.approx(1, abs=1e-3)
    found = MatchApi(engine).match(files[0], files[1], SIZE, inside=False)[1]
    assert found["grid"] == [6, 8]
    assert len(MapApi(engine).atlas(files, method="pca")[1]["points"]) == 6


def test_a_collection_is_filled_and_searched(engine, files):
    search = SearchApi(engine)
    assert len(search.add_images("Mine", files, size=SIZE)["added"]) == 6
    _, numbers = search.search("Mine", files[2], k=3)
    assert numbers["results"][0]["name"].endswith("2.png") and numbers["results"][0]["score"] > 0.99
    _, numbers = search.search("Mine", files[2], mode="region", point="80, 60", k=3)
    assert len(numbers["results"]) == 3


def test_a_collection_is_asked_in_words(engine, name, files):
    search = SearchApi(engine)
    key = search.add_images("Mine", files, size=SIZE)["collection"]
    model = engine.models.get(name).model
    _, numbers = search.search("Mine", None, k=3, words="a wheel")
    scores = [one["score"] for one in numbers["results"]]
    assert scores == sorted(scores, reverse=True) and len(scores) == 3 and numbers["method"].startswith("exact")
    collection = engine.shelf.open(key, engine.models.get(name))
    found = listed(
        engine, collection, Tray("ada"), (), SearchSettings(key, k=4), Listing("words", words="a wheel", page=1)
    )
    assert (found.first, found.pages, len(found.hits)) == (5, 2, 2) and "“a wheel”" in found.facts
    ids = [hit.id for hit in found.hits]
    assert ids == [hit.id for hit in search_words(collection, "a wheel", 6)[4:]]
    cosines = collection.vectors("cls")[1].astype(np.float32)
    with torch.inference_mode():
        wanted = model.in_words(torch.from_numpy(cosines)) @ model.encode_text(["a wheel"])[0]
    assert found.hits[0].score == pytest.approx(float(wanted.sort(descending=True).values[4]), abs=1e-5)


def test_words_take_the_place_of_the_question_until_they_are_gone(engine, name, files):
    key = SearchApi(engine).add_images("Mine", files, size=SIZE)["collection"]
    events = SearchEvents(SimpleNamespace(engine=engine), None, None)
    tray = add_bytes(engine.library, Tray("ada"), photograph(), "0.png")
    settings = {"collection": key, "mode": "cls", "order": "added", "k": 6, **{kind: [] for kind in KINDS}}

    def painted(words, listing):
        known = {"tray": tray, "model": name, "asked": None, **settings}
        listing = events.listing_by_words(words, listing=listing, **known)["listing"]
        told = {}
        for part in events.paint(listing=listing, **known):
            told |= part
        return told

    told = painted("a wheel", Listing())
    assert told["words"]["visible"] and "“a wheel”" in told["facts"]
    assert told["results"].props["results"]["lit"] and told["question"].props["question"] == {}
    told = painted(" ", told["listing"])
    assert "wheel" not in told["facts"] and told["question"].props["question"]["parts"]


def test_what_is_core_s_own_is_refused_with_a_sentence(engine, name, tmp_path):
    model = engine.models.get(name).model
    for export in (
        lambda: to_onnx(model, tmp_path / "model.onnx"),
        lambda: to_hugging_face(model, tmp_path / "folder"),
        lambda: save_backbone(model, tmp_path / BACKBONE),
    ):
        with pytest.raises(core.ModelError, match="encoder of another library: it cannot be"):
            export()
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == []


def test_features_are_exported(name, tmp_path):
    from core.export import main

    picture = tmp_path / "one.png"
    picture.write_bytes(photograph())
    assert main([str(picture), "--model", name, "--out", str(tmp_path / "out"), "--size", str(SIZE)]) == 0
    assert list((tmp_path / "out").iterdir())
