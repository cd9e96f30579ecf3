"""Hits among the first one and five, ties and NaN counting as misses."""

import math

import pytest
import torch

from core import RequestError
from train.evaluate.accuracy import Accuracy, accuracy, require_labelled


def test_top_one_and_five_by_hand():
    scores = torch.tensor([[6.0, 5, 4, 3, 2, 1]] * 3)
    assert accuracy(scores, torch.tensor([0, 4, 5])) == Accuracy(pytest.approx(1 / 3), pytest.approx(2 / 3))


@pytest.mark.parametrize("value", [0.0, math.nan])
def test_a_model_that_says_the_same_of_all_is_never_right(value):
    assert accuracy(torch.full((4, 7), value), torch.tensor([0, 1, 2, 6])) == Accuracy(0.0, 0.0)


@pytest.mark.parametrize(
    ("features", "labels", "said"),
    [
        (torch.zeros(3), torch.zeros(3, dtype=torch.int64), "shape"),
        (torch.zeros(3, 2), torch.zeros(2, dtype=torch.int64), "shape"),
        (torch.zeros(3, 2), torch.zeros(3), "int64"),
        (torch.full((3, 2), math.inf), torch.zeros(3, dtype=torch.int64), "infinity"),
        (torch.zeros(3, 2), torch.tensor([0, -1, 2]), "-1"),
    ],
)
def test_what_does_not_fit_is_refused(features, labels, said):
    with pytest.raises(RequestError, match=said):
        require_labelled(features, labels, "test")
