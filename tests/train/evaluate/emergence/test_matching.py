"""Key points matched by features whose matches are known."""

import numpy as np
import pytest
import torch

from tests.train.evaluate.emergence.made import GRID, SIZE, known
from train.evaluate.emergence.matching import features_at, measure_matching, patch_centres

NAMES = ("nose", "left_eye", "right_eye", "tail_tip")


def scene(seed: int, **given):
    """A picture with key points in the middles of four patches, and one-hot features that name them."""
    places = np.random.default_rng(seed).permutation(GRID * GRID)[: len(NAMES)]
    patches = torch.zeros(GRID * GRID, len(NAMES) + 1)
    patches[:, -1] = 1.0
    patches[places] = torch.eye(len(NAMES) + 1)[:-1]
    points = patch_centres(GRID, SIZE)[places].numpy()
    return known(names=NAMES, points=points, extent=70.0, **given), patches.view(GRID, GRID, -1)


def measured(scenes, patches=None):
    pictures, features = zip(*scenes, strict=True)
    stacked = torch.stack(features) if patches is None else patches
    found = measure_matching(stacked, pictures, SIZE, np.random.default_rng(0))
    return {one.measure.key: one for one in found}


def scenes():
    photos = [scene(seed) for seed in range(4)]
    dogs = [scene(seed, category="dog") for seed in range(4, 8)]
    birds = [scene(8, category="owl", family="bird")]
    drawings = [scene(9 + place, domain=domain) for place, domain in enumerate(("cartoon", "sketch", "night"))]
    return photos + dogs + birds + drawings


def test_features_that_name_key_points_find_all():
    found = measured(scenes())
    assert list(found) == ["pck_category", "pck_family", "pck_cartoon", "pck_sketch", "pck_night"]
    assert all(one.estimate == (1.0, 1.0, 1.0) and one.best == 1.0 for one in found.values())
    assert [one.count for one in found.values()] == [8, 8, 4, 4, 4]


def test_features_that_name_the_wrong_side_find_half():
    """Left and right swapped in every other picture: names count as they are written."""
    given = [scene(seed) for seed in range(2)]
    swapped = given[1][1][..., [0, 2, 1, 3, 4]]
    assert measured([given[0], (given[1][0], swapped)])["pck_category"].estimate.value == 0.5


def test_constant_features_give_chance():
    given = scenes()
    constant = torch.full((len(given), GRID, GRID, 7), 0.3)
    for one in measured(given, constant).values():
        assert one.estimate.value == pytest.approx(one.chance)
        # one patch of 64 has its middle within 7 pixels, a tenth of the extent
        assert one.chance == pytest.approx(1 / 64)


def test_the_distance_that_counts_is_a_tenth_of_the_targets_extent():
    source, target = scene(0), scene(1)
    moved = target[0]._replace(points=target[0].points + np.float32([5.0, 3.0]))
    for extent, hit in ((59.0, 1.0), (58.0, 0.0)):  # √34 = 5.83
        found = measured([source, (moved._replace(extent=extent, domain="cartoon"), target[1])])["pck_cartoon"]
        assert found.estimate.value == found.best == hit


def test_only_names_that_both_have_are_asked():
    source, target = scene(0), scene(1)
    fewer = target[0]._replace(names=NAMES[2:3], points=target[0].points[2:3], domain="sketch")
    assert measured([source, (fewer, target[1])])["pck_sketch"].estimate.value == 1.0
    none = target[0]._replace(names=("bow",), points=target[0].points[:1], domain="sketch")
    assert measured([source, (none, target[1])]) == {}


def test_features_are_read_between_patches():
    patches = torch.arange(16.0).view(4, 4, 1)
    points = torch.tensor([[7.0, 7.0], [14.0, 7.0], [21.0, 35.0], [24.5, 28.0], [0.0, 0.0]])
    assert features_at(patches, points, 56)[:, 0].tolist() == pytest.approx([0.0, 0.5, 9.0, 7.25, 0.0])
