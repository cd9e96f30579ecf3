"""Copies that are the same picture to a person and other bytes to a machine."""

import numpy as np
import pytest

from train.world import near_duplicate, render
from train.world.duplicates import KINDS


@pytest.fixture(scope="module")
def image():
    return render(3, "cat", size=96).image


def copies(image, count=40):
    return [near_duplicate(image, np.random.default_rng(seed)) for seed in range(count)]


def test_every_kind_comes_and_keeps_the_size(image):
    kinds = set()
    for copy, kind in copies(image):
        assert copy.shape == image.shape
        assert copy.dtype == np.uint8
        assert (copy != image).any(), kind
        kinds.add(kind)
    assert kinds == set(KINDS)


def test_a_copy_is_nearer_to_its_picture_than_another_picture_is(image):
    other = render(4, "cat", size=96).image
    aligned = {"recompress", "recolour", "overlay"}
    for copy, kind in copies(image):
        if kind in aligned:
            assert np.abs(copy.astype(int) - image).mean() < np.abs(other.astype(int) - image).mean(), kind


def test_a_generator_is_a_copy(image):
    (one, kind), (again, same) = (near_duplicate(image, np.random.default_rng(7)) for _ in range(2))
    assert kind == same
    np.testing.assert_array_equal(one, again)


def test_a_flip_is_the_mirror_image(image):
    flipped = next(copy for copy, kind in copies(image) if kind == "flip")
    np.testing.assert_array_equal(flipped[:, ::-1], image)


def test_the_picture_itself_is_not_touched(image):
    before = image.copy()
    copies(image, 12)
    np.testing.assert_array_equal(image, before)
