"""Whole pictures: the same seed, the same truth; every category stands, is seen and is named."""

import numpy as np
import pytest

from core import RequestError
from train.world import CATEGORIES, DOMAINS, KEYPOINTS, PARTS, WorldConfig, render
from train.world.catalogue import CATALOGUE
from train.world.scene import compose
from train.world.shapes import Builder, outline
from train.world.truth import BETWEEN_PARTS

ALONE = WorldConfig(several=0.0, occluded=0.0, clutter=0.0)
SMALL = 112


def test_names_keep_their_numbers():
    assert len(set(PARTS)) == len(PARTS) <= 256
    assert len(set(KEYPOINTS)) == len(KEYPOINTS)
    assert PARTS[0] == "background"
    assert (PARTS.index("head"), PARTS.index("wheel"), PARTS.index("sail")) == (1, 20, 31)
    assert list(CATALOGUE) == list(CATEGORIES)
    assert len(CATEGORIES) >= 16
    assert len(set(CATEGORIES.values())) >= 4


def test_a_seed_is_a_picture():
    one, again, other = (render(seed, size=SMALL) for seed in (11, 11, 12))
    np.testing.assert_array_equal(one.image, again.image)
    np.testing.assert_array_equal(one.truth.parts, again.truth.parts)
    assert one.truth.keypoints == again.truth.keypoints
    assert (one.image != other.image).any()
    assert one.image.shape == (SMALL, SMALL, 3)
    assert one.image.dtype == np.uint8


def test_a_category_can_be_drawn_or_chosen():
    drawn = render(11, size=64).truth.category
    np.testing.assert_array_equal(render(11, drawn, size=64).image, render(11, size=64).image)
    assert {render(seed, size=32).truth.category for seed in range(30)} > {drawn}


@pytest.mark.parametrize("category", ["cat", "sailing_boat", "fish", "car"])
def test_every_domain_has_the_same_truth(category):
    pictures = [render(4, category, domain, SMALL) for domain in DOMAINS]
    first = pictures[0].truth
    for picture in pictures[1:]:
        truth = picture.truth
        for name in ("instances", "parts", "depth"):
            np.testing.assert_array_equal(getattr(truth, name), getattr(first, name))
        assert truth.keypoints == first.keypoints
        assert (picture.image != pictures[0].image).mean() > 0.5


def test_domains_look_as_they_are_called():
    images = {domain: render(6, "dog", domain, SMALL, ALONE).image.astype(float) for domain in DOMAINS}
    assert images["night"].mean() < 0.6 * images["photo"].mean()
    strength = {domain: np.ptp(image, axis=2).mean() for domain, image in images.items()}
    assert strength["sketch"] < 20 < strength["cartoon"]
    assert np.median(images["sketch"]) > 200, "mostly paper"


@pytest.mark.parametrize("category", CATEGORIES)
def test_truth_fits_together(category):
    for seed in range(3):
        truth = render(seed, category, size=SMALL, options=ALONE).truth
        np.testing.assert_array_equal(truth.mask, truth.parts > 0)
        assert (truth.depth[truth.mask] > 0).all()
        assert truth.category == category
        assert truth.family == CATEGORIES[category]
        assert truth.objects == (category,)
        assert not truth.occluded
        rows, cols = np.flatnonzero(truth.mask.any(1)), np.flatnonzero(truth.mask.any(0))
        span = max(np.ptp(rows), np.ptp(cols)) / SMALL
        assert span > 0.38, f"seed {seed}: {category} is only {span:.0%} of the picture"
        edge = np.concatenate([truth.mask[0], truth.mask[-1], truth.mask[:, 0], truth.mask[:, -1]])
        assert edge.mean() < 0.12, f"seed {seed}: cut off"


@pytest.mark.parametrize("category", CATEGORIES)
def test_neither_place_nor_surroundings_name_a_thing(category):
    found = [compose(seed, category, SMALL, ALONE).place.name for seed in range(40)]
    assert 4 <= sum(name not in CATALOGUE[category].settings for name in found) <= 26, found
    truths = [render(seed, category, size=SMALL, options=ALONE).truth for seed in range(16)]
    centres = np.array([np.argwhere(truth.mask).mean(0) / SMALL for truth in truths])
    assert (centres.std(0) > 0.025).all(), centres.std(0)


@pytest.mark.parametrize("category", CATEGORIES)
def test_seen_keypoints_lie_on_their_part(category):
    names, belongs = set(), {}
    for seed in range(20):
        builder = Builder()
        CATALOGUE[category].build(builder, np.random.default_rng(seed))
        for mark in builder.marks:
            belongs.setdefault(mark.name, set()).add(PARTS.index(mark.part))
    for seed in range(6):
        truth = render(seed, category, size=224).truth
        for point in truth.keypoints:
            if not point.visible or truth.objects[point.instance - 1] != category:
                continue
            col, row = int(point.x), int(point.y)
            around = np.s_[max(row - 2, 0) : row + 3, max(col - 2, 0) : col + 3]
            loose = point.name in BETWEEN_PARTS
            on = (truth.parts[around] > 0) if loose else np.isin(truth.parts[around], list(belongs[point.name]))
            assert (on & (truth.instances[around] == point.instance)).any(), point
            names.add(point.name)
    assert len(names) >= 4, names


@pytest.mark.parametrize("category", ["cat", "dog", "horse", "giraffe", "elephant", "owl", "car", "truck", "bus", "chair", "table", "aeroplane", "helicopter"])  # fmt: skip
def test_things_stand_on_the_ground(category):
    for seed in range(6):
        builder = Builder()
        CATALOGUE[category].build(builder, np.random.default_rng(seed))
        shapes, _, _ = builder.placed(np.eye(3), np.zeros(3), 1.0, 1, 0, 0)
        points = outline(shapes)
        assert abs(points[:, 1].min()) < 0.03 * np.ptp(points, axis=0).max()


def test_options_are_shares():
    several = [render(seed, "duck", size=32, options=WorldConfig(several=1.0, occluded=0.0)).truth for seed in range(6)]
    assert all(len(truth.objects) > 1 for truth in several)
    assert any(truth.instances.max() > 1 for truth in several)
    hidden = [render(seed, "duck", size=64, options=WorldConfig(0.0, 1.0, 0.0)).truth for seed in range(6)]
    plain = [render(seed, "duck", size=64, options=ALONE).truth for seed in range(6)]
    assert all(truth.occluded for truth in hidden)
    assert sum(a.mask.sum() for a in hidden) < sum(b.mask.sum() for b in plain)
    assert all((a.mask <= b.mask).all() for a, b in zip(hidden, plain, strict=True))


def test_size_changes_the_sampling_only():
    small, large = (render(9, "bus", size=size, options=ALONE).truth for size in (64, 128))
    shrunk = large.mask.reshape(64, 2, 64, 2).mean((1, 3)) > 0.5
    assert (small.mask == shrunk).mean() > 0.97
    for a, b in zip(small.keypoints, large.keypoints, strict=True):
        assert (2 * a.x, 2 * a.y) == pytest.approx((b.x, b.y), abs=1e-3)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"category": "unicorn"}, "songbird"),
        ({"domain": "oil"}, "sketch"),
        ({"size": 8}, "32"),
        ({"seed": -1}, "-1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(given, words):
    with pytest.raises(RequestError, match=words):
        render(**({"seed": 0} | given))


def test_importing_compiles_nothing():
    import subprocess
    import sys

    program = "import sys, train.world; print('numba' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert result.stdout.strip() == "False", result.stderr
