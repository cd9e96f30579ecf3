"""Measures, and their results."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from train.evaluate.bootstrap import Estimate


class Measure(NamedTuple):
    """One row of the scale."""

    key: str
    """Its name in the JSON."""
    title: str
    asks: str
    """The computation, in a sentence."""
    chance: str
    """The meaning of chance for it."""
    rises: bool = True
    """Whether more is better."""


@dataclass(frozen=True)
class Measured:
    """The result of a measure for the features of one model."""

    measure: Measure
    estimate: Estimate
    chance: float
    best: float = math.nan
    """The value that perfect features would reach, where the patch grid keeps them from the end of the scale; NaN elsewhere."""
    count: int = 0
    """Pictures or queries that the interval is over."""
