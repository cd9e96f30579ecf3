"""Nearest neighbours, retrieval and near-duplicates against slow references."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.train.evaluate.emergence.made import known
from train.evaluate.emergence.recognition import (
    average_precision,
    measure_duplicates,
    measure_recognition,
    nearest_hits,
    numbered,
    recall_at_precision,
)

FAMILIES = {"cat": "four-legged", "dog": "four-legged", "owl": "bird"}
PICTURES = [
    known(category=category, family=family, domain=domain)
    for category, family in FAMILIES.items()
    for domain in ("photo", "photo", "photo", "sketch")
]


def measured(cls):
    return {one.measure.key: one for one in measure_recognition(cls, PICTURES, np.random.default_rng(0))}


def test_features_that_name_the_category_are_right_throughout():
    found = measured(F.one_hot(numbered([picture.category for picture in PICTURES])).float())
    assert [one.estimate.value for one in found.values()] == [1.0, 1.0, 1.0]
    assert [found[key].chance for key in ("knn_category", "knn_family")] == pytest.approx([1 / 3, 2 / 3])


def test_features_that_name_the_family_know_no_category():
    """Cats and dogs are as near to each other; equal votes count against a picture."""
    found = measured(F.one_hot(numbered([picture.family for picture in PICTURES])).float())
    assert found["knn_family"].estimate.value == 1.0
    assert found["knn_category"].estimate.value == pytest.approx(1 / 3)


def test_the_asked_picture_has_no_vote():
    """Each of a pair is nearest to one of another label."""
    cosines = torch.tensor([[1.0, 0.1, 0.9], [0.1, 1.0, 0.8], [0.9, 0.8, 1.0]])
    assert nearest_hits(cosines, torch.tensor([0, 0, 1]), k=1).tolist() == [0.0, 0.0, 0.0]


def test_average_precision():
    cosines = torch.tensor([0.9, 1.0, 0.5, 0.7, 0.1])
    relevant = torch.tensor([False, True, True, True, False])
    reached, _ = average_precision(cosines, relevant, itself=1)  # order: 0 no, 3 yes, 2 yes, 4 no
    assert reached == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_the_average_precision_of_a_random_order():
    relevant = torch.arange(12) < 4
    random = torch.Generator().manual_seed(0)
    found = [average_precision(torch.rand(12, generator=random), relevant, 0) for _ in range(3000)]
    reached, expected = np.array(found).T
    assert np.ptp(expected) == 0
    assert reached.mean() == pytest.approx(expected[0], abs=4 * reached.std() / 3000**0.5)


def slow_recall(cosines, own, drawn):
    """Every threshold, pair by pair."""
    best = 0.0
    for threshold in np.unique(cosines):
        hits = pairs = 0.0
        for query, row in enumerate(cosines):
            for picture, cosine in enumerate(row):
                if cosine >= threshold:
                    pairs += drawn[query]
                    hits += drawn[query] * (picture == own[query])
        if pairs and hits >= 0.95 * pairs:
            best = max(best, hits / drawn.sum())
    return best


@pytest.mark.parametrize("seed", range(4))
def test_recall_is_that_of_the_best_threshold(seed):
    random = np.random.default_rng(seed)
    cosines = random.normal(size=(12, 15)).round(1)  # with ties
    own = random.permutation(15)[:12]
    cosines[np.arange(12), own] += 2.5
    drawn = np.stack([np.ones(12), random.multinomial(12, np.full(12, 1 / 12))]).astype(float)
    found = recall_at_precision(cosines, own, drawn)
    assert found == pytest.approx([slow_recall(cosines, own, one) for one in drawn])
    assert 0 < found[0] < 1


def test_copies_that_are_the_same_are_all_found_and_constant_ones_never():
    cls, copied = torch.eye(9), torch.tensor([1, 4, 7])
    (found,) = measure_duplicates(cls, cls[copied], copied, np.random.default_rng(0))
    assert found.estimate == (1.0, 1.0, 1.0) and found.count == 3
    (found,) = measure_duplicates(torch.ones(9, 9), torch.ones(3, 9), copied, np.random.default_rng(0))
    assert found.estimate.value == found.chance == 0.0
