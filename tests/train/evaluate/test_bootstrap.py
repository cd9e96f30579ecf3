"""Intervals against closed forms."""

import math

import numpy as np
import pytest

from train.evaluate.bootstrap import bootstrap, of_mean, of_ratio


def test_the_interval_of_a_mean_is_the_textbooks():
    values = np.random.default_rng(1).normal(3.0, 2.0, 400)
    found = of_mean(values, np.random.default_rng(0), resamples=4000)
    assert found.value == pytest.approx(values.mean())
    # quantiles of 4,000 resamples are themselves some 3 % uncertain
    assert found.half == pytest.approx(1.96 * values.std() / math.sqrt(400), rel=0.06)
    assert found.low < found.value < found.high


def test_tries_are_grouped_by_picture():
    """Ten tries of one picture that all agree say no more than one."""
    hits = np.random.default_rng(1).integers(2, size=200).astype(float)
    once = of_mean(hits, np.random.default_rng(0))
    tenfold = of_ratio(10 * hits, np.full(200, 10.0), np.random.default_rng(0))
    assert tenfold == pytest.approx(once)


def test_equal_generators_give_equal_resamples():
    values = np.arange(30.0)
    first, second, other = (of_mean(values, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == second != other


def test_resamples_without_a_value_are_left_out():
    """Of two pictures one has tries; where it was not drawn there is no ratio."""
    found = of_ratio(np.array([0.0, 1.0]), np.array([0.0, 2.0]), np.random.default_rng(0))
    assert found == (0.5, 0.5, 0.5)
    nothing = bootstrap(lambda drawn: np.full(len(drawn), math.nan), 3, np.random.default_rng(0))
    assert all(math.isnan(number) for number in nothing)
