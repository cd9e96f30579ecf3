"""What curated images bring: the wanted clusters, by hand on a few vectors, within the caps; and every image's fate."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from core import RequestError
from tests.train.curate.planted import ALONE, noise, planted, unit
from train.curate.config import ClusterConfig, DeduplicateConfig, RetrieveConfig
from train.curate.embeddings import ImageRow
from train.curate.folder import CurationError
from train.curate.search import neighbours
from train.curate.steps.cluster import cluster
from train.curate.steps.deduplicate import deduplicate
from train.curate.steps.embed import adopt
from train.curate.steps.retrieve import retrieve

WANTED = (2, 5, 9)


@pytest.fixture
def made():
    return planted()


@pytest.fixture
def root(made, tmp_path):
    """Curated images of three clusters, in two sets: the first of clusters 2 and 5, the second of cluster 9."""
    random = np.random.default_rng(9)
    centres = [unit(made.pool[made.clusters == label].sum(axis=0)[None])[0] for label in WANTED]
    curated = unit(np.repeat(centres, 10, axis=0) + noise((30, 48), random))
    rows = [ImageRow(f"curated {n}.jpg", n // 20, None, 8, 8, 1, None) for n in range(30)]
    pool = [ImageRow(f"pool {n}.jpg", 0, None, 8, 8, 1, None) for n in range(1400)]
    adopt(tmp_path, {"pool": made.pool, "curated": curated}, {"curated": rows, "pool": pool})
    deduplicate(tmp_path, DeduplicateConfig(threshold=0.85), 4, ALONE)
    cluster(tmp_path, ClusterConfig(clusters=12), ALONE)
    return tmp_path


def fates(root):
    return pq.read_table(root / "fates.parquet").to_pandas()


def taken(root):
    table = fates(root)
    return table[(table["set"] == "pool") & table.kept]


def test_by_query_the_nearest_of_each_curated_image(root, made):
    found = retrieve(root, RetrieveConfig(k=4), 4, ALONE)
    pairs = pq.read_table(root / "retrieved.parquet").to_pandas()
    curated = np.load(root / "embeddings" / "curated" / "vectors.npy").astype(np.float64)
    left = np.arange(1200)  # the originals
    vectors = np.load(root / "embeddings" / "pool" / "vectors.npy").astype(np.float64)
    for query in range(30):
        cosines = vectors[left] @ curated[query]
        expected = left[np.argsort(-cosines)[:4]]
        mine = pairs[pairs["query"] == query].sort_values("cosine", ascending=False)
        assert mine.row.tolist() == expected.tolist()
    assert found["taken"] == pairs.row.nunique() == len(taken(root))
    assert np.isin(made.clusters[pairs.row], WANTED).mean() > 0.97


def test_a_cap_keeps_the_most_similar_of_each_set(root):
    retrieve(root, RetrieveConfig(k=4), 4, ALONE)
    whole = pq.read_table(root / "retrieved.parquet").to_pandas()
    retrieve(root, RetrieveConfig(k=4, most=6), 4, ALONE)
    capped = pq.read_table(root / "retrieved.parquet").to_pandas()
    for path, pairs in capped.groupby("path"):
        best = whole[whole.path == path].groupby("row").cosine.max().nlargest(6)
        assert sorted(pairs.row.unique()) == sorted(best.index)


def test_another_k_needs_no_new_search(root, monkeypatch):
    retrieve(root, RetrieveConfig(k=4), 4, ALONE)
    monkeypatch.setattr(neighbours, "_search", lambda *_: pytest.fail("searched again"))
    fewer = retrieve(root, RetrieveConfig(k=1), 4, ALONE)
    assert fewer["taken"] <= 30


def test_by_clusters_those_with_enough_curated_images_within_the_caps(root, made):
    found = retrieve(root, RetrieveConfig(by="clusters", least=5, per_cluster=20), 4, ALONE)
    assert found["taken"] == 60  # three clusters
    assert np.isin(made.clusters[taken(root).row], WANTED).all()
    pairs = pq.read_table(root / "retrieved.parquet").to_pandas()
    assert set(pairs[pairs.path == 1]["query"]) <= set(range(20, 30))
    assert retrieve(root, RetrieveConfig(by="clusters", least=11), 4, ALONE)["taken"] == 0
    few = retrieve(root, RetrieveConfig(by="clusters", least=5, most=7), 4, ALONE)
    assert few["taken"] == 14  # seven for each set


def test_every_image_has_one_fate_with_its_reason(root, made):
    retrieve(root, RetrieveConfig(), 4, ALONE)
    table = fates(root)
    assert len(table) == 1430 and not table.duplicated(["set", "row"]).any()
    pool = table[table["set"] == "pool"].set_index("row")
    copies = pool.loc[1200:]
    assert not copies.kept.any() and (copies.step == "deduplicate").all()
    assert (copies.because == [f"pool {row}.jpg" for row in made.originals[1200:]]).all()
    kept = pool[pool.kept]
    assert (kept.step == "retrieve").all() and (kept.because_set == "curated").all()
    assert kept.because.tolist() == [f"curated {int(row)}.jpg" for row in kept.because_row]
    left = pool[~pool.kept & (pool.step == "retrieve")]
    assert left.because.isna().all() and (left.reason == "retrieved by no curated image").all()
    assert len(kept) + len(left) == 1200
    curated = table[table["set"] == "curated"]
    assert curated.kept.all() and curated.because.isna().all()


def test_what_is_missing_is_said(tmp_path, made):
    adopt(tmp_path, {"pool": made.pool})
    deduplicate(tmp_path, DeduplicateConfig(), 4, ALONE)
    with pytest.raises(CurationError, match="made without --curated"):
        retrieve(tmp_path, RetrieveConfig(), 4, ALONE)
    adopt(tmp_path / "b", {"pool": made.pool, "curated": made.pool[:3]})
    deduplicate(tmp_path / "b", DeduplicateConfig(), 4, ALONE)
    with pytest.raises(CurationError, match="no finished step `cluster`"):
        retrieve(tmp_path / "b", RetrieveConfig(by="clusters"), 4, ALONE)
    with pytest.raises(RequestError, match="k is 0"):
        RetrieveConfig(k=0)
