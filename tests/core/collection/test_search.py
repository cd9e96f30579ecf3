"""Ranking: equal to a slow comparison, and right with an index that is behind, filtered or full of removed pictures."""

import numpy as np
import pytest
import torch

from core.collection import index as index_module
from core.collection.exact import best, nearest
from core.collection.facets import Filter
from core.collection.index import choose, facts_of
from core.collection.query import rocchio
from core.collection.search import Searcher
from tests.core.collection.made import entries, store

NARROW = 32
"""Width of vectors that are indexed: product quantisers take seconds to train on more."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """300 pictures of which some were removed."""
    made = store(tmp_path_factory.mktemp("collections") / "c")
    made.append(entries(300))
    made.remove([5, 50, 150])
    return made


def slowly(snapshot, mode, vector, k, rows):
    """The ranking, written out."""
    scores = {}
    for row in rows.tolist():
        if mode == "region":
            scores[row] = float((snapshot.grid(row) @ snapshot.project(vector)).max())
        else:
            scores[row] = float(torch.from_numpy(np.array(getattr(snapshot, mode)[row])).float() @ vector)
    return sorted(scores, key=lambda row: (-scores[row], row))[:k], scores


@pytest.mark.parametrize("mode", ["cls", "mean", "region"])
def test_exact_search_equals_the_slow_way(made, mode, monkeypatch):
    monkeypatch.setattr("core.collection.exact.CHUNK_VALUES", 5000)
    snapshot = made.snapshot()
    vector = entries(1, 1000)[0].mean
    for rows in (np.flatnonzero(snapshot.alive), np.arange(0, 300, 7), np.array([4]), np.arange(0)):
        found, scores = Searcher(made.root).rank(snapshot, mode, vector, 10, rows)
        expected, all_scores = slowly(snapshot, mode, vector, 10, rows)
        assert found.tolist() == expected
        np.testing.assert_allclose(scores, [all_scores[row] for row in expected], atol=1e-5)


def test_ties_are_broken_by_row():
    rows, scores = best(np.array([1.0, 2.0, 2.0, 0.0]), np.array([9, 7, 3, 1]), 3)
    assert (rows.tolist(), scores.tolist()) == ([3, 7, 9], [2, 2, 1])
    matrix = np.eye(3, dtype=np.float16)
    assert nearest(matrix, torch.tensor([0.0, 1.0, 0.0]), 5, np.arange(3))[0].tolist() == [1, 0, 2]


@pytest.mark.parametrize("kind", ["hnsw", "ivfpq"])
@pytest.mark.parametrize("mode", ["cls", "region"])
def test_an_index_finds_what_exact_search_finds_also_when_it_is_behind(tmp_path, kind, mode):
    made = store(tmp_path / "c", NARROW)
    made.append(entries(400, width=NARROW))
    searcher = Searcher(made.root, exact_values=1000, budget=2**40 if kind == "hnsw" else 0)
    space = "cells" if mode == "region" else mode
    assert space in searcher.due(made.snapshot())
    facts = searcher.build(made.snapshot(), space)
    assert facts == facts_of(made.root, made.records.about().generation, space)
    assert (facts.kind, facts.recall >= 0.9) == (kind, True), facts
    assert space not in searcher.due(made.snapshot())

    made.append(entries(40, 400, NARROW))
    made.remove(list(range(1, 440, 3)))
    snapshot = made.snapshot()
    alive = np.flatnonzero(snapshot.alive)
    even = snapshot.rows_of(made.records.matching(Filter(tags=("even",))))
    exact = Searcher(made.root)
    overlaps = []
    for number in (3, 7, 410, 433):
        vector = entries(1, number, NARROW)[0].cells[0, 0] if mode == "region" else entries(1, number, NARROW)[0].cls
        for rows in (alive, even):
            found, scores = searcher.rank(snapshot, mode, vector, 10, rows)
            wanted, wanted_scores = exact.rank(snapshot, mode, vector, len(rows), rows)
            true = dict(zip(wanted.tolist(), wanted_scores.tolist(), strict=True))
            assert np.isin(found, rows).all(), "a removed or filtered picture"
            np.testing.assert_allclose(scores, [true[row] for row in found.tolist()], atol=1e-5)
            overlaps.append(len(np.intersect1d(found, wanted[:10])) / 10)
    assert np.mean(overlaps) >= 0.9
    method = searcher.method(snapshot, mode)
    assert method.exact == 40 * (12 if mode == "region" else 1)
    assert "recall" in method.sentence


def test_an_index_of_an_older_generation_is_not_asked(tmp_path):
    made = store(tmp_path / "c")
    made.append(entries(60))
    searcher = Searcher(made.root, exact_values=1000)
    searcher.build(made.snapshot(), "cls")
    made.remove([1, 2, 3])
    made.tidy()
    snapshot = made.snapshot()
    assert searcher.method(snapshot, "cls").index is None
    assert "cls" in searcher.due(snapshot)
    assert searcher.rank(snapshot, "cls", entries(1, 9)[0].cls, 1, np.arange(57))[0].tolist() == [6]
    searcher.build(snapshot, "cls")
    assert sorted(file.name for file in (made.root / "index").iterdir()) == ["cls-000002.faiss", "cls-000002.json"]


def test_memory_decides_the_kind():
    assert choose(100_000, 384, 2**30) == "hnsw"
    assert choose(100_000_000, 64, 2**30) == "ivfpq"


def test_the_recall_that_is_told_is_the_recall(made, tmp_path, monkeypatch):
    """With an effort that cannot suffice, the told recall is low."""
    small = store(tmp_path / "c", NARROW)
    small.append(entries(400, width=NARROW))
    monkeypatch.setattr(index_module, "PASSED", {"ivfpq": 1})
    monkeypatch.setattr(index_module, "RECALL_WANTED", 0.0)
    low = Searcher(small.root, 1000, budget=0).build(small.snapshot(), "cls")
    monkeypatch.setattr(index_module, "PASSED", {"ivfpq": 36})
    monkeypatch.setattr(index_module, "RECALL_WANTED", 1.0)
    high = Searcher(small.root, 1000, budget=0).build(small.snapshot(), "cls")
    assert low.effort < high.effort
    assert low.recall < 0.8 < high.recall == 1.0


def test_rocchio_by_hand():
    vector = rocchio(torch.tensor([[2.0, 0.0, 0.0], [0.0, 4.0, 0.0]]), torch.tensor([[0.0, 0.0, 9.0]]), weight=0.5)
    torch.testing.assert_close(vector, torch.tensor([0.5, 0.5, -0.5]) / 0.75**0.5)
