"""A histogram and curves as shapes on a ground of 100 × 100, y downwards, with words for under it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

TICKS = 10
"""A histogram begins at a multiple of one part in so many."""
POINTS = 360
"""Clusters that a curve has a step for, at most."""


class Bar(NamedTuple):
    x: str
    width: str
    y: str
    height: str
    title: str


class Histogram(NamedTuple):
    """Bars, and where a vertical line stands."""

    bars: list[Bar]
    mark: str
    ticks: list[str]


class Curves(NamedTuple):
    """Two lines, "x,y x,y …" each."""

    first: str
    second: str
    ticks: list[str]


def histogram(counts: Sequence[int], mark: float) -> Histogram:
    """Of values from 0 to 1, from the first that occurs on, with a vertical line at `mark`."""
    occupied = [place for place, count in enumerate(counts) if count]
    first = min([*occupied, int(mark * len(counts)), len(counts) - 1]) * TICKS // len(counts) / TICKS
    skipped = round(first * len(counts))
    most, step = max([*counts, 1]), 100 / (len(counts) - skipped)
    bars = [
        Bar(
            f"{place * step:.3f}",
            f"{0.85 * step:.3f}",
            f"{100 - size:.2f}",
            f"{size:.2f}",
            f"{(place + skipped) / len(counts):.3f} and more: {count:,}",
        )
        for place, count in enumerate(counts[skipped:])
        if (size := max(100 * count / most, 1 if count else 0))
    ]
    ticks = [f"{first + (1 - first) * part / 4:.3g}" for part in range(5)]
    return Histogram(bars, f"{100 * (mark - first) / (1 - first):.2f}", ticks)


def curves(first: Sequence[int], second: Sequence[int]) -> Curves:
    """Shares of two groups in each cluster, each from its fullest to its emptiest."""
    shares = [np.sort(np.asarray(one, float))[::-1] / max(sum(one), 1) for one in (first, second)]
    most = max(float(one.max()) for one in shares) or 1.0
    lines = []
    for one in shares:
        places = np.unique(np.linspace(0, len(one) - 1, min(len(one), POINTS)).round().astype(int))
        steps = [
            f"{100 * (place + side) / len(one):.2f},{100 - 98 * one[place] / most:.2f}"
            for place in places
            for side in (0, 1)
        ]
        lines.append(" ".join(steps))
    return Curves(lines[0], lines[1], [f"fullest, {most:.1%} of the images at the top", "emptiest"])
