"""One level and two find planted clusters; seats are divided fairly; every image has a cluster."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from tests.train.curate.planted import ALONE, planted
from train.curate.config import ClusterConfig, DeduplicateConfig
from train.curate.embeddings import open_embeddings
from train.curate.folder import CurationError, read_arrays
from train.curate.steps.balance import balance
from train.curate.steps.cluster import apportion, cluster, cosines_of, labels_of
from train.curate.steps.deduplicate import deduplicate, surviving
from train.curate.steps.embed import adopt


@pytest.fixture
def root(tmp_path):
    made = planted(clusters=16)
    adopt(tmp_path, {"pool": made.pool, "curated": planted(clusters=16).pool[:40]})
    deduplicate(tmp_path, DeduplicateConfig(threshold=0.85), 4, ALONE)
    return tmp_path


@pytest.mark.parametrize("levels", [1, 2])
def test_planted_clusters_are_found_for_dropped_images_too(root, levels):
    made, pool = planted(clusters=16), open_embeddings(root, "pool")
    # two levels first make 8 groups of 16: what a group tears apart no second level joins
    record = cluster(root, ClusterConfig(clusters=64 if levels == 2 else 16, levels=levels), ALONE)
    labels = labels_of(root, pool, "pool")
    if levels == 1:
        assert adjusted_rand_score(made.clusters, labels) > 0.95
    majority = sum(np.bincount(made.clusters[labels == label]).max() for label in np.unique(labels))
    assert majority / len(labels) > 0.95
    assert record["clusters"] == len(read_arrays(root / "clusters" / "centres.npz")["fine"])
    assert record["before"]["images"] == 1400
    assert record["after_deduplication"]["images"] < 1400
    assert (cosines_of(root, pool, "pool") <= 1.001).all()
    curated = labels_of(root, open_embeddings(root, "curated"), "curated")
    assert np.array_equal(curated, labels[:40])  # equal vectors, equal clusters


def test_the_default_is_the_square_root(root):
    kept = deduplicate(root, DeduplicateConfig(threshold=0.85), 4, ALONE)["fates"]["kept"]
    assert cluster(root, ClusterConfig(), ALONE)["clusters"] == round(kept**0.5)


def test_clusters_of_another_deduplication_are_not_taken_for_these(root):
    cluster(root, ClusterConfig(clusters=4), ALONE)
    deduplicate(root, DeduplicateConfig(threshold=0.99), 4, ALONE)
    again = cluster(root, ClusterConfig(clusters=4), ALONE)
    # but for those 40 that are curated, and copies that groups of these 40 hold
    assert again["after_deduplication"]["images"] == len(surviving(root)) > 1300


def test_nothing_left_to_cluster_is_said(tmp_path):
    pool = planted().pool[:30]
    adopt(tmp_path, {"pool": pool, "evaluation": pool})
    deduplicate(tmp_path, DeduplicateConfig(), 4, ALONE)
    with pytest.raises(CurationError, match="Nothing of the pool"):
        cluster(tmp_path, ClusterConfig(), ALONE)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=12), st.integers(0, 60))
def test_seats_are_divided_by_size(counts, extra):
    counts = np.array(counts)
    total = min(int((counts > 0).sum()) + extra, int(counts.sum()))
    if not counts.sum():
        return
    seats = apportion(counts, total)
    assert ((seats >= 1) == (counts > 0)).all() and (seats <= counts).all() and seats.sum() <= total


def test_balance_of_known_shares():
    even, skewed = balance(np.repeat(np.arange(4), 5), 4), balance(np.array([0] * 9 + [1]), 4)
    assert (even.effective, even.gini, even.largest, even.occupied) == (4.0, 0.0, 0.25, 4)
    assert skewed.effective == pytest.approx(np.exp(-0.9 * np.log(0.9) - 0.1 * np.log(0.1)), abs=1e-3)
    assert (skewed.largest, skewed.occupied) == (0.9, 2)
