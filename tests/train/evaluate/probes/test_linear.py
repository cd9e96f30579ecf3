"""The linear probe where the best that any classifier can reach is known."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from core import RequestError
from train.evaluate.probes import linear
from train.evaluate.probes.linear import Setting, _batches, _standardised, _train, linear_accuracy, linear_labels


def two_gaussians(count: int, distance: float, width: int, seed: int):
    """Two round clouds whose centres are 2 · distance apart: no classifier is right more often than Φ(distance)."""
    random = np.random.default_rng(seed)
    y = torch.from_numpy(random.integers(2, size=count))
    x = torch.from_numpy(random.normal(size=(count, width))).float()
    x[:, 0] += distance * (2 * y - 1)
    return x, y


@pytest.mark.parametrize("distance", [0.5, 1.0, 2.0])
def test_reaches_the_bayes_rate(distance):
    bayes = 0.5 * (1 + math.erf(distance / math.sqrt(2)))
    x, y = two_gaussians(4000, distance, 16, 1)
    test, labels = two_gaussians(20_000, distance, 16, 2)
    found = linear_accuracy(x, y, test, labels, 2, np.random.default_rng(0)).accuracy.top1
    # three standard errors of 20,000 coins, and what 16 directions estimated from 4,000 images cost
    assert abs(found - bayes) < 3 * math.sqrt(bayes * (1 - bayes) / 20_000) + 0.005


def test_features_of_very_different_scales():
    x, y = two_gaussians(2000, 2.0, 8, 1)
    test, labels = two_gaussians(5000, 2.0, 8, 2)
    scales, shifts = torch.logspace(-4, 4, 8), torch.linspace(-3, 3, 8)
    plain = linear_accuracy(x, y, test, labels, 2, np.random.default_rng(0))
    odd = linear_accuracy(
        x * scales + shifts * scales, y, test * scales + shifts * scales, labels, 2, np.random.default_rng(0)
    )
    assert odd.accuracy.top1 == pytest.approx(plain.accuracy.top1, abs=0.004)


def test_constant_features_are_ignored():
    x, _ = two_gaussians(500, 2.0, 4, 1)
    constant = torch.full((500, 3), 0.1)
    standard, _ = _standardised(torch.cat([x, constant], dim=1), x.new_zeros(1, 7))
    assert standard[:, 4:7].abs().max() == 0
    assert standard[:, :4].square().sum(dim=1).mean() == pytest.approx(4 / 7, rel=1e-4)


def test_equals_torchs_sgd():
    x, y = two_gaussians(64, 1.0, 5, 3)
    grid = [Setting(0.5, 0.0), Setting(2.0, 0.01)]
    layers = _train(x, y, torch.arange(64), 3, grid, np.random.default_rng(5), 20, 16)
    for number, (rate, decay) in enumerate(grid):
        weight, bias = torch.zeros(4, 3, requires_grad=True), torch.zeros(3, requires_grad=True)
        groups = [{"params": [weight], "weight_decay": decay}, {"params": [bias]}]
        optimiser = torch.optim.SGD(groups, lr=rate, momentum=0.9)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 20)
        for rows in _batches(64, 16, 20, np.random.default_rng(5)):
            optimiser.zero_grad()
            # the last column stands where ones do
            F.cross_entropy(x[rows, :4] @ weight + x[rows, 4:] * bias, y[rows]).backward()
            optimiser.step()
            schedule.step()
        torch.testing.assert_close(layers[:, number], torch.cat([weight, bias[None]]).detach(), atol=1e-5, rtol=1e-4)


def test_the_test_set_chooses_nothing():
    x, y = two_gaussians(200, 1.0, 30, 1)
    test, labels = two_gaussians(400, 1.0, 30, 2)
    right = linear_accuracy(x, y, test, labels, 2, np.random.default_rng(0))
    wrong = linear_accuracy(x, y, test, 1 - labels, 2, np.random.default_rng(0))
    assert wrong.setting == right.setting
    assert wrong.accuracy.top1 == pytest.approx(1 - right.accuracy.top1)


def test_a_rate_that_diverges_is_not_chosen():
    x, y = two_gaussians(400, 2.0, 8, 1)
    result = linear_accuracy(x, y, x, y, 2, np.random.default_rng(0), rates=(1e30, 1.0), weight_decays=(1.0, 0.0))
    assert result.setting.rate == 1.0
    assert result.accuracy.top1 > 0.95


def test_a_class_that_no_training_image_has():
    x, y = two_gaussians(100, 3.0, 4, 1)
    result = linear_accuracy(x, y, x, torch.full_like(y, 2), 3, np.random.default_rng(0), steps=50)
    assert result.accuracy == (0.0, 1.0)


def test_neither_gradients_nor_random_state_are_touched():
    x, y = two_gaussians(100, 1.0, 4, 1)
    before = torch.get_rng_state()
    with torch.inference_mode():
        inside = linear_accuracy(x.clone(), y, x, y, 2, np.random.default_rng(0), steps=20)
    assert inside == linear_accuracy(x.requires_grad_(), y, x, y, 2, np.random.default_rng(0), steps=20)
    assert x.grad is None
    assert torch.equal(before, torch.get_rng_state())


def test_every_epoch_sees_every_image_once():
    batches = list(_batches(10, 4, 5, np.random.default_rng(0)))
    assert [len(set(rows.tolist())) for rows in batches] == [4] * 5
    for first, second in (batches[:2], batches[2:4]):
        assert not set(first.tolist()) & set(second.tolist())


def test_judging_in_parts_changes_nothing(monkeypatch):
    x, y = two_gaussians(100, 1.0, 4, 1)
    layers = torch.from_numpy(np.random.default_rng(0).normal(size=(4, 3, 2))).float()
    layers[:, 2] = math.inf
    whole = linear._judged(x, y, torch.arange(90), layers)
    monkeypatch.setattr(linear, "BLOCK", 7 * 6)
    assert linear._judged(x, y, torch.arange(90), layers)[:2] == whole[:2]
    for place in (0, 1):
        expected = F.cross_entropy(x[:90] @ layers[:, place], y[:90]).item()
        assert whole.losses[place] == pytest.approx(expected, rel=1e-5)
    assert whole.losses[2] == math.inf and whole.top1[2] == 0


def test_too_many_labels_are_refused():
    x, y = two_gaussians(10, 1.0, 4, 1)
    with pytest.raises(RequestError, match="labels up to 1 for 1 classes"):
        linear_accuracy(x, y, x, y, 1, np.random.default_rng(0))


def test_labels_where_most_rows_are_background():
    """Two clouds of 2 % each in a background of 96 %: judged by hits alone, saying background would nearly do."""
    random = np.random.default_rng(0)
    truth = torch.from_numpy(random.choice(3, 6000, p=[0.96, 0.02, 0.02]))
    x = torch.from_numpy(random.normal(size=(6000, 8))).float()
    x[:, 0] += 8.0 * (truth == 1)
    x[:, 1] += 8.0 * (truth == 2)
    said = linear_labels(
        x[:4000], truth[:4000], torch.arange(4000) // 50, x[4000:], 3, np.random.default_rng(0), rates=(0.1, 30.0)
    )
    for label in (1, 2):
        both, either = (
            ((said == label) & (truth[4000:] == label)).sum(),
            ((said == label) | (truth[4000:] == label)).sum(),
        )
        assert both / either > 0.9


def test_groups_are_held_out_whole():
    groups = torch.arange(60) // 6
    held, kept = linear._split(groups, np.random.default_rng(0))
    assert len(held) == 12 and sorted(held.tolist() + kept.tolist()) == list(range(60))
    assert not set(groups[held].tolist()) & set(groups[kept].tolist())


def test_overlaps_by_hand():
    """Logits of two layers: one is right of both labels, one says 1 throughout."""
    x, y = torch.eye(3), torch.tensor([0, 1, 2])
    layers = torch.stack([torch.eye(3), torch.tensor([[0.0, 1.0, 0.0]]).expand(3, 3)], dim=1)
    # 1 throughout: label 1 is right once of three, label 2 never
    assert linear._overlaps(x, y, torch.arange(3), layers).tolist() == pytest.approx([1.0, 1 / 6])
