"""A collection in Qdrant's embedded mode answers as the one on disk does."""

import sys

import numpy as np
import pytest

import core
from core.collection.collection import Collection
from core.collection.qdrant import QdrantCollection
from core.errors import CollectionError, RequestError
from tests.app.small import photograph, small_model

SIZE = 112


@pytest.fixture(scope="module")
def model():
    return small_model("small")


@pytest.fixture
def both(tmp_path, model):
    pictures = [photograph(number, 160 + 8 * number) for number in range(6)]
    made = [Collection(tmp_path / "c", model, size=SIZE), QdrantCollection("mine", model, size=SIZE)]
    for collection in made:
        assert collection.add([*pictures, pictures[0], b"nothing"], tags=["a"]).ids == [1, 2, 3, 4, 5, 6]
    return made


@pytest.mark.parametrize(
    "question", [{"mode": "cls"}, {"mode": "mean"}, {"point": (80, 60)}, {"box": (20, 20, 90, 90)}]
)
def test_it_answers_as_the_one_on_disk_does(both, question):
    on_disk, there = (collection.search(photograph(2, 176), 4, **question) for collection in both)
    assert [hit.id for hit in there] == [hit.id for hit in on_disk]
    assert [hit.score for hit in there] == pytest.approx(
        [hit.score for hit in on_disk], abs=0.015
    )  # int8 against float16
    for one, other in zip(there, on_disk, strict=True):
        np.testing.assert_allclose(one.place.heat, other.place.heat, atol=0.02)


def test_it_removes_filters_and_knows_files_again(both, model):
    collection = both[1]
    assert collection.remove([2, 99, 0]) == 1
    assert len(collection) == 5
    assert 2 not in [hit.id for hit in collection.search(photograph(1, 168), 9)]
    assert collection.add(photograph(1, 168), tags=["b"]).ids == [7]
    assert collection.add(photograph(1, 168)).known == 1
    assert [hit.id for hit in collection.search(photograph(1, 168), 9, tags=["b"])] == [7]
    assert collection.tags() == {"a": 5, "b": 1}
    assert collection.thumbnail(7)[8:12] == b"WEBP"
    with pytest.raises(RequestError, match="may have been removed"):
        collection.thumbnail(2)


WRONG = (
    ({"what": np.zeros(3)}, RequestError, "A vector of shape \\(3,\\) came for features of width 48"),
    ({"what": np.full(48, np.nan)}, RequestError, "all finite"),
    ({"what": photograph(2, 176), "k": 0}, RequestError, "ask for 1 result or more"),
    ({"what": [photograph(1), photograph(2)], "box": (0, 0, 9, 9)}, RequestError, "for a single picture"),
    ({"what": photograph(2, 176), "mode": "all"}, RequestError, "choose from cls, mean, region"),
    ({"what": core.extract(small_model("another"), core.load_image(photograph(2)), SIZE)}, CollectionError, "compared"),
)


@pytest.mark.parametrize(("asked", "error", "words"), WRONG, ids=[words for *_, words in WRONG])
def test_both_refuse_the_same_in_the_same_words(both, asked, error, words):
    said = []
    for collection in both:
        with pytest.raises(error, match=words) as raised:
            collection.search(**asked)
        said.append(str(raised.value))
    assert said[0] == said[1]


def test_it_stays_in_its_folder_and_refuses_another_model(tmp_path, model):
    QdrantCollection("mine", model, folder=tmp_path / "q", size=SIZE).client.close()
    with pytest.raises(CollectionError, match="Choose that model"):
        QdrantCollection("mine", small_model("another"), folder=tmp_path / "q")


def test_what_is_missing_is_named(monkeypatch, model):
    with pytest.raises(CollectionError, match="does not answer"):
        QdrantCollection("mine", model, url="http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "qdrant_client", None)
    with pytest.raises(CollectionError, match="pip install qdrant-client"):
        QdrantCollection("mine", model)
