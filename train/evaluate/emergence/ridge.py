"""Linear regression in closed form, the penalty chosen on images that are held out. n rows, D width, L penalties."""

import numpy as np
import torch
from torch import Tensor

PENALTIES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Beside features of variance 1: how many times the mean square of each is added to it."""
HELD_OUT = 0.2
BLOCK = 2**15
"""Rows that are held in double precision at once."""


@torch.no_grad()
def ridge(x: Tensor, y: Tensor, groups: Tensor, test: Tensor, generator: np.random.Generator) -> Tensor:
    """Predictions of a linear layer for the rows `test` [m, D], float32 [m], trained on x [n, D] and y [n] float.

    Each penalty is fitted to four fifths of the groups (`groups` [n] int64, such as the image a patch is of) and
    judged on the fifth that is held out; the best is fitted to all. Features are standardised by the mean and
    deviation of x; sums are taken in double precision.
    """
    different, members = groups.unique(return_inverse=True)
    drawn = torch.from_numpy(generator.permutation(len(different)))
    held = torch.isin(members, drawn[: max(1, round(HELD_OUT * len(different)))])
    deviation, mean = torch.std_mean(x, dim=0, correction=0)
    scale = torch.where(deviation > 1e-6 * (mean.abs() + deviation), deviation, torch.inf)

    def standardised(rows: Tensor) -> Tensor:
        ones = torch.ones(len(rows), 1, dtype=torch.float64)
        return torch.cat([((rows - mean) / scale).double(), ones], dim=1)

    def sums(chosen: Tensor) -> tuple[Tensor, Tensor]:
        gram = torch.zeros(x.shape[1] + 1, x.shape[1] + 1, dtype=torch.float64)
        moments = torch.zeros(x.shape[1] + 1, dtype=torch.float64)
        for places in chosen.nonzero().squeeze(1).split(BLOCK):
            rows = standardised(x[places])
            gram += rows.T @ rows
            moments += rows.T @ y[places].double()
        return gram, moments

    def predicted(rows: Tensor, layers: Tensor) -> Tensor:
        return torch.cat([standardised(part) @ layers for part in rows.split(BLOCK)])

    train, held_out = sums(~held), sums(held)
    layers = torch.stack([_solved(*train, penalty) for penalty in PENALTIES], dim=1)
    errors = (predicted(x[held], layers) - y[held].double().unsqueeze(1)).square().mean(dim=0)
    best = PENALTIES[int(errors.argmin())]
    whole = _solved(train[0] + held_out[0], train[1] + held_out[1], best)
    return predicted(test, whole.unsqueeze(1))[:, 0].float()


def _solved(gram: Tensor, moments: Tensor, penalty: float) -> Tensor:
    """Weights [D + 1], the bias last and free of the penalty. Features that do not vary get 0."""
    rows = gram[-1, -1]
    ridges = torch.full_like(moments, float(penalty * rows))
    ridges[-1] = 0
    return torch.linalg.solve(gram + ridges.diag(), moments)
