"""What opens works: the examples of the tab and what is said of them, asked of the model that ships."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from app.search import examples, handlers
from app.search.events import SearchEvents
from app.search.handlers import Listing, Results, SearchSettings
from app.search.question import QueryPart
from app.search.words import SCORES, lesson
from app.server.built_in import GALLERY, PHOTOGRAPHS, built_in
from app.server.engine import Engine
from app.server.session import Tray
from app.server.shelf import Shelf
from app.server.trays import open_tray
from app.server.uploads import add_bytes
from app.tour.steps import STOPS
from core import RequestError
from core.files import file_sha256
from core.weights.load import SHIPPED
from tests.app.small import photograph

SAMPLES = Tray("ada").add("cheetah", "0" * 64, sample=True)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory) -> Engine:
    """An engine on the model that ships, which has seen the photographs."""
    home = tmp_path_factory.mktemp("home")
    engine = Engine("embedded", shelf=Shelf(home / "collections", home / "cache"))
    engine.shelf.fill(PHOTOGRAPHS, engine.models.get("embedded"), lambda *counts: None, lambda: False)
    return engine


def found(engine: Engine, title: str) -> tuple[QueryPart, Results]:
    """An example's question and its first page."""
    collection = engine.shelf.open(PHOTOGRAPHS, engine.models.get("embedded"))
    asked = examples.question(collection, title)
    mode = "region" if asked[0].is_part else "cls"
    return asked[0], handlers.search(engine, collection, SAMPLES, asked, SearchSettings(PHOTOGRAPHS, mode))


@pytest.mark.parametrize("title", examples.EXAMPLES)
def test_of_the_first_eight_others_six_or_more_are_of_its_class(shipped, title):
    asked, results = found(shipped, title)
    assert asked.record == results.hits[0].id, "what is asked with is most like itself"
    label = examples.EXAMPLES[title].name.split("/")[0]
    others = [hit.record.label for hit in results.hits[1 : examples.FIRST + 1]]
    assert others.count(label) >= examples.LEAST, others


def test_the_petal_is_found_on_petals(shipped):
    _, results = found(shipped, "One petal")
    collection = shipped.shelf.open(PHOTOGRAPHS, shipped.models.get("embedded"))
    yellow = 0
    for hit in results.hits[1 : examples.FIRST + 1]:
        picture = Image.open(io.BytesIO(collection.thumbnail(hit.id))).convert("RGB")
        assert picture.size == (hit.record.width, hit.record.height)  # so small that the copy is as large
        red, green, blue = np.asarray(picture.crop(hit.place.box)).reshape(-1, 3).mean(axis=0)
        yellow += bool(red > 1.5 * blue and green > 1.2 * blue)
    assert yellow >= examples.LEAST


def test_the_scores_are_of_the_weights_that_ship_and_what_is_said_is_true_by_them(shipped):
    told = json.loads(SCORES.read_text("utf-8"))
    assert told["model"]["sha256"] == file_sha256(SHIPPED), "run `python -m tests.benchmarks.searching --out` anew"
    real, world = (told["collections"][key] for key in (PHOTOGRAPHS, GALLERY))
    at = {key: (real["precision"][key], world["precision"][key]) for key in ("5", "10")}
    opens = next(one.key for one in built_in())
    assert (opens == PHOTOGRAPHS) == all(one > other for one, other in at.values()), "the better one opens"
    assert f"{real['precision']['5']:.0%} have the label" in " ".join(lesson().split())
    card = SHIPPED.with_name("MODEL_CARD.md").read_text("utf-8")
    for one in (real, world):
        shares = " | ".join(f"{share:.3f}" for share in (*one["precision"].values(), one["chance"]))
        assert f"| {one['pictures']} | {one['labels']} | {shares} |" in card
    readme = (SHIPPED.parents[1] / "README.md").read_text("utf-8")
    told_there = [f"{100 * share:.0f} %" for one in (real, world) for share in (one["precision"]["5"], one["chance"])]
    first, chance, drawn, chance_there = told_there
    assert f"{first} are of its class, {chance} by chance, and {drawn} in the rendered" in readme
    assert f"where chance finds {chance_there}." in readme
    stop = next(stop for stop in STOPS if stop.tab == "search")
    assert "many times as often as by chance" in stop.see and real["precision"]["5"] > 5 * real["chance"]
    assert "most are still of another" in stop.see and real["precision"]["5"] < 0.5
    assert "a sunflower" in stop.see and next(iter(examples.EXAMPLES)) == "A sunflower"
    by_class = precision_by_class(shipped)
    for label in ("sunflower", "car_side", "Leopards", "accordion"):
        assert by_class[label] > 0.5, label
    assert max(by_class["crab"], by_class["butterfly"]) < 0.1


def precision_by_class(engine: Engine, first: int = 5) -> dict[str, float]:
    """Of each class, the share of its label among the first results, each of its photographs asked among all others."""
    collection = engine.shelf.open(PHOTOGRAPHS, engine.models.get("embedded"))
    labels = np.array([record.label for record in collection.records()])
    vectors = collection.vectors("cls")[1].astype(np.float32)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    right = labels[np.argsort(-cosines, axis=1)[:, :first]] == labels[:, None]
    told = json.loads(SCORES.read_text("utf-8"))["collections"][PHOTOGRAPHS]["precision"]
    assert right.mean() == pytest.approx(told[str(first)], abs=0.01)
    return {label: float(right[labels == label].mean()) for label in {*labels.tolist()}}


@pytest.fixture
def events(engine, tmp_path) -> SearchEvents:
    """The tab's events with a small model and twelve photographs, among them those of the sunflowers; no page."""
    real = built_in()[0]
    wanted = {examples.EXAMPLES[title].name for title in ("A sunflower", "One petal")}
    world = replace(built_in()[1], pictures=built_in()[1].pictures[:1])
    few = replace(real, pictures=[one for one in real.pictures if one.name in wanted or one.name.startswith("crab/")])
    engine.shelf = Shelf(tmp_path / "collections", tmp_path / "cache", [few, world])
    return SearchEvents(SimpleNamespace(engine=engine), None, None)


def painted(events: SearchEvents, tray: Tray, asked=None, model: str = "small") -> dict:
    """Everything that is shown at the end."""
    settings = {"collection": "", "mode": "cls", "order": "added", "k": 6}
    steps: Iterator[dict] = events.paint(tray=tray, model=model, asked=asked, listing=Listing(), **settings)
    shown: dict = {}
    for step in steps:
        shown |= step
    return shown


def test_who_comes_with_nothing_of_their_own_sees_the_first_example_also_when_it_had_to_be_encoded(events):
    for _ in range(2):
        shown = painted(events, open_tray(events.engine, "ada"))
        (asked,) = shown["asked"]
        assert asked.record is not None and asked.collection == PHOTOGRAPHS
        assert shown["question"].props["question"]["parts"][0]["name"] == "sunflower/sunflower_0060.webp"
        assert shown["results"].props["results"]["groups"][0]["items"][0]["name"] == "sunflower/sunflower_0060.webp"
        assert "CC BY 4.0" in shown["credit"] and "in training" in shown["credit"]
    assert painted(events, open_tray(events.engine, "ada"), asked=())["asked"] == (), "what was taken away stays away"
    again = painted(events, open_tray(events.engine, "ada"), asked=(asked,), model="another")
    assert again["asked"] == (asked,), "another model, which had to look first, is asked the same"


def test_who_comes_with_an_own_picture_asks_with_it(events):
    own = add_bytes(events.engine.library, Tray("bob"), photograph(1), "own.png")
    assert painted(events, own)["asked"] == (QueryPart(own.pictures[0].id),)
    (drawn,) = events.engine.shelf.shipped[GALLERY].pictures
    world = add_bytes(events.engine.library, Tray("bob"), drawn.source.read_bytes(), drawn.source.name)
    assert painted(events, world)["asked"][0].collection == PHOTOGRAPHS, "rendered ones convince nobody there"


def test_an_example_is_asked_from_wherever_one_is(events):
    *waiting, last = events.example("A sunflower", SAMPLES, "small", None, "region")
    assert waiting and "for the first time" in waiting[0]["facts"]
    assert last["mode"] == "region" and last["collection"]["value"] == PHOTOGRAPHS and len(last["asked"]) == 1
    *waiting, last = events.example("A sunflower", SAMPLES, "small", (QueryPart("p0", point=(0.5, 0.5)),), "region")
    assert not waiting and last["mode"] == "cls"
    with pytest.raises(RequestError, match="choose another example"):
        list(events.example("A car", SAMPLES, "small", None, "cls"))
    assert examples.offered(events.engine.shelf) == ["A sunflower", "One petal"]
