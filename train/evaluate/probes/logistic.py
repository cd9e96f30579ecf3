"""Logistic regression on frozen features, its penalty chosen on images that are held out. n images, D width, C classes.

Oquab et al. 2023, section 7.1, choose among 45 penalties so; here nine that span the same range's useful middle.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from train.evaluate.accuracy import require_labelled

PENALTIES = tuple(10.0**power for power in range(-4, 5))
"""scikit-learn's C for features of length 1: how much the images weigh against the penalty on the weights."""
HELD_OUT = 0.2
ITERATIONS = 1000


class Logistic(NamedTuple):
    """Logits [m, C] of the test images, and the C that was chosen."""

    logits: Tensor
    penalty: float


def logistic_logits(
    train_x: Tensor, train_y: Tensor, test_x: Tensor, classes: int, generator: np.random.Generator
) -> Logistic:
    """Of test features [m, D], fitted to features [n, D] and labels [n] int64. Features are brought to length 1.

    A fifth of the images chooses C where every class has two images to learn from, and 1 is taken otherwise. Classes
    without an image to learn from get −infinity.
    """
    require_labelled(train_x, train_y, "training")
    x, test = (F.normalize(part.float(), dim=1).numpy() for part in (train_x, test_x))
    y = train_y.numpy()
    held = _held_out(y, generator)
    chosen = 1.0
    if held.any() and not held.all() and len(np.unique(y[~held])) > 1:
        hits = [(_fitted(x[~held], y[~held], c).predict(x[held]) == y[held]).mean() for c in PENALTIES]
        chosen = PENALTIES[int(np.argmax(hits))]
    model = _fitted(x, y, chosen)
    scores = model.decision_function(test)
    if scores.ndim == 1:  # of two classes, one number
        scores = np.stack([-scores, scores], axis=1)
    logits = torch.full((len(test), classes), -torch.inf)
    logits[:, torch.from_numpy(model.classes_)] = torch.from_numpy(scores).float()
    return Logistic(logits, chosen)


def _held_out(y: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A fifth of every class that has two images or more, at least one of each; bool [n]."""
    held = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        members = generator.permutation(np.flatnonzero(y == label))
        if len(members) > 1:
            held[members[: max(1, round(HELD_OUT * len(members)))]] = True
    return held


def _fitted(x: np.ndarray, y: np.ndarray, penalty: float):
    from sklearn.linear_model import LogisticRegression  # 1 s to import, wanted only here

    return LogisticRegression(C=penalty, max_iter=ITERATIONS).fit(x, y)
