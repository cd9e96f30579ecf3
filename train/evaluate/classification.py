"""How well frozen features tell labelled images apart: nearest neighbours, linear layers, logistic regression.

n images asked about, C classes.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from core import RequestError
from train.evaluate.accuracy import ranks
from train.evaluate.bootstrap import Estimate, of_mean
from train.evaluate.groups import Group, by_group
from train.evaluate.knn import NEIGHBOURS, knn_ranks
from train.evaluate.labelled_split import Side, Split
from train.evaluate.linear import linear_head
from train.evaluate.logistic import logistic_logits

FIRST = (1, 5)
"""Among how many of the highest scores the right label counts."""


class Hits(NamedTuple):
    """How a result was reached, and for each image [n] in 0..1 whether its label was first, and among the five."""

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
    learnt: int
    asked: int


def hits_of(how: str, placed: Tensor) -> Hits:
    """From what `ranks` gave, [n]."""
    return Hits(how, *((placed < first).double().cpu().numpy() for first in FIRST))


def nearest_neighbours(split: Split, ks: Sequence[int] = NEIGHBOURS) -> list[Hits]:
    """k-NN on cls tokens (Caron et al. 2021), for each k that the images allow. Raises as `knn_ranks` does."""
    train, test = (side.inputs(1, mean_patch=False) for side in split[:2])
    found = knn_ranks(train, split.train.labels, test, split.test.labels, ks)
    return [hits_of(f"k = {k}", placed) for k, placed in found.items()]


def feature_choices(side: Side) -> Iterator[tuple[str, int, bool]]:
    """What linear layers may look at, told, blocks and whether the mean patch (Oquab et al. 2023, section 7.1)."""
    for blocks in sorted({1, side.cls.shape[1]}):
        told = "cls" if blocks == 1 else f"cls of {blocks} blocks"
        yield told, blocks, False
        yield f"{told} and mean patch", blocks, True


def linear_layers(split: Split, seed: int, device: torch.device) -> list[Hits]:
    """A linear layer for each choice of features, each chosen from a grid that is trained together."""
    found = []
    for told, blocks, mean_patch in feature_choices(split.train):
        train, test = (side.inputs(blocks, mean_patch, device) for side in split[:2])
        labels = split.train.labels.to(device)
        head = linear_head(train, labels, len(split.classes), np.random.default_rng([seed, 1]))
        how = f"{told} (rate {head.setting.rate:g}, weight decay {head.setting.weight_decay:g})"
        found.append(hits_of(how, ranks(head.logits(test), split.test.labels.to(device))))
    return found


def logistic_regressions(split: Split, seed: int) -> list[Hits]:
    """Logistic regression on cls tokens, and on these beside the mean patch."""
    found = []
    for told, mean_patch in (("cls", False), ("cls and mean patch", True)):
        train, test = (side.inputs(1, mean_patch) for side in split[:2])
        generator = np.random.default_rng([seed, 2])
        said = logistic_logits(train, split.train.labels, test, len(split.classes), generator)
        found.append(hits_of(f"{told} (C {said.penalty:g})", ranks(said.logits, split.test.labels)))
    return found


def few_shots(split: Split, shots: Sequence[int], draws: int, seed: int) -> list[Hits]:
    """From a few images of each class, drawn `draws` times: the nearest class mean, and logistic regression, on cls.

    Hits are means over draws. Raises RequestError where a class has fewer images than a shot asks for.
    """
    labels, classes = split.train.labels, len(split.classes)
    fewest = int(labels.bincount(minlength=classes).min())
    if not shots or min(shots) < 1 or max(shots) > fewest or draws < 1:
        raise RequestError(
            f"Shots of {', '.join(map(str, shots)) or 'nothing'}, {draws} draws; every class has {fewest} images to "
            "learn from: choose from 1 to that many, and a draw or more."
        )
    train, test = (side.inputs(1, mean_patch=False) for side in split[:2])
    found = []
    for count in shots:
        drawn: dict[str, list[Hits]] = {"nearest mean": [], "logistic regression": []}
        for draw in range(draws):
            generator = np.random.default_rng([seed, 3, count, draw])
            chosen = _some_of_each(labels, count, classes, generator)
            few, theirs = train[chosen], labels[chosen]
            means = torch.stack([F.normalize(few, dim=1)[theirs == label].mean(dim=0) for label in range(classes)])
            said = {
                "nearest mean": F.normalize(test, dim=1) @ F.normalize(means, dim=1).T,
                "logistic regression": logistic_logits(few, theirs, test, classes, generator).logits,
            }
            for how, logits in said.items():
                drawn[how].append(hits_of(how, ranks(logits, split.test.labels)))
        for how, hits in drawn.items():
            told = f"{count} image{'s' if count > 1 else ''} of each, {how}"
            found.append(
                Hits(told, *(np.mean([getattr(one, top) for one in hits], axis=0) for top in ("top1", "top5")))
            )
    return found


def _some_of_each(labels: Tensor, count: int, classes: int, generator: np.random.Generator) -> Tensor:
    members = [generator.permutation(np.flatnonzero(labels.numpy() == label))[:count] for label in range(classes)]
    return torch.from_numpy(np.sort(np.concatenate(members)))


def outcome(split: Split, found: Sequence[Hits], seed: int, groups: Sequence[str] = ()) -> Outcome:
    """What is told of the hits: with intervals, by class, and by the groups [n] of the images where they are known."""
    labels, scored = split.test.labels.numpy(), []
    counts = np.bincount(labels, minlength=len(split.classes))
    for hits in found:
        tops = [of_mean(column, np.random.default_rng([seed, 4])) for column in (hits.top1, hits.top5)]
        sums = np.bincount(labels, hits.top1, minlength=len(split.classes))
        per_class = np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0).tolist()
        apart = by_group(hits.top1, groups, np.random.default_rng([seed, 5])) if groups else []
        scored.append(Scored(hits.how, *tops, per_class, apart))
    return Outcome(scored, split.classes, len(split.train.labels), len(labels))


def as_text(result: Outcome) -> str:
    """The outcome for reading."""
    width = max(len(one.how) for one in result.scored)
    lines = [f"{result.asked} images of {len(result.classes)} labels, {result.learnt} to learn from", ""]
    lines.append(f"{'':{width}}  top-1          top-5")
    for one in result.scored:
        lines.append(f"{one.how:{width}}  {_told(one.top1)}   {_told(one.top5)}")
        lines += [
            f"{'':{width}}  {_told(group.accuracy)}   {group.name}, {group.images} images" for group in one.groups
        ]
        if one.groups:
            worst, best = one.groups[0], one.groups[-1]
            gap = best.accuracy.value - worst.accuracy.value
            lines.append(f"{'':{width}}  {gap:.3f}          between {worst.name} (worst) and {best.name} (best)")
    return "\n".join([*lines, "", "± is half of the interval that covers 95 % of resampled images."])


def _told(estimate: Estimate) -> str:
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
