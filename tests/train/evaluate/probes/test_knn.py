"""Weighted nearest neighbours against scikit-learn's."""

import logging

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from core import RequestError
from train.evaluate.probes.knn import knn_accuracy


@pytest.fixture(scope="module")
def clouds():
    """Seven overlapping clouds of unequal size: (train x, y, test x, y)."""
    random = np.random.default_rng(0)
    labels = random.choice(7, 500, p=np.arange(1, 8) / 28)
    points = random.normal(size=(7, 16))[labels] + 1.3 * random.normal(size=(500, 16))
    x, y = torch.from_numpy(points).float(), torch.from_numpy(labels)
    return x[:350], y[:350], x[350:], y[350:]


def by_sklearn(clouds, k: int, temperature: float) -> tuple[float, float]:
    x, y, test, labels = (part.numpy() for part in clouds)
    weights = lambda distances: np.exp((1 - distances) / temperature)  # noqa: E731
    known = KNeighborsClassifier(k, weights=weights, metric="cosine", algorithm="brute").fit(x, y)
    order = known.predict_proba(test).argsort(axis=1)[:, ::-1]
    found = known.classes_[order] == labels[:, None]
    # a class without a vote is no guess
    voted = np.take_along_axis(known.predict_proba(test), order, 1) > 0
    return (found & voted)[:, :1].any(1).mean(), (found & voted)[:, :5].any(1).mean()


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_equals_sklearn(clouds, temperature):
    result = knn_accuracy(*clouds, temperature=temperature)
    assert list(result) == [10, 20, 100, 200]
    for k, found in result.items():
        assert found == pytest.approx(by_sklearn(clouds, k, temperature))
    assert 0.3 < result[20].top1 < 0.95, "or the comparison would show little"


def test_blocks_change_nothing(clouds):
    assert knn_accuracy(*clouds, block=1) == knn_accuracy(*clouds)


def test_lengths_of_features_do_not_matter(clouds):
    x, y, test, labels = clouds
    stretched = x * torch.linspace(0.1, 10, len(x))[:, None]
    assert knn_accuracy(stretched, y, 7 * test, labels)[20] == pytest.approx(knn_accuracy(*clouds)[20])


def test_a_tiny_temperature_is_the_nearest_neighbour(clouds):
    assert knn_accuracy(*clouds, ks=[50], temperature=1e-5)[50].top1 == knn_accuracy(*clouds, ks=[1])[1].top1


def test_more_neighbours_than_images_are_left_out_with_a_word(clouds, caplog):
    x, y, test, labels = clouds
    with caplog.at_level(logging.INFO):
        assert list(knn_accuracy(x[:60], y[:60], test, labels)) == [10, 20]
    assert "60 images" in caplog.text
    with pytest.raises(RequestError, match="choose 1 to 5"):
        knn_accuracy(x[:5], y[:5], test, labels)


def test_other_widths_are_refused(clouds):
    x, y, test, labels = clouds
    with pytest.raises(RequestError, match="16 wide, test features 8"):
        knn_accuracy(x, y, test[:, :8], labels)


@pytest.mark.gpu
def test_the_gpu_says_the_same(clouds):
    moved = [part.cuda() for part in clouds]
    for k, found in knn_accuracy(*moved).items():
        assert found == pytest.approx(knn_accuracy(*clouds)[k], abs=2 / len(clouds[2]))
