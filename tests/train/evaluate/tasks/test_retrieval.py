"""Average precision by hand, against scikit-learn, and the three protocols on an order that is known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from train.evaluate.datasets.layouts.revisited import Query
from train.evaluate.tasks.retrieval import (
    average_precision,
    revisited_rankings,
    same_label_ranking,
    trapezoid_precision,
)


def test_average_precision_is_scikit_learns():
    random = np.random.default_rng(0)
    for _ in range(20):
        right = random.random(30) < 0.3
        if right.any():
            expected = average_precision_score(right, -np.arange(30))
            assert average_precision(right) == pytest.approx(expected)


def benchmark_ap(ranks, answers):
    """The area as the benchmark's authors state it: at each found answer, the mean of precision before and after."""
    area = 0.0
    for number, rank in enumerate(ranks):
        before = 1.0 if rank == 0 else number / rank
        area += (before + (number + 1) / (rank + 1)) / (2 * answers)
    return area


def test_the_trapezoid_rule():
    random = np.random.default_rng(1)
    for _ in range(20):
        right = random.random(30) < 0.3
        if right.any():
            ranks = np.flatnonzero(right)
            assert trapezoid_precision(right) == pytest.approx(benchmark_ap(ranks, len(ranks)))
    assert trapezoid_precision(np.array([True, True, False])) == 1


def test_protocols_take_and_leave_out_what_they_say():
    """Cosines fall from picture 0 to 5: junk, hard, other, easy, other, hard."""
    angles = torch.linspace(0, 1, 6)
    cls = torch.stack([angles.cos(), angles.sin()], dim=1)
    known = Query(Path("q"), None, easy=np.array([3]), hard=np.array([1, 5]), junk=np.array([0]))
    nobody = Query(Path("q"), None, *[np.empty(0, np.int64)] * 3)
    queries = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    found = {one.name: one for one in revisited_rankings(queries, cls, [known, nobody], np.random.default_rng(0))}
    easy, medium, hard = ([False, True, False], [True, False, True, False, True], [True, False, False, True])
    for told, right in (("easy", easy), ("medium", medium), ("hard", hard)):
        assert found[told].mean_precision.value == pytest.approx(trapezoid_precision(np.array(right))), told
        assert found[told].queries == 1
    assert found["medium"].precision_at == {1: 1.0, 5: 0.6, 10: 0.6}


def test_labels_that_features_hold_and_do_not():
    labels = torch.arange(4).repeat(5)
    features = torch.eye(4)[labels] + 0.01 * torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    assert same_label_ranking(features, labels, np.random.default_rng(0)).mean_precision.value == 1
    noise = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    assert same_label_ranking(noise, labels, np.random.default_rng(0)).mean_precision.value < 0.5
