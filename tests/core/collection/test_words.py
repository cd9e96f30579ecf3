"""Words asked of a collection."""

import numpy as np
import pytest
import torch
from PIL import Image

import core
from core.analysis.words import capture_words
from core.collection.collection import Collection
from core.collection.facets import Filter
from core.collection.words import search_words
from tests import data
from tests.data import encoders


@pytest.fixture
def model(tmp_path):
    encoders.saved("clip", tmp_path / "model")
    encoders.add_processor(tmp_path / "model")
    encoders.add_tokenizer(tmp_path / "model")
    return core.load_model(tmp_path / "model", device="cpu")


def pictures(count):
    drawn = np.random.default_rng(0).integers(0, 256, (count, 4, 6, 3), dtype=np.uint8)
    return [Image.fromarray(values).resize((96, 64), Image.Resampling.NEAREST) for values in drawn]


def test_pictures_come_by_their_cosine_with_the_words_and_with_a_place(model, tmp_path):
    collection = Collection(tmp_path / "made", model, size=48)
    collection.add(pictures(6), tags=["all"])
    hits = search_words(collection, "a wheel", 4)
    asked = model.encode_text(["a wheel"])[0]
    captures = [capture_words(model, one, 48) for one in pictures(6)]
    cosines = torch.stack([capture.whole @ asked for capture in captures])
    order = cosines.argsort(descending=True)[:4]
    assert [hit.id - 1 for hit in hits] == order.tolist()
    np.testing.assert_allclose(
        [hit.score for hit in hits], cosines[order], atol=5e-3
    )  # features in bfloat16, kept in float16
    heat = (captures[int(order[0])].patches @ asked).numpy()
    np.testing.assert_allclose(hits[0].place.heat, heat, atol=0.1)  # its thumbnail is a lossy WebP
    left, top, right, bottom = hits[0].place.box
    assert 0 <= left < right <= 96 and 0 <= top < bottom <= 64
    assert [hit.id for hit in search_words(collection, "a wheel", 2, offset=2)] == [hit.id for hit in hits[2:]]
    assert search_words(collection, "a wheel", only=Filter(tags=("none",))) == []


def test_what_cannot_be_asked_in_words_says_so(model, tmp_path):
    with pytest.raises(core.ModelError, match="learned from pictures alone"):
        search_words(Collection(tmp_path / "plain", data.model("vit_plain"), size=70), "a wheel")
    early = Collection(tmp_path / "early", model, size=32, layer=0)
    with pytest.raises(core.DinoError, match="those of block -3"):
        search_words(early, "a wheel")
    Collection(tmp_path / "late", model, size=32)
    with pytest.raises(core.DinoError, match="need the collection's model"):
        search_words(Collection(tmp_path / "late"), "a wheel")
    with pytest.raises(core.RequestError):
        search_words(Collection(tmp_path / "late", model), "")
