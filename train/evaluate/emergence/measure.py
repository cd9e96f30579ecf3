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
    """What is computed, in a sentence."""
    chance: str
    """What chance means for it."""
    rises: bool = True
    """Whether more is better."""


@dataclass(frozen=True)
class Measured:
    """What a measure gave for the features of one model."""

    measure: Measure
    estimate: Estimate
    chance: float
    best: float = math.nan
    """What perfect features would reach where the patch grid keeps them from the end of the scale; NaN elsewhere."""
    count: int = 0
    """How many pictures or queries the interval is over."""
