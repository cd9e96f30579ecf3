"""Bootstrap intervals: how far a figure might have come out elsewhere, by resampling the pictures.

n pictures (or queries), R resamples. Efron & Tibshirani 1993, percentile intervals.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

RESAMPLES = 1000
COVERED = 0.95


class Estimate(NamedTuple):
    """A figure on the pictures at hand, and the interval that covers 95 % of its values on resampled ones."""

    value: float
    low: float
    high: float

    @property
    def half(self) -> float:
        """Half the interval's length: what is printed behind ±."""
        return (self.high - self.low) / 2


def bootstrap(
    statistic: Callable[[np.ndarray], np.ndarray],
    count: int,
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Estimate:
    """The estimate of a statistic of `count` pictures.

    `statistic` takes how often each picture was drawn, float64 [R, n], and gives a value for each row. Resamples
    without a value (NaN) are left out; equal generators give equal resamples.
    """
    drawn = generator.multinomial(count, np.full(count, 1 / count), size=resamples).astype(np.float64)
    value = float(statistic(np.ones((1, count)))[0])
    values = statistic(drawn)
    if not np.isfinite(values).any():
        return Estimate(value, math.nan, math.nan)
    low, high = np.nanquantile(values, [(1 - COVERED) / 2, (1 + COVERED) / 2])
    return Estimate(value, float(low), float(high))


def of_ratio(
    numerators: np.ndarray, denominators: np.ndarray, generator: np.random.Generator, resamples: int = RESAMPLES
) -> Estimate:
    """Of the sum of `numerators` [n] over the sum of `denominators` [n]: hits among tries, grouped by picture."""
    top, bottom = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)

    def statistic(drawn: np.ndarray) -> np.ndarray:
        return _divided(drawn @ top, drawn @ bottom)

    return bootstrap(statistic, len(top), generator, resamples)


def of_mean(values: np.ndarray, generator: np.random.Generator, resamples: int = RESAMPLES) -> Estimate:
    """Of the mean of `values` [n].

    >>> of_mean(np.full(5, 0.25), np.random.default_rng(0))
    Estimate(value=0.25, low=0.25, high=0.25)
    """
    return of_ratio(values, np.ones(len(values)), generator, resamples)


def _divided(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Quotients, NaN where there is nothing to divide by."""
    return np.divide(top, bottom, out=np.full(np.shape(top), math.nan), where=bottom > 0)
