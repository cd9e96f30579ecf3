"""Colours along a timeline: what a rotation can undo is undone, and nothing else."""

import itertools

import numpy as np
import pytest

from core import RequestError
from core.analysis.steady import steadied, turned

PATCHES = np.random.default_rng(0).uniform(size=(400, 3))


def rotation(seed: int) -> np.ndarray:
    """Orthogonal [3, 3], a reflection for odd seeds."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * (-1 if (np.linalg.det(q) < 0) != bool(seed % 2) else 1)


def correlations(a: np.ndarray, b: np.ndarray) -> list[float]:
    return [np.corrcoef(a[:, k], b[:, k])[0, 1] for k in range(3)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_rotated_or_mirrored_component_comes_back(seed):
    standard = (PATCHES - PATCHES.mean(0)) / PATCHES.std(0)
    rotated = standard @ rotation(seed)
    assert min(correlations(rotated, PATCHES)) < 0.9, "nothing was rotated"
    again = turned(rotated, PATCHES)
    assert min(correlations(again, PATCHES)) > 0.99
    assert again.min() == 0 and again.max() == 1


def test_the_anchor_stays_and_the_others_follow_it_step_by_step():
    """Slowly changing patches, each moment with components swapped and turned round at random."""
    random, moments, now = np.random.default_rng(5), [], PATCHES.copy()
    for _ in range(6):
        now = (now + 0.08 * random.normal(size=now.shape)).clip(0, 1)
        turned_round = np.where(random.random(3) < 0.5, now, 1 - now)
        moments.append(turned_round[:, random.permutation(3)])
    for anchor in (0, 3, -1):
        steady = steadied(moments, anchor)
        assert np.array_equal(steady[anchor], moments[anchor])
        for before, after in itertools.pairwise(steady):
            assert min(correlations(before, after)) > 0.9


def test_a_component_that_does_not_vary_is_grey():
    flat = PATCHES.copy()
    flat[:, 1] = 0.3
    result = turned(flat, PATCHES)
    assert np.isfinite(result).all()


def test_other_patches_are_refused():
    assert steadied([]) == []
    with pytest.raises(RequestError, match="not of the same patches"):
        steadied([PATCHES, PATCHES[:10]])
