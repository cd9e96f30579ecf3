"""Planted copies go and nothing else; what is too close to a reference goes with its copies; thresholds are undone."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from core import RequestError
from core.pictures.gallery import samples
from tests.train.curate.planted import ALONE, noise, planted, unit
from train.curate.config import DeduplicateConfig
from train.curate.embeddings import ImageRow
from train.curate.folder import CurationError
from train.curate.search import neighbours
from train.curate.steps.deduplicate import TABLE, deduplicate, surviving
from train.curate.steps.embed import adopt
from train.world import near_duplicate

CONFIG = DeduplicateConfig(threshold=0.85, evaluation_threshold=0.8)


@pytest.fixture
def made():
    return planted()


def fates(root):
    return np.array(pq.read_table(root / TABLE)["fate"].to_pylist())


@pytest.mark.parametrize("approximate", [False, True])
def test_planted_copies_are_found_and_nothing_else(made, tmp_path, monkeypatch, approximate):
    if approximate:
        monkeypatch.setattr("train.curate.search.nearest.EXACT_PRODUCTS", {"cpu": 0})
    adopt(tmp_path, {"pool": made.pool})
    found = deduplicate(tmp_path, CONFIG, 4, ALONE)
    assert found["search"]["pool"]["method"] == ("ivfpq" if approximate else "exact")
    groups = np.array(pq.read_table(tmp_path / TABLE)["component"])
    assert np.array_equal(groups, made.originals)  # the smallest row of a group is what the others copy
    assert found["fates"] == {"kept": 1200, "copy": 200, "in curated": 0, "in evaluation": 0, "unreadable": 0}
    assert surviving(tmp_path).tolist() == list(range(1200))


def test_because_of_which_image_and_how_similar(made, tmp_path):
    adopt(tmp_path, {"pool": made.pool})
    deduplicate(tmp_path, CONFIG, 4, ALONE)
    table = pq.read_table(tmp_path / TABLE).to_pandas()
    copies = table[table.fate == "copy"]
    assert (copies.because_set == "pool").all() and (copies.because == made.originals[copies.index]).all()
    cosines = (made.pool[copies.index] * made.pool[copies.because]).sum(axis=1)
    np.testing.assert_allclose(copies.cosine, cosines, atol=2e-3)
    assert (copies.linked_cosine >= copies.cosine - 1e-6).all()
    assert set(table.reason[made.originals[1200:]]) == {"first in order"}


def test_a_group_close_to_a_reference_goes_whole(made, tmp_path):
    random = np.random.default_rng(5)
    copied = made.originals[1200:]
    once = int(np.flatnonzero(np.bincount(copied, minlength=1200) == 1)[0])
    copy = 1200 + int(np.flatnonzero(copied == once)[0])
    evaluation = unit(made.pool[[copy]] + 0.2 * noise((1, 48), random))
    curated = unit(made.pool[[7]] + 0.2 * noise((1, 48), random))
    adopt(tmp_path, {"pool": made.pool, "evaluation": evaluation, "curated": curated})
    deduplicate(tmp_path, CONFIG, 4, ALONE)
    fate, table = fates(tmp_path), pq.read_table(tmp_path / TABLE).to_pandas()
    assert fate[copy] == fate[once] == "in evaluation"
    assert table.because_set[once] == "evaluation" and table.because[once] == 0
    assert fate[7] == "in curated" and (fate == "in evaluation").sum() == 2


def test_another_threshold_needs_no_new_search(made, tmp_path, monkeypatch):
    adopt(tmp_path, {"pool": made.pool})
    first = deduplicate(tmp_path, CONFIG, 4, ALONE)
    before = (tmp_path / TABLE).read_bytes()
    monkeypatch.setattr(neighbours, "_search", lambda *_: pytest.fail("searched again"))
    strict = deduplicate(tmp_path, DeduplicateConfig(threshold=0.99), 4, ALONE)
    assert strict["fates"]["copy"] == 0
    assert {one["threshold"]: one["copies"] for one in first["tried"]}[0.99] == 0
    deduplicate(tmp_path, CONFIG, 4, ALONE)
    assert (tmp_path / TABLE).read_bytes() == before


def test_a_lower_floor_searches_anew(made, tmp_path):
    adopt(tmp_path, {"pool": made.pool})
    deduplicate(tmp_path, CONFIG, 4, ALONE)
    found = deduplicate(tmp_path, DeduplicateConfig(threshold=0.3, floor=0.25), 4, ALONE)
    assert found["largest"] > 50  # whole clusters
    with pytest.raises(RequestError, match="below the floor"):
        DeduplicateConfig(threshold=0.3)


def test_many_equal_images_are_one_group(tmp_path):
    """More of them than neighbours are looked at."""
    adopt(tmp_path, {"pool": np.concatenate([np.tile(planted().pool[:1], (150, 1)), planted().pool[1:40]])})
    found = deduplicate(tmp_path, CONFIG, 4, ALONE)
    assert found["fates"]["copy"] == 149 and found["largest"] == 150


def test_features_that_tell_nothing_are_doubted(tmp_path, caplog):
    adopt(tmp_path, {"pool": unit(1 + 0.1 * noise((300, 48), np.random.default_rng(0)))})
    deduplicate(tmp_path, DeduplicateConfig(), 4, ALONE)
    assert "300 of 300 images are one group" in caplog.text


def test_the_larger_picture_is_kept(tmp_path):
    pool = np.concatenate([planted().pool[:3], planted().pool[:3]])
    rows = [ImageRow(f"{n}.png", 0, None, 10 + n // 3, 10, 1, None) for n in range(6)]
    adopt(tmp_path, {"pool": pool}, {"pool": rows})
    deduplicate(tmp_path, CONFIG, 4, ALONE)
    assert surviving(tmp_path).tolist() == [3, 4, 5]


def test_copies_of_photographs_as_people_make_them(tmp_path):
    """With a vector as plain as a thumbnail; mirrored copies are not asked of it."""
    random = np.random.default_rng(0)
    pictures = [np.asarray(Image.open(sample.path).convert("RGB").resize((96, 96))) for sample in samples()]
    originals = len(pictures)
    copied = []
    for place, picture in enumerate(pictures[:originals]):
        copy, kind = near_duplicate(picture, random)
        if kind in ("recompress", "recolour", "overlay"):
            pictures.append(copy)
            copied.append(place)
    small = np.stack([np.asarray(Image.fromarray(one).resize((12, 12), Image.Resampling.BOX)) for one in pictures])
    flat = small.reshape(len(small), -1).astype(np.float32)
    adopt(tmp_path, {"pool": unit(flat - flat.mean(axis=1, keepdims=True))})
    deduplicate(tmp_path, DeduplicateConfig(threshold=0.9), 4, ALONE)
    assert np.array_equal(np.flatnonzero(fates(tmp_path) == "copy"), np.arange(originals, len(pictures)))
    assert len(copied) >= 3


def test_nothing_is_done_before_embedding(tmp_path):
    with pytest.raises(CurationError, match=r"no finished step `embed`; run: python -m train\.curate embed"):
        deduplicate(tmp_path, CONFIG, 4, ALONE)
