"""Rendered pictures and their truth on the patch grid, against loops over pixels."""

from collections import Counter

import numpy as np
import pytest

from core import RequestError
from core.pictures.geometry import plan_grid
from train.evaluate.emergence import world_set
from train.evaluate.emergence.world_set import FIRST_SEED, SEEDS_EACH, on_grid, patch_of_pixels, render_set
from train.world import CATEGORIES, render


@pytest.fixture(scope="module")
def pictures():
    return render_set(120, 56, 4)


def test_patches_are_those_of_the_geometry():
    for size, grid in ((56, 4), (50, 4), (33, 5)):
        geometry = plan_grid(size, size, 14 * grid, 14)
        found = patch_of_pixels(size, grid)
        for y in range(size):
            for x in range(size):
                row, column = geometry.patch_at(x + 0.5, y + 0.5)
                assert found[y, x] == row * grid + column


def test_the_truth_of_a_patch_is_that_of_its_pixels():
    picture = render(5, "horse", size=56)
    truth, known = picture.truth, on_grid(picture, 4)
    for row in range(4):
        for column in range(4):
            box = slice(14 * row, 14 * row + 14), slice(14 * column, 14 * column + 14)
            parts = Counter(truth.parts[box].ravel().tolist())
            assert parts[int(known.parts[row, column])] == max(parts.values())
            assert known.objects[row, column] == pytest.approx(truth.mask[box].mean())
            depths = truth.depth[box][truth.depth[box] > 0]
            if len(depths) < 98:
                assert np.isnan(known.log_depth[row, column])
            else:
                assert known.log_depth[row, column] == pytest.approx(np.log(depths).mean(), abs=1e-4)
    assert np.isnan(known.log_depth).any() and np.isfinite(known.log_depth).any()
    y, x = (truth.instances == 1).nonzero()
    assert known.extent == max(np.ptp(y), np.ptp(x)) + 1
    visible = [point for point in truth.keypoints if point.visible and point.instance == 1]
    assert visible and known.names == tuple(point.name for point in visible)
    assert np.abs(known.points - [(point.x, point.y) for point in visible]).max() < 1e-4


def test_every_category_has_photos_drawings_and_copies(pictures):
    drawn = Counter((picture.category, picture.domain) for picture in pictures)
    for category in CATEGORIES:
        assert [drawn[category, domain] for domain in ("photo", "cartoon", "sketch")] == [4, 1, 1]
    copied = [picture for picture in pictures if picture.copy is not None]
    assert Counter(picture.category for picture in copied) == Counter(CATEGORIES.keys())
    assert all(picture.domain == "photo" and (picture.copy != picture.image).any() for picture in copied)


def test_scenes_are_beyond_trainings_and_differ_between_seeds(monkeypatch):
    asked = []
    monkeypatch.setattr(world_set, "render", lambda seed, *rest, **named: asked.append(seed) or _drawn(*rest, **named))
    for seed in (0, 1):
        render_set(60, 32, 2, seed)
    scenes = [seed for seed in asked if seed]  # seed 0 compiles
    assert len(set(scenes)) == 120 and min(scenes) == FIRST_SEED and max(scenes) == FIRST_SEED + SEEDS_EACH + 59


def _drawn(category="duck", domain="photo", size=32):
    return render(3, category, domain, size)


def test_processes_draw_the_same(pictures):
    again = render_set(60, 56, 4, workers=2)
    for one, other in zip(pictures, again, strict=False):
        assert np.array_equal(one.image, other.image) and np.array_equal(one.parts, other.parts)
        assert (one.copy is None) == (other.copy is None)


@pytest.mark.parametrize(("count", "seed"), [(59, 0), (SEEDS_EACH + 1, 0), (60, -1)])
def test_impossible_counts_are_refused(count, seed):
    with pytest.raises(RequestError, match="give 60 to"):
        render_set(count, 56, 4, seed)
