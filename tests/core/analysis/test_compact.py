"""Features small enough to keep: cosines from int8 numbers are those of the features."""

import torch

from core.analysis.compact import ACCURACY, compact, reduced
from tests.core.analysis.maps import as_map


def cosines(small):
    vectors = torch.cat([grid.flatten(0, 1) for grid in small.grids]).float() * small.scales
    return vectors @ vectors.T


def expected(maps):
    units = torch.nn.functional.normalize(torch.cat([m.patches.flatten(0, 1) for m in maps]), dim=1)
    return units @ units.T


def noisy(*shape):
    return as_map(torch.randn(*shape, generator=torch.Generator().manual_seed(0)))


def test_reduced_keeps_as_many_directions_as_asked_and_measures_what_is_lost():
    maps = [noisy(6, 7, 48), noisy(5, 4, 48)]
    errors = []
    for dims in (4, 16, 48, 100):
        small = reduced(maps, dims)
        assert [tuple(grid.shape) for grid in small.grids] == [(6, 7, min(dims, 48)), (5, 4, min(dims, 48))]
        off = (cosines(small) - expected(maps)).abs()
        off.fill_diagonal_(0)
        assert abs(small.error - off.flatten().quantile(0.95).item()) < 1e-3
        errors.append(small.error)
    assert errors[0] > errors[1] > errors[2] == errors[3] and errors[2] < ACCURACY


def test_compact_adds_directions_until_cosines_are_good():
    maps = [noisy(12, 12, 96)]
    assert reduced(maps, 8).error > ACCURACY >= compact(maps, 8).error
