"""Planted clusters are found; the result depends neither on processes nor on a kill; every centre has vectors."""

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from tests.train.curate.planted import ALONE, planted, unit
from train.curate.steps import kmeans

ROWS = np.arange(1400)


@pytest.fixture(scope="module")
def made():
    return planted()


def fit(made, **given):
    asked = {"clusters": 12, "steps": 30, "batch": 10**6, "seed": 0, "world": ALONE} | given
    return kmeans.fit(made.pool.astype(np.float16), ROWS, **asked)


def labels(made, centres):
    return kmeans.nearest_centre(torch.from_numpy(made.pool), torch.from_numpy(centres))[0].numpy()


@pytest.mark.parametrize("batch", [10**6, 256])
def test_planted_clusters_are_found(made, batch, monkeypatch):
    monkeypatch.setattr(kmeans, "block_rows", lambda clusters: 64)
    centres = fit(made, batch=batch)
    assert adjusted_rand_score(made.clusters, labels(made, centres)) > 0.97
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 1, rtol=1e-5)


def test_whole_passes_are_the_means_of_their_clusters(made):
    centres = fit(made)
    found = labels(made, centres)
    means = unit(np.stack([made.pool[found == label].sum(axis=0) for label in range(12)]))
    np.testing.assert_allclose(centres, means, atol=2e-3)


def test_sums_do_not_depend_on_how_rows_are_dealt_out(made):
    """What processes would each add up, added up in any order, is equal to the bit."""
    vectors = made.pool.astype(np.float16)
    start = kmeans._start(vectors, ROWS, 12, 0, ALONE)
    start = kmeans._step(vectors, [ROWS[:300]], start, 0.0, ALONE)
    whole = kmeans._step(vectors, np.array_split(ROWS, 22), start, 0.5, ALONE)
    backwards = kmeans._step(vectors, np.array_split(ROWS, 22)[::-1], start, 0.5, ALONE)
    assert torch.equal(whole.totals, backwards.totals) and torch.equal(whole.centres, backwards.centres)
    assert whole.gain == backwards.gain


@pytest.mark.parametrize("batch", [10**6, 256])
def test_a_run_that_was_stopped_goes_on_to_the_bit(made, tmp_path, monkeypatch, batch):
    monkeypatch.setattr(kmeans, "SAVED_EVERY", -1.0)
    monkeypatch.setattr(kmeans, "block_rows", lambda clusters: 64)
    whole = fit(made, batch=batch, steps=9)
    state, step = tmp_path / "state.npz", kmeans._step
    taken = []

    def stopping(*given):
        if len(taken) == kmeans.SETTLING + 1:
            raise KeyboardInterrupt
        taken.append(None)
        return step(*given)

    monkeypatch.setattr(kmeans, "_step", stopping)
    with pytest.raises(KeyboardInterrupt):
        fit(made, batch=batch, steps=9, state=state)
    monkeypatch.setattr(kmeans, "_step", step)
    assert kmeans._read_state(state, ALONE).step == 1
    assert np.array_equal(fit(made, batch=batch, steps=9, state=state), whole)


def test_no_centre_stays_without_vectors(made):
    """Twelve groups and forty centres: those that lose everything are moved to where there is most."""
    found = labels(made, fit(made, clusters=40))
    assert len(np.unique(found)) == 40


def test_first_centres_differ_while_there_are_different_vectors():
    sample = torch.from_numpy(np.repeat(planted().pool[:5], 30, axis=0))
    chosen = kmeans.spread(sample, 5, np.random.default_rng(0))
    assert len(np.unique(chosen.numpy(), axis=0)) == 5
    assert len(kmeans.spread(sample, 9, np.random.default_rng(0))) == 9  # more than there are


def test_equal_seeds_give_equal_centres(made):
    assert np.array_equal(fit(made), fit(made))
    assert not np.array_equal(fit(made), fit(made, seed=1))
