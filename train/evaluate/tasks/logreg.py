"""The task `logreg`: logistic regression on labelled images."""

from dataclasses import dataclass

import numpy as np

from train.dist import World
from train.evaluate.accuracy import ranks
from train.evaluate.datasets.labelled_split import Split
from train.evaluate.probes.classification import Hits, hits_of
from train.evaluate.probes.logistic import logistic_logits
from train.evaluate.task import LabelledTask


@dataclass(frozen=True, kw_only=True)
class Logreg(LabelledTask):
    """The share of labelled images that logistic regression on frozen features gets right, its penalty chosen on
    images held out."""

    def hits(self, split: Split, world: World) -> list[Hits]:
        return logistic_regressions(split, self.images.seed)


def logistic_regressions(split: Split, seed: int) -> list[Hits]:
    """Logistic regression on cls tokens, and on these beside the mean patch."""
    found = []
    for inputs, mean_patch in (("cls", False), ("cls and mean patch", True)):
        train, test = (side.inputs(1, mean_patch) for side in split[:2])
        generator = np.random.default_rng([seed, 2])
        fitted = logistic_logits(train, split.train.labels, test, len(split.classes), generator)
        found.append(hits_of(f"{inputs} (C {fitted.penalty:g})", ranks(fitted.logits, split.test.labels)))
    return found
