"""Collapse in figures: closed forms and slow sums."""

import math

import pytest
import torch

from core import RequestError
from train.evaluate.features.health import effective_rank, first_component_share, mean_cosine


@pytest.fixture
def features():
    return torch.randn(40, 12, generator=torch.Generator().manual_seed(0)) + 0.3


def test_effective_rank_of_known_singular_values():
    shares = (0.5, 0.25, 0.25)
    entropy = -sum(share * math.log(share) for share in shares)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)))[0]
    assert effective_rank(7 * torch.tensor(shares).diag() @ rotation) == pytest.approx(math.exp(entropy), rel=1e-5)


def test_effective_rank_of_features_that_are_all_alike():
    assert effective_rank(torch.ones(10, 5) + 1e-6 * torch.eye(10, 5)) == pytest.approx(1, abs=1e-4)
    assert effective_rank(torch.zeros(10, 5)) == 1


def test_mean_cosine_over_all_pairs(features):
    pairs = [
        torch.cosine_similarity(features[i], features[j], dim=0).item() for i in range(40) for j in range(40) if i != j
    ]
    assert mean_cosine(features) == pytest.approx(sum(pairs) / len(pairs), abs=1e-6)


def test_first_component_against_the_singular_values(features):
    values = torch.linalg.svdvals(features - features.mean(dim=0)).square()
    assert first_component_share(features) == pytest.approx((values[0] / values.sum()).item(), rel=1e-5)
    assert first_component_share(torch.full((5, 3), 0.1)) == 1


@pytest.mark.parametrize("figure", [effective_rank, mean_cosine, first_component_share])
def test_what_has_no_figure_is_refused(figure):
    for shape in ((0, 4), (4,)):
        with pytest.raises(RequestError, match="give"):
            figure(torch.zeros(shape))
