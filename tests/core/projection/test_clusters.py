import numpy as np
import pytest

from core import RequestError
from core.projection import clusters
from core.projection.clusters import ALONE, Clusters, islands, kmeans


def groups(*sizes: int, width: int = 8, spread: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Vectors [n, D] near as many axes as there are sizes, and the true labels."""
    truth = np.repeat(np.arange(len(sizes)), sizes)
    noise = np.random.default_rng(0).normal(size=(len(truth), width)) * spread
    return (np.eye(width)[truth] + noise).astype(np.float32), truth


def test_kmeans_finds_the_groups_and_numbers_them_by_size():
    vectors, truth = groups(10, 30, 20)
    found = kmeans(vectors, 3)
    assert found.labels.tolist() == np.array([2, 0, 1])[truth].tolist()
    assert found.sizes.tolist() == [30, 20, 10]
    assert np.array_equal(kmeans(vectors, 3).labels, found.labels)


def test_a_medoid_has_the_greatest_mean_cosine_in_its_group():
    vectors, _ = groups(12, 9, spread=0.4)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found = kmeans(vectors, 2)
    for number, medoid in enumerate(found.medoids):
        members = np.flatnonzero(found.labels == number)
        means = [np.mean([units[a] @ units[b] for b in members]) for a in members]
        assert medoid == members[np.argmax(means)]


def test_no_more_groups_than_different_vectors():
    found = kmeans(np.repeat(np.eye(2), 4, axis=0), 5)
    assert found.sizes.tolist() == [4, 4]


def test_islands_are_found_and_what_lies_between_belongs_to_none():
    generator = np.random.default_rng(0)
    places = np.concatenate(
        [generator.normal(size=(40, 2)) * 0.1, generator.normal(size=(25, 2)) * 0.1 + [3, 0], [[9, 9]]]
    )
    found = islands(places, generator.normal(size=(66, 4)), smallest=10)
    assert found.sizes.tolist() == [40, 25]
    assert found.labels[-1] == ALONE
    assert found.labels[0] == 0 and found.labels[50] == 1
    assert found.medoids[0] < 40 <= found.medoids[1] < 65


def test_islands_of_a_sample_are_those_of_all(monkeypatch):
    generator = np.random.default_rng(0)
    places = np.concatenate([generator.normal(size=(400, 2)) * 0.1, generator.normal(size=(300, 2)) * 0.1 + [3, 0]])
    monkeypatch.setattr(clusters, "ISLANDERS", 200)
    found = islands(places, generator.normal(size=(700, 4)), smallest=100)
    assert (found.labels[:400] == 0).mean() > 0.9 and (found.labels[400:] == 1).mean() > 0.9
    assert not (found.labels[:400] == 1).any() and not (found.labels[400:] == 0).any()


def test_too_few_pictures_are_no_island():
    found = islands(np.zeros((3, 2)), np.eye(3))
    assert found.labels.tolist() == [ALONE] * 3 and len(found.medoids) == 0 and len(found.sizes) == 0


@pytest.mark.parametrize("count", [0, 5])
def test_a_wrong_number_of_groups_is_refused(count):
    with pytest.raises(RequestError, match=r"choose 1 to 4"):
        kmeans(np.eye(4), count)


def test_a_map_of_other_pictures_is_refused():
    with pytest.raises(RequestError, match="3 pictures"):
        islands(np.zeros((4, 2)), np.eye(3))
    with pytest.raises(RequestError, match="at least"):
        islands(np.zeros((4, 2)), np.eye(4), smallest=1)


def test_sizes_count_groups_only():
    assert Clusters(np.array([0, ALONE, 1, 0]), np.array([0, 2])).sizes.tolist() == [2, 1]
