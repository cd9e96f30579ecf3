"""Classification by frozen features: nearest neighbours, linear layers, logistic regression.

n test images, C classes.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from core.wording import counted
from train.evaluate.bootstrap import Estimate, of_mean
from train.evaluate.datasets.groups import Group, by_group
from train.evaluate.datasets.labelled_split import Side, Split
from train.evaluate.left_out import Counts

FIRST = (1, 5)
"""Among how many of the highest scores the right label counts."""


class Hits(NamedTuple):
    """The name of a classifier, and for each image [n] in 0..1 whether its label was first, and among the five."""

    how: str
    top1: np.ndarray
    top5: np.ndarray


class Scored(NamedTuple):
    """One line of the result."""

    how: str
    top1: Estimate
    top5: Estimate
    per_class: list[float]
    groups: list[Group]


class Outcome(NamedTuple):
    """Lines, and of how many labels and images they are."""

    scored: list[Scored]
    classes: tuple[str, ...]
    counts: Counts


def hits_of(how: str, placed: Tensor) -> Hits:
    """From what `ranks` gave, [n]."""
    return Hits(how, *((placed < first).double().cpu().numpy() for first in FIRST))


def feature_choices(side: Side) -> Iterator[tuple[str, int, bool]]:
    """The inputs of linear layers: name, blocks and whether the mean patch (Oquab et al. 2023, section 7.1)."""
    for blocks in sorted({1, side.cls.shape[1]}):
        name = "cls" if blocks == 1 else f"cls of {blocks} blocks"
        yield name, blocks, False
        yield f"{name} and mean patch", blocks, True


def outcome(split: Split, found: Sequence[Hits], seed: int, groups: Sequence[str] = ()) -> Outcome:
    """The accuracies of the hits: with intervals, by class, and by the groups [n] of the images where they are known."""
    labels, scored = split.test.labels.numpy(), []
    counts = np.bincount(labels, minlength=len(split.classes))
    for hits in found:
        top1, top5 = (of_mean(column, np.random.default_rng([seed, 4])) for column in (hits.top1, hits.top5))
        sums = np.bincount(labels, hits.top1, minlength=len(split.classes))
        per_class = np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0).tolist()
        apart = by_group(hits.top1, groups, np.random.default_rng([seed, 5])) if groups else []
        scored.append(Scored(hits.how, top1, top5, per_class, apart))
    left_out = split.train.left_out + split.test.left_out
    return Outcome(scored, split.classes, Counts(len(split.train.labels), len(labels), left_out))


def as_text(result: Outcome) -> str:
    """The outcome for reading."""
    width = max(len(one.how) for one in result.scored)
    train, test, left_out = result.counts
    lines = [
        f"{counted(test, 'test image')} of {counted(len(result.classes), 'label')}, {counted(train, 'training image')}",
        "",
    ]
    if left_out:
        lines[0] += f"; {left_out} could not be read"
    lines.append(f"{'':{width}}  top-1          top-5")
    for one in result.scored:
        lines.append(f"{one.how:{width}}  {_with_interval(one.top1)}   {_with_interval(one.top5)}")
        lines += [
            f"{'':{width}}  {_with_interval(group.accuracy)}   {group.name}, {counted(group.images, 'image')}"
            for group in one.groups
        ]
        if one.groups:
            worst, best = one.groups[0], one.groups[-1]
            gap = best.accuracy.value - worst.accuracy.value
            lines.append(f"{'':{width}}  {gap:.3f}          between {worst.name} (worst) and {best.name} (best)")
    return "\n".join([*lines, "", "± is half of the interval that covers 95 % of resampled images."])


def _with_interval(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ±{estimate.half:.3f}"


def as_json(result: Outcome) -> list[dict]:
    """A record for each line."""
    return [
        {
            "how": one.how,
            "top1": one.top1.value,
            "top1_interval": one.top1[1:],
            "top5": one.top5.value,
            "top5_interval": one.top5[1:],
            "per_class": dict(zip(result.classes, one.per_class, strict=True)),
            "groups": [
                {
                    "group": group.name,
                    "images": group.images,
                    "top1": group.accuracy.value,
                    "interval": group.accuracy[1:],
                }
                for group in one.groups
            ],
            "worst_group": one.groups[0].name if one.groups else None,
            "gap": one.groups[-1].accuracy.value - one.groups[0].accuracy.value if one.groups else None,
        }
        for one in result.scored
    ]
