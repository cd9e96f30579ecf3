"""Points found where features are places; how close counts, by hand; values between patch centres."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.pictures.geometry import plan_grid
from train.evaluate.datasets.layouts.spair import Pair
from train.evaluate.features.positions import pixel_strips, sampled, sub_positions
from train.evaluate.features.token_maps import TokenMap
from train.evaluate.tasks import matching
from train.evaluate.tasks.matching import matched_points, measure_matching, scored


def placed(height: int, width: int) -> TokenMap:
    """Features that say where on the picture a patch is, as shares of its sides: the same in every picture."""
    geometry = plan_grid(height, width, 14 * 16, 14)
    centres = matching.patch_centres(TokenMap(torch.empty(0), torch.empty(0), geometry))
    angles = centres / torch.tensor([width, height]) * 2
    features = torch.cat([angles.cos(), angles.sin()], dim=1)
    return TokenMap(features.view(geometry.rows, geometry.columns, 4), torch.zeros(1), geometry)


def test_a_point_is_found_at_its_share_of_another_picture():
    source, target = placed(300, 400), placed(600, 500)
    points = torch.tensor([[100.0, 60.0], [390.0, 290.0], [200.0, 150.0]])
    expected = points * torch.tensor([500 / 400, 600 / 300])
    found = matched_points(source, target, points)
    assert (found - expected).abs().max() < target.geometry.stride


def test_what_is_found_is_counted(monkeypatch):
    maps = {"a": placed(300, 400), "b": placed(300, 400)}
    monkeypatch.setattr(matching, "load_with_places", lambda path: path.stem)
    monkeypatch.setattr(matching, "token_maps", lambda model, images, *_: [maps[images[0]]])
    points = np.array([[100.0, 60.0], [200.0, 150.0]], np.float32)
    pairs = [
        Pair(Path("a.jpg"), Path("b.jpg"), points, points, 300.0, "cat"),
        Pair(Path("b.jpg"), Path("a.jpg"), points, points + np.array([[0, 0], [90, 0]], np.float32), 300.0, "dog"),
    ]
    (one,) = measure_matching(None, pairs, 224, np.random.default_rng(0), radii=(0.1,))
    assert one.by_point.value == 0.75 and one.by_category == {"cat": 1.0, "dog": 0.5}
    # a circle of 30 pixels around a point in the picture of 300 × 400
    assert one.chance == pytest.approx(np.pi * 30**2 / (300 * 400), rel=0.15)


def test_points_and_pairs_weigh_differently():
    hits, tries = np.array([[1.0], [9.0]]), np.array([1, 18])
    (one,) = scored(hits, hits, tries, ["x", "x"], [0.1], np.random.default_rng(0))
    assert one.by_point.value == pytest.approx(10 / 19) and one.by_pair.value == 0.75


def test_a_ramp_is_read_at_every_pixel():
    geometry = plan_grid(60, 100, 140, 14)
    centres = matching.patch_centres(TokenMap(torch.empty(0), torch.empty(0), geometry))
    ramp = centres.view(geometry.rows, geometry.columns, 2)
    strips = torch.cat([strip for _, strip in pixel_strips(ramp, geometry)])
    assert strips.shape == (60, 100, 2)
    inner = strips[10:-10, 10:-10]
    assert (inner[..., 0] - (torch.arange(10, 90) + 0.5)).abs().max() < 1e-3
    assert (inner[..., 1] - (torch.arange(10, 50) + 0.5).unsqueeze(1)).abs().max() < 1e-3
    torch.testing.assert_close(sub_positions(geometry, 3).mean(dim=2), ramp)
    assert sampled(ramp, geometry, torch.tensor([[-50.0, 5.0]]))[0, 0] == ramp[0, 0, 0]  # the edge goes on
