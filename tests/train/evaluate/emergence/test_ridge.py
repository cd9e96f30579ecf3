"""Ridge regression against numpy's least squares, and the penalty against what is best."""

import numpy as np
import torch

from train.evaluate.emergence import ridge as module
from train.evaluate.emergence.ridge import ridge


def problem(rows: int, width: int, noise: float, seed: int = 0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, width)) * np.logspace(-3, 3, width) + 5.0
    weights = random.normal(size=width) / np.logspace(-3, 3, width)
    y = x @ weights + noise * random.normal(size=rows) - 2.0
    return torch.from_numpy(x).float(), torch.from_numpy(y).float()


def test_least_squares_where_rows_abound():
    x, y = problem(4000, 6, 0.1)
    asked, _ = problem(50, 6, 0.1, seed=1)
    found = ridge(x[:], y, torch.arange(4000) // 40, asked, np.random.default_rng(0))
    design = np.concatenate([x.double().numpy(), np.ones((4000, 1))], axis=1)
    solution = np.linalg.lstsq(design, y.double().numpy(), rcond=None)[0]
    expected = np.concatenate([asked.double().numpy(), np.ones((50, 1))], axis=1) @ solution
    assert np.abs(found.numpy() - expected).max() < 0.01


def test_the_penalty_that_does_best_on_held_out_groups_is_taken(monkeypatch):
    """With fewer rows than features of pure noise, least squares is far off and the mean is not."""
    random = np.random.default_rng(0)
    x, y = (torch.from_numpy(random.normal(size=size)).float() for size in ((60, 50), (60,)))
    asked, truth = (torch.from_numpy(random.normal(size=size)).float() for size in ((500, 50), (500,)))
    groups = torch.arange(60)

    def error() -> float:
        return (ridge(x, y, groups, asked, np.random.default_rng(0)) - truth).square().mean().item()

    chosen = error()
    monkeypatch.setattr(module, "PENALTIES", (1e-6,))
    assert chosen < 0.7 * error()


def test_groups_are_held_out_whole():
    """Rows of a group are copies of each other: split, the smallest penalty would look best."""
    random = np.random.default_rng(0)
    x, y = torch.from_numpy(random.normal(size=(40, 60))).float(), torch.from_numpy(random.normal(size=40)).float()
    asked, truth = torch.from_numpy(random.normal(size=(300, 60))).float(), torch.from_numpy(random.normal(size=300))
    groups = torch.arange(40).repeat(8)

    def error(groups: torch.Tensor) -> float:
        found = ridge(x.repeat(8, 1), y.repeat(8), groups, asked, np.random.default_rng(0))
        return (found - truth).square().mean().item()

    assert error(groups) < error(torch.arange(320))


def test_features_that_do_not_vary_are_ignored():
    x, y = problem(200, 3, 0.0)
    padded = torch.cat([x, torch.full((200, 2), 7.0)], dim=1)
    groups, generator = torch.arange(200), np.random.default_rng
    assert torch.allclose(ridge(padded, y, groups, padded, generator(0)), ridge(x, y, groups, x, generator(0)))
