"""Classifiers where the best that any can reach is known, from many images or a few of each class."""

import math

import numpy as np
import pytest
import torch

from core import RequestError
from tests.train.evaluate.probes.test_linear import two_gaussians
from train.evaluate.datasets.labelled_split import Side, Split
from train.evaluate.probes.classification import outcome
from train.evaluate.probes.logistic import logistic_logits
from train.evaluate.tasks.fewshot import few_shots
from train.evaluate.tasks.linear import linear_layers
from train.evaluate.tasks.logreg import logistic_regressions


def side(count: int, seed: int, distance: float = 1.0) -> Side:
    """Two clouds in the last block's cls; noise in the earlier three and in the mean patch."""
    x, y = two_gaussians(count, distance, 16, seed)
    noise = torch.randn(count, 3, 16, generator=torch.Generator().manual_seed(seed))
    return Side(torch.cat([noise, x.unsqueeze(1)], dim=1), noise[:, 0], y, source=None, indices=torch.arange(count))


SPLIT = Split(side(1500, 1), side(4000, 2), ("a", "b"))
BAYES = 0.5 * (1 + math.erf(1 / math.sqrt(2)))


def test_linear_layers_reach_the_bayes_rate_whatever_noise_lies_beside():
    found = outcome(SPLIT, linear_layers(SPLIT, 0, torch.device("cpu")), 0)
    assert [one.how.split(" (")[0] for one in found.scored] == [
        "cls",
        "cls and mean patch",
        "cls of 4 blocks",
        "cls of 4 blocks and mean patch",
    ]
    for one in found.scored:
        assert one.top1.value == pytest.approx(BAYES, abs=0.035)
        assert one.top1.low < one.top1.value < one.top1.high and one.top5.value == 1
        assert np.mean(one.per_class) == pytest.approx(one.top1.value, abs=0.01)


def test_logistic_regression_reaches_the_rate_of_directions():
    """Features of length 1 keep the direction only; the best then is the side of the plane between the clouds."""
    found = outcome(SPLIT, logistic_regressions(SPLIT, 0), 0)
    assert found.scored[0].top1.value == pytest.approx(BAYES, abs=0.035)


def test_a_class_without_images_is_never_said():
    x = torch.eye(3).repeat(4, 1)
    said = logistic_logits(x, torch.tensor([0, 2, 3]).repeat(4), torch.eye(3), 5, np.random.default_rng(0))
    assert said.logits.argmax(dim=1).tolist() == [0, 2, 3]
    assert (said.logits[:, [1, 4]] == -torch.inf).all()


def test_more_shots_say_more_and_too_many_are_refused():
    split = Split(side(400, 1, 2.0), side(1000, 2, 2.0), ("a", "b"))
    found = outcome(split, few_shots(split, (1, 50), 4, 0), 0)
    one, many = (found.scored[place].top1.value for place in (0, 2))
    assert 0.5 < one < many <= 0.99 and found.scored[1].how == "1 image of each, logistic regression"
    with pytest.raises(RequestError, match="Shots of 9999"):
        few_shots(split, (9999,), 1, 0)
