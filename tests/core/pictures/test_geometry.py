"""Pixels to patches and back, exactly, for pictures of any shape."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import core
from core.pictures.geometry import LARGEST_SIZE, Geometry, plan_grid

SIDES = st.integers(1, 5000)


@st.composite
def geometries(draw):
    patch = draw(st.integers(1, 32))
    size = draw(st.integers(patch, min(LARGEST_SIZE, 80 * patch)))
    return plan_grid(draw(SIDES), draw(SIDES), size, patch)


def exact_box(g, row, column):
    """Left, top, right, bottom of a patch in whole-number arithmetic, not clipped."""
    stride = Fraction(max(g.height, g.width), max(g.rows, g.columns))
    left = (g.width - g.columns * stride) / 2 + column * stride
    top = (g.height - g.rows * stride) / 2 + row * stride
    return left, top, left + stride, top + stride


@settings(max_examples=500)
@given(geometries(), st.data())
def test_a_pixel_leads_to_the_patch_that_contains_it(g, data):
    x = data.draw(st.integers(0, g.width - 1)) + data.draw(st.sampled_from([0, 0.5]))
    y = data.draw(st.integers(0, g.height - 1)) + data.draw(st.sampled_from([0, 0.5]))
    row, column = g.patch_at(x, y)
    left, top, right, bottom = exact_box(g, row, column)
    assert left <= x < right or (x < left and column == 0) or (x >= right and column == g.columns - 1)
    assert top <= y < bottom or (y < top and row == 0) or (y >= bottom and row == g.rows - 1)
    left, top, right, bottom = g.box(row, column)
    if g.covered[0] <= x < g.covered[2] and g.covered[1] <= y < g.covered[3]:
        assert left <= x < right
        assert top <= y < bottom


@settings(max_examples=300)
@given(geometries(), st.data())
def test_a_patch_leads_to_its_box_and_back(g, data):
    row, column = data.draw(st.integers(0, g.rows - 1)), data.draw(st.integers(0, g.columns - 1))
    assert g.patch_at(*g.center(row, column)) == (row, column)
    left, top, right, bottom = g.box(row, column)
    assert 0 <= left < right <= g.width
    assert 0 <= top < bottom <= g.height
    expected = exact_box(g, row, column)
    limits = (g.width, g.height, g.width, g.height)
    assert (left, top, right, bottom) == tuple(
        float(min(max(edge, 0), limit)) for edge, limit in zip(expected, limits, strict=True)
    )


@settings(max_examples=300)
@given(SIDES, SIDES, st.integers(1, 32), st.data())
def test_the_grid_has_square_patches_and_covers_the_longer_side(height, width, patch, data):
    size = data.draw(st.integers(patch, min(LARGEST_SIZE, 80 * patch)))
    g = plan_grid(height, width, size, patch)
    assert abs(max(g.rows, g.columns) * patch - size) <= patch / 2
    left, top, right, bottom = g.covered
    assert (left, right) == (0, width) if width >= height else (top, bottom) == (0, height)
    assert right - left == pytest.approx(g.columns * g.stride)
    assert bottom - top == pytest.approx(g.rows * g.stride)
    assert left + right == pytest.approx(width)
    assert top + bottom == pytest.approx(height)
    if min(height, width) >= g.stride / 2:
        assert max(abs(left), abs(top)) <= g.stride / 4 * (1 + 1e-12)


def test_the_grid_turns_with_the_picture():
    lying, standing = plan_grid(427, 640, 518, 14), plan_grid(640, 427, 518, 14)
    assert (lying.rows, lying.columns) == (standing.columns, standing.rows) == (25, 37)


@pytest.mark.parametrize(
    ("size", "patches"), [(14, 1), (20, 1), (21, 2), (35, 3), (518, 37), (520, 37), (525, 38), (4096, 293)]
)
def test_size_is_rounded_to_the_nearest_patch(size, patches):
    assert plan_grid(100, 100, size, 14).rows == patches


@pytest.mark.parametrize("size", [0, 13, -518, LARGEST_SIZE + 1, float("nan")])
def test_sizes_that_are_refused(size):
    with pytest.raises(core.RequestError, match=f"size is {size}; choose from 14"):
        plan_grid(100, 100, size, 14)


def test_positions_outside_go_to_the_nearest_patch():
    g = Geometry(height=100, width=200, rows=5, columns=10, patch=14)
    assert g.patch_at(-50, -1) == (0, 0)
    assert g.patch_at(200, 100) == (4, 9)
    assert g.patch_at(1e9, 50) == (2, 9)
