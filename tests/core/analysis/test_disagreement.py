"""Where two models disagree: against a slow reference, across widths and grids, and where nothing can be said."""

import numpy as np
import pytest
import torch

from core import RequestError
from core.analysis import disagreement as module
from core.analysis.disagreement import disagreement
from core.analysis.grids import resampled
from core.features import FeatureMap
from core.pictures.geometry import plan_grid


def features(size: int, width: int, seed: int, height: int = 90, patch: int = 14) -> FeatureMap:
    """Random features of a picture 120 wide."""
    geometry = plan_grid(height, 120, size, patch)
    patches = torch.randn(geometry.rows, geometry.columns, width, generator=torch.Generator().manual_seed(seed))
    return FeatureMap(patches + 0.3, torch.zeros(width), geometry)


def slow_mean(values: np.ndarray, own, wanted) -> np.ndarray:
    """Means over the patches of another grid, patch by patch; own's outermost ones go on for ever."""

    out = np.zeros((wanted.rows, wanted.columns, values.shape[2]))
    for row, col in np.ndindex(wanted.rows, wanted.columns):
        total = 0.0
        for r, c in np.ndindex(own.rows, own.columns):
            area = 1.0
            for here, there, side, count in ((row, r, 1, own.rows), (col, c, 0, own.columns)):
                low, to = own.covered[side], wanted.covered[side]
                start = -1e9 if there == 0 else low + there * own.stride
                end = 1e9 if there == count - 1 else low + (there + 1) * own.stride
                area *= max(min(end, to + (here + 1) * wanted.stride) - max(start, to + here * wanted.stride), 0)
            out[row, col] += area * values[r, c]
            total += area
        out[row, col] /= total
    return out


def slow_disagreement(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Of features [N, D] on one grid, by numpy's own correlation."""
    cosines = []
    for vectors in (first, second):
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        cosines.append(unit @ unit.T)
    others = [np.arange(len(first)) != patch for patch in range(len(first))]
    return np.array([1 - np.corrcoef(cosines[0][i][keep], cosines[1][i][keep])[0, 1] for i, keep in enumerate(others)])


@pytest.mark.parametrize("together", [40, module.TOGETHER], ids=["in parts", "at once"])
def test_it_is_the_correlation_of_similarities_for_other_widths(monkeypatch, together):
    monkeypatch.setattr(module, "TOGETHER", together)
    first, second = features(98, 8, 0), features(98, 24, 1)
    found, grid = disagreement(first, second)
    wanted = slow_disagreement(*(each.patches.flatten(0, 1).double().numpy() for each in (first, second)))
    assert found.shape == (grid.rows, grid.columns) == first.grid
    assert np.allclose(found.flatten().numpy(), wanted, atol=1e-5)
    assert wanted.max() - wanted.min() > 0.3, "nothing to tell apart"


@pytest.mark.parametrize(("fine", "coarse"), [((196, 14), (84, 14)), ((160, 16), (98, 14))])
def test_the_finer_grid_is_averaged_onto_the_coarser_one(fine, coarse):
    first, second = features(fine[0], 8, 0, patch=fine[1]), features(coarse[0], 12, 1, patch=coarse[1])
    unit = first.patches / first.patches.norm(dim=-1, keepdim=True)
    on_coarse = slow_mean(unit.double().numpy(), first.geometry, second.geometry)
    assert np.allclose(resampled(unit, first.geometry, second.geometry).numpy(), on_coarse, atol=1e-5)
    wanted = slow_disagreement(on_coarse.reshape(-1, 8), second.patches.flatten(0, 1).double().numpy())
    for pair in ((first, second), (second, first)):
        found, grid = disagreement(*pair)
        assert grid == second.geometry
        assert np.allclose(found.flatten().numpy(), wanted, atol=1e-5)


def test_a_rotated_space_agrees_and_a_patch_that_changed_sides_does_not():
    two = torch.zeros(6, 6, 4)
    two[:, :3, 0], two[:, 3:, 1] = 1, 1
    two += 0.01 * torch.randn(two.shape, generator=torch.Generator().manual_seed(2))
    first = FeatureMap(two, torch.zeros(4), plan_grid(84, 84, 84, 14))
    turn, _ = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(3)))
    assert disagreement(first, FeatureMap(two @ turn * 7, first.cls, first.geometry))[0].max() < 1e-4
    changed = two.clone()
    changed[1, 1] = two[4, 4]
    found, _ = disagreement(first, FeatureMap(changed, first.cls, first.geometry))
    assert found.argmax() == 7 and found[1, 1] > 1.9
    assert found.flatten().sort().values[-2] < 0.5


def test_a_flat_picture_correlates_with_nothing_but_another_flat_one():
    flat = FeatureMap(torch.ones(7, 7, 8), torch.zeros(8), plan_grid(98, 98, 98, 14))
    random = FeatureMap(torch.randn(7, 7, 5, generator=torch.Generator().manual_seed(4)), torch.zeros(5), flat.geometry)
    assert disagreement(flat, flat)[0].eq(0).all()
    assert disagreement(flat, random)[0].eq(1).all()


def test_maps_of_other_pictures_and_tiny_grids_are_refused():
    with pytest.raises(RequestError, match="120×90 and 120×60 pixels"):
        disagreement(features(98, 8, 0), features(56, 8, 0, height=60))
    with pytest.raises(RequestError, match="1 patch has"):
        disagreement(features(14, 8, 0), features(98, 8, 0))
    with pytest.raises(RequestError, match="not on a grid of 5×7"):
        resampled(torch.zeros(4, 4, 1), features(98, 8, 0).geometry, features(56, 8, 0).geometry)
