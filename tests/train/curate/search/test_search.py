"""Exact search gives what sorting gives; approximate search what it promises; which of them is chosen, and why."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core import RequestError
from tests.train.curate.planted import ALONE, planted
from train.curate.folder import CurationError
from train.curate.search.inverted import InvertedSearch
from train.curate.search.nearest import ExactSearch, Neighbours, Plan, largest, plan_search, recall


def test_exact_search_is_a_sort_of_all_products(monkeypatch):
    monkeypatch.setattr("train.curate.search.nearest.BANK", 300)  # several blocks
    bank, queries = planted().pool.astype(np.float16), planted(seed=1).pool[:50]
    rows = np.arange(0, len(bank), 2)
    found = ExactSearch(bank, rows, torch.device("cpu")).nearest(queries, 7)
    cosines = queries.astype(np.float64) @ bank[rows].astype(np.float64).T
    order = np.argsort(-cosines, axis=1)[:, :7]
    assert np.array_equal(found.places, rows[order])
    np.testing.assert_allclose(found.cosines, np.take_along_axis(cosines, order, 1), atol=1e-5)


def test_a_bank_smaller_than_k_leaves_places_open():
    found = ExactSearch(planted().pool, np.array([4, 9]), torch.device("cpu")).nearest(planted().pool[:3], 5)
    assert set(found.places[0, :2].tolist()) == {4, 9}
    assert (found.places[:, 2:] == -1).all() and np.isneginf(found.cosines[:, 2:]).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 900), st.integers(1, 9), st.integers(0, 99))
def test_largest_agrees_with_a_sort(columns, k, seed):
    values = torch.rand(3, columns, generator=torch.Generator().manual_seed(seed))
    k = min(k, columns)
    found, places = largest(values, k)
    assert torch.equal(found, values.sort(dim=1, descending=True).values[:, :k])
    assert torch.equal(values.gather(1, places), found)


def test_the_method_follows_from_pairs_width_and_memory():
    assert plan_search(20_000, 20_000, 384, 4).method == "exact"
    large = plan_search(10**6, 10**6, 384, 4)
    assert (large.method, large.lists, large.subspaces) == ("ivfpq", 4096, 192)
    assert plan_search(10**6, 10**6, 384, 0.1).subspaces < large.subspaces  # shorter codes
    assert large.training * 384 * 4 <= 2 * 2**30
    assert plan_search(10**6, 10**6, 384, 4, "cuda").method == "exact"
    with pytest.raises(RequestError, match=r"need 15\.6 GiB of memory, 4 are allowed"):
        plan_search(10**9, 6 * 10**8, 384, 4)


def test_approximate_search_reaches_the_recall_that_was_asked_for(tmp_path):
    made = planted(originals=6000, copies=600, clusters=300)
    bank, rows = made.pool.astype(np.float16), np.arange(len(made.pool))
    plan = Plan("ivfpq", "", lists=64, subspaces=12, training=4096)
    search = InvertedSearch(bank, rows, plan, tmp_path / "index", ALONE)
    reached = search.tune(bank, rows, 20, floor=0.4, wanted=0.97)
    exact = ExactSearch(bank, rows, torch.device("cpu")).nearest(made.pool, 20)
    found = search.nearest(made.pool, 20)
    assert reached >= 0.97 and recall(found, exact, 0.4) >= 0.95
    at = found.places[:100]
    np.testing.assert_allclose(  # codes choose, vectors compare: what is said of a pair is exact
        found.cosines[:100], np.einsum("qd,qkd->qk", made.pool[:100], bank[at].astype(np.float32)), atol=1e-5
    )


def test_a_damaged_index_is_named(tmp_path):
    (tmp_path / "index").write_bytes(b"IwPQ" + bytes(50))
    plan = Plan("ivfpq", "", lists=64, subspaces=12, training=4096)
    with pytest.raises(CurationError, match="index is damaged"):
        InvertedSearch(planted().pool, np.arange(9), plan, tmp_path / "index", ALONE)


def test_recall_counts_what_is_above_the_floor():
    exact = Neighbours(np.array([[1, 2], [3, -1]]), np.array([[0.9, 0.5], [0.8, -np.inf]], np.float32))
    found = Neighbours(np.array([[2, 7], [3, -1]]), np.zeros((2, 2), np.float32))
    assert recall(found, exact, 0.4) == pytest.approx(2 / 3)
    assert recall(found, exact, 0.95) == 1.0
